"""The proof: a graph followed node by node, and the verdict on its outputs.

A verdict of `independent` holds for all inputs of any size. `dependent` is final as well: rows meet, or a row's place
or the number of rows enters. `undecided` means that no rule can decide, and that only trial runs can.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from airworthy.core.graph import Graph, Node, Program
from airworthy.targets.rows import (
    batched,
    control,
    counting,
    elementwise,
    indexing,
    layout,
    products,
    reductions,
    sizes,
)
from airworthy.targets.rows.flow import FREE, Broken, Domain, Flow, Level, Question, Taint
from airworthy.targets.rows.step import NodeStep, Rule
from airworthy.targets.rows.verdict import DEPENDENT, INDEPENDENT, UNDECIDED, Reason, Verdict

RULES: dict[str, Rule] = {
    **layout.RULES,
    **counting.RULES,
    **elementwise.RULES,
    **indexing.RULES,
    **products.RULES,
    **reductions.RULES,
    **batched.RULES,
    **control.RULES,
}
"""The rule of each operator; of those of other sets than the standard one by `set:operator`."""
_KNOWN_SETS = ("", "ai.onnx.ml")
_BEYOND_PLACES = ("Shape", "Size", "GatherND")
"""Operators whose rules say themselves whether an output depends on places."""
_TAKES_SIZES = frozenset(
    [
        "Shape",
        "Size",
        "Reshape",
        "Expand",
        "Tile",
        "Slice",
        "ConstantOfShape",
        "Range",
        "Pad",
        "Resize",
        "Upsample",
        "Split",
        "Squeeze",
        "Unsqueeze",
        "Concat",
        "Gather",
    ]
)
"""Operators that take sizes as sizes; their rules look after what else is made of them."""
_BATCH, _LENGTH = "batch", "length"


def rows(program: Program) -> Verdict:
    """Whether each row of the outputs depends on that row of the inputs alone."""
    domain = Domain(Question.ROWS, _BATCH)
    graph = program.graph
    names = {_symbol(graph, name, 0) for name in graph.inputs} - {""}
    flows = []
    for name in graph.inputs:
        value = graph.values.get(name)
        if value is None or not value.shape or value.shape[0] != -1 or len(names) > 1:
            return Verdict(DEPENDENT, Reason.FIXED.value)
        rest = [_size(domain, graph, name, axis) for axis in range(1, len(value.shape))]
        if any(_symbol(graph, name, axis) in names for axis in range(1, len(value.shape))):
            return Verdict(DEPENDENT, Reason.MIXED.value)
        flows.append(domain.made([(_BATCH,), *rest]))
    if not graph.inputs or not graph.outputs:
        return Verdict(DEPENDENT, Reason.FIXED.value)
    made = _Walker(domain, program.opsets).graph(graph, flows, None)
    return _worst(_row_of(flow) for flow in made)


def padding(program: Program, pads: Mapping[str, int], wanted: str) -> Verdict:
    """Whether an output stays the same where texts are padded along their second axis.

    Args:
        program: the model; every input has texts along its first axis and tokens along its second.
        pads: what each input is padded with.
        wanted: the output, which has no axis of tokens.
    """
    domain = Domain(Question.PADDING, _LENGTH)
    graph = program.graph
    flows = []
    for name in graph.inputs:
        value = graph.values.get(name)
        if value is None or value.shape is None or len(value.shape) != 2 or name not in pads:
            return Verdict(UNDECIDED, Reason.SIZES.value)
        flows.append(domain.made([("rows",), (_LENGTH,)], {1: float(pads[name])}))
    if wanted not in graph.outputs:
        return Verdict(UNDECIDED, Reason.UNREAD.value)
    made = _Walker(domain, program.opsets).graph(graph, flows, None, (wanted,))
    return _worst(_without_tokens(flow) for flow in made)


def repeats(program: Program) -> Verdict:
    """Whether a model answers the same request the same way each time: `independent` of everything but the request."""
    unknown: Verdict | None = None
    for graph, node in _all_nodes(program.graph):
        key = _key(node)
        trains = node.operator == "Dropout" and any(node.inputs[2:3]) and graph.numbers.get(node.inputs[2]) != (0,)
        if key in batched.RANDOM or trains:
            return Verdict(DEPENDENT, Reason.RANDOM.value, node.name, node.operator)
        if unknown is None and key not in RULES and node.domain not in _KNOWN_SETS:
            unknown = Verdict(UNDECIDED, Reason.OPERATOR.value, node.name, node.operator)
    return unknown or Verdict(INDEPENDENT)


def _row_of(flow: Flow) -> Taint | None:
    """What is wrong with an output that must have one slice for each row."""
    if flow.taint is not None:
        return flow.taint
    if flow.placed is not None:
        return flow.placed
    fits = flow.shape is not None and flow.shape[:1] == ((_BATCH,),) and set(flow.axes) == {0}
    return None if fits else Taint(Level.DEPENDENT, Reason.LOST, "", "")


def _without_tokens(flow: Flow) -> Taint | None:
    if flow.taint is None and flow.follows:
        return Taint(Level.DEPENDENT, Reason.LOST, "", "")
    return flow.taint


def _worst(taints: Iterable[Taint | None]) -> Verdict:
    found = [taint for taint in taints if taint is not None]
    if not found:
        return Verdict(INDEPENDENT)
    final = [taint for taint in found if taint.level is Level.DEPENDENT]
    taint = (final or found)[0]
    return Verdict(DEPENDENT if final else UNDECIDED, taint.reason.value, taint.node, taint.operator)


def _symbol(graph: Graph, name: str, axis: int) -> str:
    value = graph.values.get(name)
    return value.symbols[axis] if value is not None and axis < len(value.symbols) else ""


def _size(domain: Domain, graph: Graph, name: str, axis: int) -> sizes.Size:
    shape = graph.values[name].shape or ()
    if shape[axis] >= 0:
        return sizes.of(shape[axis])
    symbol = _symbol(graph, name, axis)
    return (f"size {symbol}",) if symbol else domain.unknown()


def _key(node: Node) -> str:
    return f"{node.domain}:{node.operator}" if node.domain else node.operator


def _all_nodes(graph: Graph) -> Iterable[tuple[Graph, Node]]:
    for node in graph.nodes:
        yield graph, node
        for inner in node.graphs:
            yield from _all_nodes(inner)


def _used(graph: Graph) -> set[str]:
    """Names that a graph's nodes take, those of graphs within it too."""
    used = set(graph.outputs)
    for node in graph.nodes:
        used.update(node.inputs)
        for inner in node.graphs:
            used |= _used(inner)
    return used


def _needed(graph: Graph, outputs: Sequence[str]) -> list[Node]:
    """The nodes that outputs come from."""
    wanted = set(outputs)
    kept = []
    for node in reversed(graph.nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
            for inner in node.graphs:
                wanted |= _used(inner)
    return kept[::-1]


class _Scope:
    """The values of a graph, and of those around it."""

    def __init__(self, around: _Scope | None) -> None:
        self.values: dict[str, Flow] = {}
        self._around = around

    def get(self, name: str) -> Flow:
        found = self.values.get(name)
        if found is not None:
            return found
        if self._around is not None:
            return self._around.get(name)
        return Flow(taint=Taint(Level.UNDECIDED, Reason.UNREAD, "", name))


class _Walker:
    """Follows graphs node by node."""

    def __init__(self, domain: Domain, opsets: Mapping[str, int]) -> None:
        self._domain = domain
        self._opsets = opsets

    def graph(
        self, graph: Graph, flows: Sequence[Flow], around: _Scope | None, outputs: Sequence[str] | None = None
    ) -> list[Flow]:
        """The flows of a graph's outputs."""
        scope = _Scope(around)
        for name in graph.weights:
            scope.values[name] = _stored(graph, name)
        scope.values.update(zip(graph.inputs, flows, strict=False))
        outputs = graph.outputs if outputs is None else outputs
        for node in _needed(graph, outputs):
            if node.operator == "Constant" and not node.domain:
                for name in node.outputs:
                    scope.values.setdefault(name, FREE)
                continue
            made = self._node(node, scope)
            for name, flow in zip(node.outputs, made, strict=False):
                scope.values[name] = flow
        return [scope.get(name) for name in outputs]

    def _node(self, node: Node, scope: _Scope) -> list[Flow]:
        flows = [scope.get(name) if name else None for name in node.inputs]
        given = [flow for flow in flows if flow is not None]
        key = _key(node)
        if key in batched.RANDOM or (node.operator == "Dropout" and _trains(flows)):
            return self._all(node, Taint(Level.DEPENDENT, Reason.RANDOM, node.name, node.operator))
        taints = [flow.taint for flow in given if flow.taint is not None]
        if taints:
            return self._all(node, self._carried(node, key, taints, given))
        by_place = next((flow.placed for flow in given if flow.placed is not None), None)
        step = NodeStep(
            node, flows, self._domain, self._opsets.get(node.domain, 1), lambda g, f: self.graph(g, f, scope)
        )
        free = step.nothing_followed() and not node.graphs
        rule = RULES.get(key)
        if rule is None:
            if free and node.domain in _KNOWN_SETS:
                return [FREE] * len(node.outputs)
            return self._all(node, Taint(Level.UNDECIDED, Reason.OPERATOR, node.name, node.operator))
        level, reason = Level.UNDECIDED, Reason.SIZES
        try:
            made = rule(step)
            if (
                key not in _TAKES_SIZES
                and any(map(self._domain.counts, given))
                and any(f.content is None for f in made)
            ):
                # A number of rows that goes on as a number like any other.
                return self._all(node, Taint(Level.DEPENDENT, Reason.COUNT, node.name, node.operator))
            made += [step.tainted(level, reason)] * (len(node.outputs) - len(made))
            if by_place is None or key in _BEYOND_PLACES:
                return made
            return [flow._replace(placed=flow.placed or by_place) for flow in made]
        except Broken as broken:
            level, reason = broken.level, broken.reason
        except (IndexError, ValueError, TypeError, ZeroDivisionError, OverflowError, KeyError):
            # A graph whose sizes contradict each other: the runtime refuses it, and here nothing is known.
            pass
        if free:
            return [FREE] * len(node.outputs)
        if by_place is not None and key in indexing.PLACES:
            # Each row may well take its own.
            level, reason = Level.UNDECIDED, Reason.INDEXED
        return self._all(node, Taint(level, reason, node.name, node.operator))

    def _carried(self, node: Node, key: str, taints: Sequence[Taint], given: Sequence[Flow]) -> Taint:
        """What is wrong with what comes of values that something is wrong with."""
        worst = max(taints, key=lambda taint: taint.level.value)
        steered = given[0].taint is not None and node.operator in ("If", "Loop")
        if worst.level is Level.UNDECIDED and (key in batched.WHOLE or steered):
            return Taint(Level.DEPENDENT, Reason.MIXED, node.name, node.operator)
        return worst

    def _all(self, node: Node, taint: Taint) -> list[Flow]:
        return [Flow(taint=taint)] * len(node.outputs)


def _trains(flows: Sequence[Flow | None]) -> bool:
    """Whether a Dropout may drop something: whether its third input is anything but a stored `false`."""
    return len(flows) > 2 and flows[2] is not None and flows[2].scalar != 0


def _stored(graph: Graph, name: str) -> Flow:
    value = graph.values.get(name)
    if value is None or value.shape is None:
        return FREE
    shape = tuple(sizes.of(size) for size in value.shape)
    numbers = graph.numbers.get(name)
    reals = graph.reals.get(name)
    content = None
    if numbers is not None and len(shape) <= 1:
        content = tuple(sizes.of(number) for number in numbers)
    scalar = None
    single = numbers if numbers is not None else reals
    if single is not None and len(single) == 1:
        scalar = float(single[0])
    return Flow(shape, {}, content, scalar, reals)

"""Where each node of a graph would run, target by target, and what of its arithmetic leaves.

ONNX Runtime gives each node to the first provider that takes it, so a node that a target lacks falls to the next one
of its chain, at last to the CPU. A node that only works sizes out is left on the CPU on purpose by providers that run
kernel by kernel, and is no loss. What no provider has runs as the operators that its definition is made of, where it
has such a definition; on the CPU 16-bit floats are computed in 32 bit between casts.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from airworthy.core.graph import Graph, Node, Program
from airworthy.core.values import OperatorGap
from airworthy.knowledge import operators as tables
from airworthy.knowledge.operators import Condition, Schema, Support, Target
from airworthy.targets.arithmetic import operations
from airworthy.targets.borders import borders
from airworthy.targets.infer import Inference
from airworthy.targets.sizes import assumed

RUNS, PARTS, CASTS, SHAPE, FALLS, MISSING, UNKNOWN = "runs", "parts", "casts", "shape", "falls", "missing", "unknown"
"""The verdicts: on the target · as the operators it is made of · in 32 bit between casts · on the CPU on purpose ·
on another target · nowhere · can't be told."""
_SHORT = ("FP16", "BF16")
_STORED = "Constant"
MOST_NESTED = 4
"""Definitions within definitions."""
MOST_BORDERS = 1000
"""Values that cross a border and are named."""


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """One use of an operator on one target."""

    verdict: str
    """One of the verdicts above."""
    to: str = ""
    """For `falls`: the target that takes it."""
    reason: str = ""
    """Why the target doesn't: `operator` (it has none), `type`, `opset`, `condition` (it asks more of a node, such as
    two dimensions or constant weights), `domain` (nobody knows the operator)."""
    types: tuple[str, ...] = ()
    """The element types that the target has it for, in this operator set."""
    newest: int = 0
    """For the reason `opset`: the newest version of the operator that the target has."""


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """The nodes that use one operator in one form with the same types: a row of the matrix."""

    domain: str
    """The operator set; empty for the standard one."""
    operator: str
    """The operator."""
    since: int
    """The operator set in which it took the form in use; 0 where the tables don't know it."""
    inputs: tuple[str, ...]
    """Element types of the inputs; empty where not known, `-` where left out."""
    outputs: tuple[str, ...]
    """Element types of the outputs."""
    nodes: int
    """How many nodes."""
    arithmetic: int
    """Operations of all of them, as far as known."""
    targets: dict[str, Cell]
    """What each target does with it, sizes apart."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One target: how much of the graph stays."""

    target: str
    """The target."""
    provider: str
    """Its name in the runtime."""
    version: str
    """What its table is of."""
    source: str
    """Where its table is from, with the day of the look-up."""
    nodes: int
    """Nodes of the graph, stored constants apart."""
    runs: int
    """Nodes that the target runs, those included that run as parts or between casts."""
    shape: int
    """Nodes that work sizes out and stay on the CPU on purpose."""
    falls: int
    """Nodes that another target takes."""
    missing: int
    """Nodes that nothing takes: the model does not load."""
    unknown: int
    """Nodes that can't be judged."""
    arithmetic_leaving: float | None
    """The share of the arithmetic that leaves for the CPU, from 0 to 1; None where no node's arithmetic is known."""
    subgraphs: int
    """Runs of nodes on the target between two stays elsewhere."""
    crossings: int
    """Values that pass a border between the target and another."""
    borders: tuple[tuple[str, str, str], ...]
    """The first of them: value, from, to."""
    fixed_shapes: bool
    """Whether the target takes fixed sizes alone and the graph leaves sizes open: it then takes nothing as it is."""


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """Operators by targets, and what follows."""

    uses: tuple[Use, ...]
    """The rows, most arithmetic first."""
    shares: tuple[Share, ...]
    """One a target, in the order asked."""
    sizes: dict[str, int]
    """What open sizes were taken for."""
    arithmetic: int
    """Operations of the whole graph at those sizes, as far as known."""
    uncounted: int
    """Nodes whose arithmetic is not known."""
    gaps: tuple[OperatorGap, ...]
    """What targets lack, for the catalogue."""


_Key = tuple[str, str, int, tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Operator set, operator, form, types of inputs, types of outputs, targets whose conditions are not met."""


class _Placed(msgspec.Struct):
    node: Node
    key: _Key
    cells: dict[str, Cell]
    work: int | None
    sizes_only: bool


def judge(program: Program, targets: Sequence[str], sizes: dict[str, int] | None = None) -> Matrix:
    """Hold a graph against targets of `knowledge.operators.TARGETS`."""
    taken = assumed(program.graph, sizes or {})
    open_sizes = bool(taken)
    known = {name: tables.target(name) for name in _needed(targets)}
    levels: list[list[_Placed]] = []
    _place(program.graph, Inference(taken), _Bench(program.opsets, known), levels)
    everything = [placed for level in levels for placed in level]
    total = sum(placed.work or 0 for placed in everything)
    shares = tuple(_share(known[name], everything, levels, total, open_sizes) for name in targets)
    uses = tuple(_uses(everything, targets))
    return Matrix(
        uses=uses,
        shares=shares,
        sizes=taken,
        arithmetic=total,
        uncounted=sum(placed.work is None for placed in everything),
        gaps=(*_open_sizes(shares, taken), *_gaps(uses, targets, total, known)),
    )


def _needed(targets: Sequence[str]) -> list[str]:
    """The targets with those that they fall to."""
    found = dict.fromkeys(targets)
    for name in targets:
        found |= dict.fromkeys(tables.target(name).falls_to)
    return list(found)


class _Bench:
    """What judges a use, once for all nodes that use an operator the same way."""

    def __init__(self, opsets: dict[str, int], known: dict[str, Target]) -> None:
        self.opsets = opsets
        self._known = known
        self._judged: dict[_Key, tuple[_Key, dict[str, Cell]]] = {}

    def unmet(self, node: Node, state: Inference, constant: set[str]) -> tuple[str, ...]:
        """The targets that ask of a node what it doesn't give; what isn't known is taken to be met."""
        if node.domain:
            return ()
        return tuple(
            name
            for name, where in self._known.items()
            if (asked := where.conditions.get(node.operator)) and not _met(asked, node, state, constant)
        )

    def judge(self, node: Node, state: Inference, constant: set[str]) -> tuple[_Key, dict[str, Cell]]:
        """The row that a node belongs to, and what each target does with it."""
        domain, operator = node.domain, node.operator
        inputs = tuple(state.type(name) for name in node.inputs)
        outputs = tuple(state.type(name) for name in node.outputs)
        asked = (domain, operator, 0, inputs, outputs, self.unmet(node, state, constant))
        if asked not in self._judged:
            opset = self.opsets.get(domain, 1)
            form = tables.schema(domain, operator, opset)
            key = (domain, operator, form.since if form else 0, *asked[3:])
            self._judged[asked] = key, _cells(key, form, opset, self._known)
        return self._judged[asked]


def _met(asked: Condition, node: Node, state: Inference, constant: set[str]) -> bool:
    shape = state.value(node.inputs[0]).shape if node.inputs else None
    if asked.axes and shape is not None and len(shape) not in asked.axes:
        return False
    given = (node.inputs[index] for index in asked.constant if index < len(node.inputs))
    return all(not name or name in constant for name in given)


def _place(
    graph: Graph, state: Inference, bench: _Bench, levels: list[list[_Placed]], around: frozenset[str] = frozenset()
) -> None:
    """Judge every node of a graph and of those within it; `around` is what is constant outside of it."""
    state.begin(graph)
    constant = {*around, *graph.weights}
    level: list[_Placed] = []
    levels.append(level)
    sized: set[str] = set()
    for node in graph.nodes:
        state.node(node, bench.opsets)
        for inner in node.graphs:
            _place(inner, Inference(state.sizes, state), bench, levels, frozenset(constant))
        if node.operator == _STORED and not node.domain:
            continue
        if node.inputs and all(not name or name in constant for name in node.inputs):
            constant |= {*node.outputs}  # runtimes work such nodes out once, before they share the graph out
        key, cells = bench.judge(node, state, constant)
        made = _works_sizes_out(node, graph, sized, key[4])
        if made:
            sized |= set(node.outputs)
        level.append(_Placed(node, key, cells, operations(state, node), made))


def _works_sizes_out(node: Node, graph: Graph, sized: set[str], outputs: tuple[str, ...]) -> bool:
    """Whether a node only works sizes out: it starts from `Shape` or `Size` and goes on in whole numbers.

    A node's own `Shape` runs anywhere; what follows it is moved by ONNX Runtime's `GetCpuPreferredNodes` (in
    core/framework/fallback_cpu_capability.cc).
    """
    if node.operator in ("Shape", "Size"):
        return True
    told = [name for name in node.inputs if name and name not in graph.weights]
    return bool(told) and all(name in sized for name in told) and all(each in ("INT64", "INT32") for each in outputs)


def _cells(key: _Key, form: Schema | None, opset: int, known: dict[str, Target]) -> dict[str, Cell]:
    """What each target does with a use."""
    found = {name: _own(key, form, where) for name, where in known.items()}
    cells = {}
    for name, where in known.items():
        own = found[name]
        if own.verdict == MISSING:
            taker = next((each for each in where.falls_to if found[each].verdict in (RUNS, CASTS)), "")
            if taker:
                own = msgspec.structs.replace(own, verdict=FALLS, to=taker)
            elif form is not None and tables.definition(key[0], form, opset):
                chain = [where, *(known[each] for each in where.falls_to)]
                own = msgspec.structs.replace(own, verdict=_as_parts(key, form, opset, chain))
            elif any(found[each].verdict == UNKNOWN for each in where.falls_to):
                own = msgspec.structs.replace(own, verdict=UNKNOWN)
        cells[name] = own
    return cells


def _as_parts(key: _Key, form: Schema, opset: int, chain: Sequence[Target], depth: int = 0) -> str:
    """Whether the operators that one is made of run somewhere in a chain of targets with the type of its first input.

    A definition that casts may go on in another type, and one that depends on its use is not in the table. `CastLike`
    gives constants the type of the input; it is a `Cast` by the time that it runs.
    """
    if not form.parts:
        return UNKNOWN
    type_ = (key[3] or key[4] or ("",))[0]
    for told in form.parts:
        name = "Cast" if told == "CastLike" else told
        part = tables.schema(key[0], name, opset)
        if part is None:
            return UNKNOWN
        leading = part.signature.input(0)
        inputs = tuple(type_ if slot.rstrip("*~") == leading else tables.OMITTED for slot in part.signature.inputs)
        use = (key[0], name, part.since, inputs, (), ())
        if any(_own(use, part, where).verdict in (RUNS, CASTS) for where in chain):
            continue
        nested = depth < MOST_NESTED and tables.definition(key[0], part, opset)
        verdict = _as_parts(use, part, opset, chain, depth + 1) if nested else MISSING
        if verdict != PARTS:
            return UNKNOWN if "Cast" in form.parts else verdict
    return PARTS


def _own(key: _Key, form: Schema | None, where: Target) -> Cell:
    """What a target itself has for a use."""
    domain, name, _, inputs, outputs, unmet = key
    if form is None:
        # An operator set of somebody's own: the library that brings it decides.
        known = domain in ("", "com.microsoft", "ai.onnx.ml")
        return Cell(MISSING if known else UNKNOWN, reason="domain")
    if form.deprecated:
        return Cell(MISSING, reason="opset", newest=max(form.since - 1, 1))
    told = tables.support(where, domain, name, form, inputs, outputs)
    if told.kind in ("yes", "unknown") and where.target in unmet:
        return Cell(MISSING, reason="condition", types=told.types)
    if told.kind == "yes":
        return Cell(RUNS, types=told.types)
    if told.kind == "unknown":
        return Cell(UNKNOWN, reason="opset" if told.since else "type", types=told.types, newest=told.since)
    if told.kind == "type" and where.target == "cpu" and "FP16" in (*inputs, *outputs):
        wider = tables.support(where, domain, name, form, _widened(inputs), _widened(outputs))
        if wider.kind in ("yes", "unknown"):
            return Cell(CASTS if wider.kind == "yes" else UNKNOWN, reason="type", types=told.types)
    return _lacking(told)


def _lacking(told: Support) -> Cell:
    reason = {"no": "operator", "type": "type", "opset": "opset"}[told.kind]
    return Cell(MISSING, reason=reason, types=told.types, newest=told.since)


def _widened(types: tuple[str, ...]) -> tuple[str, ...]:
    """Types as they are after the casts that ONNX Runtime puts around a node for the CPU (`InsertCastTransformer`)."""
    return tuple("FP32" if each == "FP16" else each for each in types)


def _verdict(placed: _Placed, where: Target) -> str:
    verdict = placed.cells[where.target].verdict
    aside = (
        placed.sizes_only and where.kernels and where.target != "cpu" and placed.node.operator not in ("Shape", "Size")
    )
    return SHAPE if aside and verdict in (RUNS, FALLS) else verdict


def _share(
    where: Target, everything: list[_Placed], levels: list[list[_Placed]], total: int, open_sizes: bool
) -> Share:
    """How much of the graph stays on a target."""
    counts = Counter(_verdict(placed, where) for placed in everything)
    name = where.target
    leaving = sum(
        placed.work or 0
        for placed in everything
        if _verdict(placed, where) in (FALLS, MISSING) and placed.cells[name].to in ("", "cpu")
    )
    subgraphs = crossings = 0
    crossing: list[tuple[str, str, str]] = []
    for level in levels:
        places = [_place_of(placed, where) for placed in level]
        runs, values = borders([placed.node for placed in level], places, name)
        subgraphs += runs
        crossings += len(values)
        crossing += values[: MOST_BORDERS - len(crossing)]
    return Share(
        target=name,
        provider=where.provider,
        version=where.version,
        source=f"{where.source} (looked up {where.checked})",
        nodes=len(everything),
        runs=counts[RUNS] + counts[PARTS] + counts[CASTS],
        shape=counts[SHAPE],
        falls=counts[FALLS],
        missing=counts[MISSING],
        unknown=counts[UNKNOWN],
        arithmetic_leaving=leaving / total if total else None,
        subgraphs=subgraphs,
        crossings=crossings,
        borders=tuple(crossing),
        fixed_shapes=where.fixed_shapes and open_sizes,
    )


def _place_of(placed: _Placed, where: Target) -> str:
    """Where a node runs; empty for one that works sizes out and stands beside the sub-graphs."""
    verdict = _verdict(placed, where)
    if verdict == SHAPE:
        return ""
    return placed.cells[where.target].to or ("cpu" if verdict == MISSING else where.target)


def _uses(everything: Iterable[_Placed], targets: Sequence[str]) -> Iterable[Use]:
    groups: dict[_Key, list[_Placed]] = defaultdict(list)
    for placed in everything:
        groups[placed.key].append(placed)
    rows = [
        Use(
            domain=key[0],
            operator=key[1],
            since=key[2],
            inputs=key[3],
            outputs=key[4],
            nodes=len(group),
            arithmetic=sum(placed.work or 0 for placed in group),
            targets={name: group[0].cells[name] for name in targets},
        )
        for key, group in groups.items()
    ]
    return sorted(rows, key=lambda use: (-use.arithmetic, -use.nodes, use.domain, use.operator))


def _open_sizes(shares: Sequence[Share], sizes: dict[str, int]) -> Iterable[OperatorGap]:
    """What targets lack that take fixed sizes alone."""
    for share in shares:
        if share.fixed_shapes:
            yield OperatorGap(
                target=share.target,
                operator="",
                opset=0,
                types=(),
                nodes=share.nodes,
                share=1.0,
                to="cpu",
                reason="sizes",
                sizes=tuple(f"{name}={size}" for name, size in sizes.items()),
            )


def _gaps(uses: Sequence[Use], targets: Sequence[str], total: int, known: dict[str, Target]) -> Iterable[OperatorGap]:
    for name in targets:
        for use in uses:
            cell = use.targets[name]
            if cell.verdict not in (FALLS, MISSING):
                continue
            form = tables.schema(use.domain, use.operator, use.since) if use.since else None
            yield OperatorGap(
                target=name,
                operator=f"{use.domain}:{use.operator}" if use.domain else use.operator,
                opset=use.since,
                types=tuple(dict.fromkeys(each for each in use.inputs if each and each != tables.OMITTED)),
                nodes=use.nodes,
                share=use.arithmetic / total if total else 0.0,
                to=cell.to,
                reason=cell.reason,
                has_types=cell.types,
                newest=cell.newest,
                earlier=_earlier(known[name], use) if cell.reason == "opset" else 0,
                made_of_others=form is not None and bool(form.written),
            )


def _earlier(where: Target, use: Use) -> int:
    """The newest operator set in which the target has the operator with these types; 0 where there is none."""
    forms = tables.versions(use.domain, use.operator)
    for since, following in reversed(list(zip(forms, (*forms[1:], math.inf), strict=True))):
        form = tables.schema(use.domain, use.operator, since)
        if following <= use.since and form is not None:
            told = tables.support(where, use.domain, use.operator, form, use.inputs, use.outputs)
            if told.kind == "yes":
                return int(following) - 1
    return 0

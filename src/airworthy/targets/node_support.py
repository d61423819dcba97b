"""Whether a target has a kernel for a use of an operator: itself, by the operator's parts, or with other types."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from airworthy.core.graph import Node
from airworthy.knowledge import operators as tables
from airworthy.knowledge.operators import Condition, OperatorSupport, OperatorTarget, Schema
from airworthy.targets.matrix import CASTS, FALLS, MISSING, PARTS, RUNS, UNKNOWN, Cell
from airworthy.targets.shape_inference import ShapeInference

_SHORT = ("FP16", "BF16")


MOST_NESTED = 4
"""Definitions within definitions."""


UseKey = tuple[str, str, int, tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Operator set, operator, form, types of inputs, types of outputs, and `target:what` of conditions that are not met."""


class SupportJudge:
    """What judges a use, once for all nodes that use an operator the same way."""

    def __init__(self, opsets: dict[str, int], known: dict[str, OperatorTarget]) -> None:
        self.opsets = opsets
        self._known = known
        self._judged: dict[UseKey, tuple[UseKey, dict[str, Cell]]] = {}

    def unmet(self, node: Node, state: ShapeInference, constant: set[str]) -> tuple[str, ...]:
        """The targets that ask of a node what it doesn't give, with what; what isn't known is taken to be met."""
        if node.domain:
            return ()
        asked = ((name, where.conditions.get(node.operator)) for name, where in self._known.items())
        found = ((name, _unmet(each, node, state, constant)) for name, each in asked if each is not None)
        return tuple(f"{name}:{what}" for name, what in found if what)

    def judge(self, node: Node, state: ShapeInference, constant: set[str]) -> tuple[UseKey, dict[str, Cell]]:
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


def _unmet(asked: Condition, node: Node, state: ShapeInference, constant: set[str]) -> str:
    """`condition` where a node lacks what a target asks of it, what of the host decides, or nothing."""
    shape = state.value(node.inputs[0]).shape if node.inputs else None
    if asked.axes and shape is not None and len(shape) not in asked.axes:
        return "condition"
    if any(node.attributes.get(name, value) != value for name, value in asked.attributes.items()):
        return "condition"
    given = (node.inputs[index] for index in asked.constant if index < len(node.inputs))
    if not all(not name or name in constant for name in given):
        return "condition"
    return asked.host if asked.host == "locale" and _needs_locale(node) else ""


def _needs_locale(node: Node) -> bool:
    """Whether a node changes or ignores the case of letters by a locale that not every host has."""
    changes = node.attributes.get("case_change_action", "NONE") != "NONE"
    return (changes or not node.attributes.get("is_case_sensitive", 0)) and (
        node.attributes.get("locale", "en_US") not in ("C", "POSIX", "")
    )


def _cells(key: UseKey, form: Schema | None, opset: int, known: dict[str, OperatorTarget]) -> dict[str, Cell]:
    """What each target does with a use."""
    if key[0] == "" and opset > tables.newest_opset():
        # The set may give any operator another form: what the table says of older ones decides nothing.
        return dict.fromkeys(known, Cell(UNKNOWN, reason="opset"))
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


def _as_parts(key: UseKey, form: Schema, opset: int, chain: Sequence[OperatorTarget], depth: int = 0) -> str:
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


def _own(key: UseKey, form: Schema | None, where: OperatorTarget) -> Cell:
    """What a target itself has for a use."""
    domain, name, _, inputs, outputs, unmet = key
    if form is None:
        # An operator set of a user's own: the library that brings it decides.
        known = domain in ("", "com.microsoft", "ai.onnx.ml")
        return Cell(MISSING if known else UNKNOWN, reason="domain")
    if form.deprecated:
        return Cell(MISSING, reason="opset", newest=max(form.since - 1, 1))
    told = tables.support(where, domain, name, form, inputs, outputs)
    lacks = next((each.partition(":")[2] for each in unmet if each.partition(":")[0] == where.target), "")
    if told.kind in ("yes", "unknown") and lacks:
        return Cell(MISSING if lacks == "condition" else UNKNOWN, reason=lacks, types=told.types)
    if told.kind == "yes":
        return Cell(RUNS, types=told.types)
    if told.kind == "unknown":
        return Cell(UNKNOWN, reason="opset" if told.since else "type", types=told.types, newest=told.since)
    if told.kind == "type" and where.target == "cpu" and "FP16" in (*inputs, *outputs):
        wider = tables.support(where, domain, name, form, _widened(inputs), _widened(outputs))
        if wider.kind in ("yes", "unknown"):
            return Cell(CASTS if wider.kind == "yes" else UNKNOWN, reason="type", types=told.types)
    return _lacking(told)


def _lacking(told: OperatorSupport) -> Cell:
    reason = {"no": "operator", "type": "type", "opset": "opset"}[told.kind]
    return Cell(MISSING, reason=reason, types=told.types, newest=told.since)


def _widened(types: tuple[str, ...]) -> tuple[str, ...]:
    """Types as they are after the casts that ONNX Runtime puts around a node for the CPU (`InsertCastTransformer`)."""
    return tuple("FP32" if each == "FP16" else each for each in types)

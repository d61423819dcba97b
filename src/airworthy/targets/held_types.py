"""Types of values that hold others, sequences, maps and optionals, and of what graphs within nodes give.

They are written as the file's reader writes them: `SEQUENCE(FP32)`, `SEQUENCE(MAP(INT64,FP32))`, `OPTIONAL(FP32)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airworthy.core.graph import Graph, Node

_Rule = Callable[[Node, str], str]


def _holding(kind: str, datatype: str) -> str:
    return f"{kind}({datatype})" if datatype else kind


def _held(datatype: str) -> str:
    """What a value of a type holds; empty where not known."""
    return datatype.partition("(")[2].removesuffix(")")


def _empty(node: Node, _first: str) -> str:
    return _holding("SEQUENCE", str(node.attributes.get("dtype", "FP32")))


def _zip_map(node: Node, _first: str) -> str:
    key = "INT64" if "classlabels_int64s" in node.attributes else "BYTES"
    return f"SEQUENCE(MAP({key},FP32))"


HOLDERS: dict[str, _Rule] = {
    "SequenceConstruct": lambda _, first: _holding("SEQUENCE", first),
    "SplitToSequence": lambda _, first: _holding("SEQUENCE", first),
    "SequenceEmpty": _empty,
    "SequenceInsert": lambda _, first: first or "SEQUENCE",
    "SequenceErase": lambda _, first: first or "SEQUENCE",
    "SequenceAt": lambda _, first: _held(first),
    "ConcatFromSequence": lambda _, first: _held(first),
    "Optional": lambda _, first: _holding("OPTIONAL", first),
    "OptionalGetElement": lambda _, first: _held(first) if first.startswith("OPTIONAL") else first,
    "ZipMap": _zip_map,
    "DictVectorizer": lambda _, first: _held(first).rpartition(",")[2],
}
"""Operators whose first output holds values, or is held by one: what its type is, by the node and its first input's."""


def types_of_holders(node: Node, inputs: Sequence[str]) -> list[str]:
    """The types of the outputs of a node of `HOLDERS`, or of one with graphs within; empty where not known."""
    count = len(node.outputs)
    rule = HOLDERS.get(node.operator)
    if rule is not None:
        first = inputs[0] if inputs and inputs[0] != "-" else ""
        return [rule(node, first)] + [""] * (count - 1)
    # A loop's body gives whether it goes on first.
    given = _outputs(node.graphs[0])[1 if node.operator == "Loop" else 0 :]
    if node.operator == "SequenceMap":
        given = [_holding("SEQUENCE", each) for each in given]
    return [*given[:count], *[""] * (count - len(given))]


def _outputs(graph: Graph) -> list[str]:
    return [value.datatype if (value := graph.values.get(name)) is not None else "" for name in graph.outputs]

"""The graph of a model as judgement needs it: nodes with what they take and give, types and sizes, no weights."""

from __future__ import annotations

from typing import Union

import msgspec

Attribute = Union[int, float, str, tuple[int, ...]]
"""An attribute's value; those of other kinds are left out."""


class GraphValue(msgspec.Struct, frozen=True):
    """What is known of a value that nodes pass on."""

    datatype: str = ""
    """Element type, one of `core.model.DATATYPES` or the format's own name; empty where not known."""
    shape: tuple[int, ...] | None = None
    """Its sizes, -1 for one that varies; None where not even their number is known."""
    symbols: tuple[str, ...] = ()
    """The name of each size that has one, else empty strings; empty when none has."""


class Node(msgspec.Struct, frozen=True):
    """One use of an operator."""

    name: str
    """Its name; may be empty."""
    domain: str
    """The operator set; empty for the standard one."""
    operator: str
    """The operator's name, `MatMul`."""
    inputs: tuple[str, ...]
    """The names of the values that it takes; empty for an optional one that is left out."""
    outputs: tuple[str, ...]
    """The names of the values that it gives; likewise."""
    attributes: dict[str, Attribute] = {}
    """Its numbers, texts and lists of whole numbers."""
    graphs: tuple[Graph, ...] = ()
    """The graphs within it: branches, a loop's body."""


class Graph(msgspec.Struct, frozen=True):
    """Nodes in an order in which they can run, and what is known of their values."""

    nodes: tuple[Node, ...] = ()
    """In the file's order."""
    inputs: tuple[str, ...] = ()
    """Names of what it takes."""
    outputs: tuple[str, ...] = ()
    """Names of what it gives."""
    values: dict[str, GraphValue] = {}
    """What the file reports: inputs, outputs, weights, and values between nodes where it says so."""
    weights: frozenset[str] = frozenset()
    """Names of the values that are stored in the file."""
    numbers: dict[str, tuple[int, ...]] = {}
    """The content of small stored lists of whole numbers: the sizes of a Reshape, the axes of a Squeeze."""
    reals: dict[str, tuple[float, ...]] = {}
    """The content of small stored lists of floats: a mask's large negative number, the factors of a Resize."""


class Program(msgspec.Struct, frozen=True):
    """A whole model: its graph, and the operator sets that give names their meaning."""

    graph: Graph
    """The graph, functions of the model's own inlined."""
    opsets: dict[str, int]
    """Operator set → version."""

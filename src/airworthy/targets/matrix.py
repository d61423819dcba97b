"""What was judged of a graph: operators by target, what of the arithmetic each runs, what leaves it."""

from __future__ import annotations

import msgspec

from airworthy.core.values import OperatorGap

RUNS, PARTS, CASTS, SHAPE, FALLS, MISSING, UNKNOWN = "runs", "parts", "casts", "shape", "falls", "missing", "unknown"
"""The verdicts: on the target · as the operators it is made of · in 32 bit between casts · on the CPU on purpose ·
on another target · nowhere · can't be determined."""


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """One use of an operator on one target."""

    verdict: str
    """One of the verdicts above."""
    to: str = ""
    """For `falls`: the target that takes it."""
    reason: str = ""
    """Why the target doesn't: `operator` (it has none), `type`, `opset`, `condition` (it asks more of a node, such as
    two dimensions or constant weights), `domain` (no known target has the operator), `locale` (a locale decides
    that the host may lack)."""
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


class OperatorMatrix(msgspec.Struct, frozen=True, kw_only=True):
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

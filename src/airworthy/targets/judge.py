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
from airworthy.knowledge.operators import OperatorTarget
from airworthy.targets.arithmetic import operations
from airworthy.targets.borders import borders
from airworthy.targets.matrix import (
    CASTS,
    FALLS,
    MISSING,
    PARTS,
    RUNS,
    SHAPE,
    UNKNOWN,
    Cell,
    OperatorMatrix,
    Share,
    Use,
)
from airworthy.targets.node_support import SupportJudge, UseKey
from airworthy.targets.shape_inference import ShapeInference
from airworthy.targets.sizes import assumed

_STORED = "Constant"


MOST_BORDERS = 1000
"""Values that cross a border and are named."""


class _Placed(msgspec.Struct):
    node: Node
    key: UseKey
    cells: dict[str, Cell]
    work: int | None
    sizes_only: bool


def judge(program: Program, targets: Sequence[str], sizes: dict[str, int] | None = None) -> OperatorMatrix:
    """Check a graph on targets of `knowledge.operators.TARGETS`."""
    taken = assumed(program.graph, sizes or {})
    open_sizes = bool(taken)
    known = {name: tables.target(name) for name in _needed(targets)}
    levels: list[list[_Placed]] = []
    _place(program.graph, ShapeInference(taken), SupportJudge(program.opsets, known), levels)
    everything = [placed for level in levels for placed in level]
    total = sum(placed.work or 0 for placed in everything)
    shares = tuple(_share(known[name], everything, levels, total, open_sizes) for name in targets)
    uses = tuple(_uses(everything, targets))
    return OperatorMatrix(
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


def _place(
    graph: Graph,
    state: ShapeInference,
    bench: SupportJudge,
    levels: list[list[_Placed]],
    around: frozenset[str] = frozenset(),
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
            _place(inner, ShapeInference(state.sizes, state), bench, levels, frozenset(constant))
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


def _verdict(placed: _Placed, where: OperatorTarget) -> str:
    verdict = placed.cells[where.target].verdict
    aside = (
        placed.sizes_only and where.kernels and where.target != "cpu" and placed.node.operator not in ("Shape", "Size")
    )
    return SHAPE if aside and verdict in (RUNS, FALLS) else verdict


def _share(
    where: OperatorTarget, everything: list[_Placed], levels: list[list[_Placed]], total: int, open_sizes: bool
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


def _place_of(placed: _Placed, where: OperatorTarget) -> str:
    """Where a node runs; empty for one that works sizes out and stands beside the sub-graphs."""
    verdict = _verdict(placed, where)
    if verdict == SHAPE:
        return ""
    return placed.cells[where.target].to or ("cpu" if verdict == MISSING else where.target)


def _uses(everything: Iterable[_Placed], targets: Sequence[str]) -> Iterable[Use]:
    groups: dict[UseKey, list[_Placed]] = defaultdict(list)
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


def _gaps(
    uses: Sequence[Use], targets: Sequence[str], total: int, known: dict[str, OperatorTarget]
) -> Iterable[OperatorGap]:
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


def _earlier(where: OperatorTarget, use: Use) -> int:
    """The newest operator set in which the target has the operator with these types; 0 where there is none."""
    forms = tables.versions(use.domain, use.operator)
    for since, following in reversed(list(zip(forms, (*forms[1:], math.inf), strict=True))):
        form = tables.schema(use.domain, use.operator, since)
        if following <= use.since and form is not None:
            told = tables.support(where, use.domain, use.operator, form, use.inputs, use.outputs)
            if told.kind == "yes":
                return int(following) - 1
    return 0

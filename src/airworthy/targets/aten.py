"""PyTorch programs: their operators checked on the back ends that have kernels of their own for them."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.core.model import Operator
from airworthy.core.values import OperatorGap
from airworthy.knowledge.operators import ATEN_TARGETS, COMPOSITE, dispatch
from airworthy.targets.matrix import MISSING, PARTS, RUNS, UNKNOWN, Cell, OperatorMatrix, Share, Use

DOMAIN = "aten"
"""The name space of PyTorch's own operators; the table knows no other."""


def judge_aten(operators: Sequence[Operator], targets: Sequence[str]) -> OperatorMatrix:
    """Check the operators of an exported program on targets of `knowledge.operators.ATEN_TARGETS`."""
    table = dispatch()
    held = [each for each in operators if each.domain]
    uses = tuple(
        Use(
            domain=each.domain,
            operator=each.name,
            since=0,
            inputs=(),
            outputs=(),
            nodes=each.count,
            arithmetic=0,
            targets={name: _cell(each, name) for name in targets},
        )
        for each in held
    )
    total = sum(use.nodes for use in uses)
    shares = tuple(
        Share(
            target=name,
            provider=name,
            version=table.version,
            source=f"{table.source} (looked up {table.checked})",
            nodes=total,
            runs=_count(uses, name, RUNS) + _count(uses, name, PARTS),
            shape=0,
            falls=0,
            missing=_count(uses, name, MISSING),
            unknown=_count(uses, name, UNKNOWN),
            arithmetic_leaving=None,
            subgraphs=0,
            crossings=0,
            borders=(),
            fixed_shapes=False,
        )
        for name in targets
    )
    gaps = tuple(
        OperatorGap(
            target=name,
            operator=f"{use.domain}::{use.operator}",
            opset=0,
            types=(),
            nodes=use.nodes,
            share=0.0,
            to="",
            reason="dispatch",
        )
        for name in targets
        for use in uses
        if use.targets[name].verdict == MISSING
    )
    return OperatorMatrix(uses=uses, shares=shares, sizes={}, arithmetic=0, uncounted=0, gaps=gaps)


def _cell(operator: Operator, target: str) -> Cell:
    table = dispatch().operators.get(operator.domain)
    name = operator.name.removesuffix(".default")
    code = None if table is None else table.get(name)
    if code is None:
        # An operator of a library of its own (torchvision::nms), or newer than the table.
        return Cell(UNKNOWN, reason="domain" if table is None else "operator")
    if ATEN_TARGETS[target] in code:
        return Cell(RUNS)
    return Cell(PARTS) if COMPOSITE in code else Cell(MISSING, reason="dispatch")


def _count(uses: Sequence[Use], target: str, verdict: str) -> int:
    return sum(use.nodes for use in uses if use.targets[target].verdict == verdict)

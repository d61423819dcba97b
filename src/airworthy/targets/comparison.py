"""What was judged beside what a runtime assigned, operator by operator."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from airworthy.targets.matrix import CASTS, PARTS, RUNS, OperatorMatrix

ELSEWHERE = "CPUExecutionProvider"
"""The provider that takes what the others leave."""


class Compared(msgspec.Struct, frozen=True):
    """One operator: nodes by provider."""

    operator: str
    """Its name, with its set where that is not the standard one."""
    judged: dict[str, int]
    """Provider → nodes that were judged to run there."""
    assigned: dict[str, int]
    """Provider → nodes that the runtime gave to it."""

    @property
    def agreeing(self) -> int:
        """How many nodes are where they were judged to be."""
        return sum(min(count, self.judged.get(provider, 0)) for provider, count in self.assigned.items())


def compare(
    matrix: OperatorMatrix, target: str, provider: str, nodes: Iterable[Mapping[str, str]]
) -> tuple[Compared, ...]:
    """Rows for all operators of either side, those with most nodes first.

    Nodes that the runtime adds itself (`Cast` around what the CPU has in 32 bit alone) are on its side alone.
    """
    judged: dict[str, Counter[str]] = defaultdict(Counter)
    assigned: dict[str, Counter[str]] = defaultdict(Counter)
    for use in matrix.uses:
        here = use.targets[target].verdict in (RUNS, PARTS, CASTS)
        judged[_name(use.domain, use.operator)][provider if here else ELSEWHERE] += use.nodes
    for node in nodes:
        assigned[_name(node["domain"], node["operator"])][node["provider"]] += 1
    rows = (Compared(name, dict(judged[name]), dict(assigned[name])) for name in dict.fromkeys([*judged, *assigned]))
    return tuple(sorted(rows, key=lambda row: (-sum(row.assigned.values()), row.operator)))


def _name(domain: str, operator: str) -> str:
    return f"{domain}:{operator}" if domain not in ("", "ai.onnx") else operator

"""How many cores a process can use: the least of what there are, may be run on and are paid for."""

from __future__ import annotations

import pytest

from airworthy.core.cores import usable_cores
from airworthy.core.facts import Absent, Fact, Facts, Known, Unknown
from airworthy.core.keys import CPU_AFFINITY, CPU_CORES, CPU_QUOTA


@pytest.mark.parametrize(
    ("cores", "affinity", "quota", "usable"),
    [
        (8, 4, 2.5, 2.5),
        (8, 4, None, 4),
        (8, 8, 0.5, 0.5),
        (8, None, None, 8),
        (None, 4, None, 4),
        (None, None, None, None),
    ],
)
def test_the_least_that_is_known(
    cores: int | None, affinity: int | None, quota: float | None, usable: float | None
) -> None:
    def fact(value: float | None) -> Fact:
        return Unknown("not read") if value is None else Known(value, "x")

    facts = Facts({CPU_CORES.name: fact(cores), CPU_AFFINITY.name: fact(affinity), CPU_QUOTA.name: fact(quota)})
    assert usable_cores(facts) == usable


def test_no_quota_is_no_limit() -> None:
    assert usable_cores(Facts({CPU_CORES.name: Known(8, "x"), CPU_QUOTA.name: Absent("no quota")})) == 8

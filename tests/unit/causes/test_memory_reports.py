"""Who is to blame when PyTorch runs out of memory, by the numbers in its line."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.causes.memory_reports import SINCE_2_1, UNTIL_2_0, crowded, exhausted, fragmented, size_of


def read(line: str) -> dict[str, str]:
    found = re.search(SINCE_2_1, line) or re.search(UNTIL_2_0, line)
    assert found is not None
    return {name: value for name, value in found.groupdict().items() if value is not None}


def until_2_0(asked: float, total: float, allocated: float, free: float, reserved: float) -> str:
    return (
        f"CUDA out of memory. Tried to allocate {asked:.2f} GiB (GPU 0; {total:.2f} GiB total capacity; "
        f"{allocated:.2f} GiB already allocated; {free:.2f} GiB free; {reserved:.2f} GiB reserved in total by PyTorch)"
    )


def since_2_1(asked: float, total: float, free: float, mine: float, allocated: float, slack: float) -> str:
    return (
        f"CUDA out of memory. Tried to allocate {asked:.2f} GiB. GPU 0 has a total capacity of {total:.2f} GiB of "
        f"which {free:.2f} GiB is free. Including non-PyTorch memory, this process "
        f"has {mine:.2f} GiB memory in use. Of the allocated memory {allocated:.2f} GiB is allocated by PyTorch, and "
        f"{slack:.2f} GiB is reserved by PyTorch but unallocated."
    )


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (until_2_0(1.2, 10.8, 9.6, 0.0, 9.8), "exhausted"),
        (until_2_0(2.9, 23.8, 12.0, 2.8, 19.7), "fragmented"),
        (until_2_0(0.2, 7.9, 0.1, 0.0, 0.1), "crowded"),
        (since_2_1(0.4, 23.6, 0.1, 23.5, 22.9, 0.2), "exhausted"),
        (since_2_1(2.5, 39.4, 1.2, 38.1, 28.0, 9.2), "fragmented"),
        (since_2_1(0.1, 23.6, 0.3, 8.0, 7.6, 0.0), "crowded"),
    ],
)
def test_verdict(line: str, verdict: str) -> None:
    judges = {"exhausted": exhausted, "fragmented": fragmented, "crowded": crowded}
    assert {name for name, judge in judges.items() if judge(read(line)) is not None} == {verdict}


def test_sizes() -> None:
    assert size_of("2.00 GiB") == 2 << 30
    assert size_of("20.50 MiB") == 20.5 * (1 << 20)
    assert size_of("512 bytes") == 512


gib = st.floats(0, 200).map(lambda size: round(size, 2))


@given(asked=gib, total=gib, allocated=gib, free=gib, reserved=gib)
def test_somebody_is_always_to_blame(
    asked: float, total: float, allocated: float, free: float, reserved: float
) -> None:
    params = read(until_2_0(asked, total, allocated, free, reserved))
    assert any(judge(params) is not None for judge in (exhausted, fragmented, crowded))

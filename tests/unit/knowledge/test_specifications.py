"""What devices have by the names that tools print: the row of this very device, and none in doubt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.knowledge import Knowledge
from airworthy.knowledge.specifications import Specification
from airworthy.knowledge.tables import rows

KNOWN = Knowledge()
GIB = 2**30


@pytest.mark.parametrize(
    ("name", "memory", "bandwidth", "float16"),
    [
        ("NVIDIA H100 80GB HBM3", 81559 << 20, 3350, 989.4),
        ("NVIDIA H100 PCIe", 81559 << 20, 2048, 756),
        ("NVIDIA H200", 143771 << 20, 4800, 989.4),
        ("NVIDIA A100-SXM4-40GB", 40536 << 20, 1555, 312),
        ("A100-SXM4-40GB", 40536 << 20, 1555, 312),  # drivers before 470 leave the maker out
        ("NVIDIA A100-SXM4-80GB", 81920 << 20, 2039, 312),
        ("NVIDIA A100 80GB PCIe", 81920 << 20, 1935, 312),
        ("Tesla V100-SXM2-32GB", 32510 << 20, 900, 125),
        ("Tesla T4", 15360 << 20, 320, 65),
        ("NVIDIA A10", 23028 << 20, 600, 125),
        ("NVIDIA A10G", 23028 << 20, 600, 125),
        ("NVIDIA GeForce RTX 4090", 24564 << 20, 1008, 165.2),
        ("GeForce RTX 3090", 24268 << 20, 936, 71.2),
        ("NVIDIA GeForce RTX 3080", 10240 << 20, 760, 59.6),
        ("NVIDIA GeForce RTX 3080", 12288 << 20, 912, None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 16376 << 20, 576, None),
        ("AMD Instinct MI300X", 192 * GIB, 5300, 1307),
    ],
)
def test_names_as_tools_print_them(name: str, memory: int, bandwidth: float, float16: float | None) -> None:
    row = KNOWN.specification(name, memory)
    assert row is not None
    assert (row.bandwidth, row.float16) == (bandwidth, float16)
    assert row.bytes_a_second == bandwidth * 1e9


@pytest.mark.parametrize(
    ("name", "memory"),
    [
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", 4864 << 20),  # a part of the device
        ("NVIDIA GeForce RTX 4090", 48 * GIB),  # a card rebuilt with other memory is another card
        ("NVIDIA GeForce RTX 4090 Max-Q", None),
        ("Some Accelerator 9000", None),
        ("A100", None),  # it is made with two memories and bandwidths
        ("", None),
    ],
)
def test_none_in_doubt(name: str, memory: int | None) -> None:
    assert KNOWN.specification(name, memory) is None


def test_a_shortened_name_finds_all_that_it_may_mean_and_no_other_device() -> None:
    assert {row.memory for row in KNOWN.specifications("A100")} == {40, 80}
    assert {row.memory for row in KNOWN.specifications("V100")} == {16, 32}
    assert {row.names for row in KNOWN.specifications("RTX 4070")} == {("NVIDIA GeForce RTX 4070",)}
    assert {row.names for row in KNOWN.specifications("T4")} == {("Tesla T4",)}


def test_every_row_is_found_by_its_own_names_and_is_plausible() -> None:
    for row in rows("device_specifications", "device", Specification):
        for name in row.names:
            assert row in KNOWN.specifications(name, int(row.memory * GIB)), name
        assert 2 <= row.memory <= 512
        assert 50 <= row.bandwidth <= 10_000
        assert row.float16 is None or row.float32 is None or row.float16 >= row.float32


@given(st.text(max_size=300), st.none() | st.integers(0, 2**48))
def test_any_name(name: str, memory: int | None) -> None:
    assert isinstance(KNOWN.specifications(name, memory), tuple)

"""What differs between two machines: what tells most comes first, and what tells nothing is not told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core import keys
from airworthy.core.comparison import compare
from airworthy.core.facts import Absent, Fact, Facts, Known, Unknown
from airworthy.core.keys import Key
from airworthy.core.values import Device, Disk, Distribution, FrameworkBuild
from airworthy.core.version import Version
from airworthy.probes.registry import PROBES
from airworthy.probes.runner import gather
from recorded_hosts import NAMES, host


def facts(values: dict[Key[Any], Any]) -> Facts:
    entries = ((key.name, value if isinstance(value, Fact) else Known(value, "test")) for key, value in values.items())
    return Facts(entries, taken="2026-11-20T00:00:00+00:00")


def package(name: str, version: str, tag: str = "py3-none-any", location: str = "/a") -> Distribution:
    return Distribution(name=name, version=Version(version), tags=(tag,), location=location)


CUDA = FrameworkBuild(name="torch", version=Version("2.5.1+cu124"), accelerator="cuda", runtime=Version("12.4"))
CPU = FrameworkBuild(name="torch", version=Version("2.5.1+cpu"), accelerator="cpu")
H100 = Device(vendor="nvidia", name="H100", architecture="sm_90", memory=85_520_809_984, uuid="GPU-1", memory_free=1)
WORKS = facts(
    {
        keys.OS_NAME: "Ubuntu 22.04",
        keys.PYTHON_VERSION: Version("3.11.9"),
        keys.PYTHON_EXECUTABLE: "/a/bin/python",
        keys.NVIDIA_DRIVER: Version("550.90.07"),
        keys.NVIDIA_DEVICES: (H100,),
        keys.FRAMEWORKS: (CUDA,),
        keys.DISTRIBUTIONS: (
            package("click", "8.1.0"),
            package("lxml", "5.0.0", "cp311-cp311-manylinux_2_28_x86_64"),
            package("numpy", "1.26.4", "cp311-cp311-manylinux_2_17_x86_64"),
            package("safetensors", "0.5.0", "cp38-abi3-manylinux_2_17_x86_64"),
        ),
        keys.MEMORY_TOTAL: 100_000,
        keys.DISKS: (Disk(use="work", path="/w", total=100, free=50),),
    }
)


def test_order() -> None:
    fails = facts(
        {
            keys.OS_NAME: "Debian 12",
            keys.PYTHON_VERSION: Version("3.12.1"),
            keys.PYTHON_EXECUTABLE: "/b/bin/python",
            keys.NVIDIA_DRIVER: Version("535.104.05"),
            keys.NVIDIA_DEVICES: (H100,),
            keys.FRAMEWORKS: (CPU,),
            keys.DISTRIBUTIONS: (
                package("click", "7.0.0"),
                package("lxml", "5.1.0", "cp312-cp312-manylinux_2_28_x86_64"),
                package("numpy", "1.26.5", "cp312-cp312-manylinux_2_17_x86_64"),
                package("extra", "1.0"),
            ),
            keys.MEMORY_TOTAL: 100_000,
            keys.DISKS: (Disk(use="work", path="/w", total=100, free=50),),
        }
    )
    found = compare(WORKS, fails)
    assert [(each.fact, each.about) for each in found] == [
        ("nvidia.driver", ""),
        ("frameworks", "torch"),
        ("distributions", "safetensors"),  # missing tells more than another patch level
        ("distributions", "numpy"),
        ("python.version", ""),
        ("distributions", "lxml"),
        ("distributions", "click"),
        ("distributions", "extra"),
        ("os.name", ""),
    ]
    by_name = {each.about or each.fact: each for each in found}
    assert by_name["torch"].first == {"version": "2.5.1+cu124", "accelerator": "cuda", "runtime": "12.4"}
    assert by_name["torch"].second == {"version": "2.5.1+cpu", "accelerator": "cpu"}
    assert (by_name["safetensors"].first, by_name["safetensors"].second) == ({"version": "0.5.0"}, None)
    assert (by_name["nvidia.driver"].first, by_name["nvidia.driver"].second) == ("550.90.07", "535.104.05")


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        (keys.PYTHON_EXECUTABLE, "/a/python", "/b/python"),
        (keys.MEMORY_AVAILABLE, 100, 5),
        (keys.MEMORY_TOTAL, 100_000, 99_000),
        (keys.DISTRIBUTIONS, (package("click", "8.1"),), (package("click", "8.1", location="/b"),)),
        (keys.DISKS, (Disk(use="work", path="/a", total=9, free=5),), (Disk(use="work", path="/b", total=9, free=1),)),
        (
            keys.NVIDIA_DEVICES,
            (H100,),
            (Device(vendor="nvidia", name="H100", architecture="sm_90", memory=85 * 10**9),),
        ),
        (keys.NVIDIA_DRIVER, Absent("no device"), Unknown("not asked")),
        (keys.NVIDIA_DRIVER, Unknown("a"), Unknown("b")),
        (keys.CPU_INSTRUCTIONS, ("avx", "fma"), ("fma", "avx")),
    ],
)
def test_what_tells_nothing_is_passed_over(key: Key[Any], one: Any, other: Any) -> None:
    assert compare(facts({key: one}), facts({key: other})) == ()


def test_sides_on_which_nothing_is_there_or_known() -> None:
    (gone,) = compare(facts({keys.NVIDIA_DEVICES: (H100,)}), facts({keys.NVIDIA_DEVICES: Absent("no device")}))
    assert (gone.first, gone.second, gone.note) == ("1 of them, H100", None, "")
    (hidden,) = compare(facts({keys.NVIDIA_DEVICES: (H100,)}), facts({keys.NVIDIA_DEVICES: Unknown("it hangs")}))
    assert (hidden.second, hidden.note) == (None, "it hangs")
    (unasked,) = compare(facts({}), facts({keys.OS_NAME: "Debian"}))
    assert (unasked.first, unasked.second, unasked.note) == (None, "Debian", "it was not inspected")


def test_instructions_are_told_by_what_is_missing() -> None:
    (each,) = compare(facts({keys.CPU_INSTRUCTIONS: ("avx", "fma")}), facts({keys.CPU_INSTRUCTIONS: ("avx",)}))
    assert (each.first, each.second) == (["fma"], [])


@pytest.mark.parametrize("name", NAMES)
def test_a_machine_does_not_differ_from_itself(name: str) -> None:
    known = gather(host(name), PROBES)
    assert compare(known, known) == ()


@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_any_two_machines(one: str, other: str) -> None:
    first, second = gather(host(one), PROBES), gather(host(other), PROBES)
    forth, back = compare(first, second), compare(second, first)
    assert {(each.fact, each.about) for each in forth} == {(each.fact, each.about) for each in back}
    for each in forth:
        assert each.first != each.second

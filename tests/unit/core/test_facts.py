"""Facts: typed access, files, and files that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.facts import Absent, Facts, FactsUnreadable, FactUnknown, Known, Unknown, dump, load
from airworthy.core.keys import (
    CPU_CORES,
    DISKS,
    FRAMEWORKS,
    KEYS,
    MEMORY_LIMIT,
    NVIDIA_DRIVER,
    TARGET_ENDPOINT,
)
from airworthy.core.values import Disk, Endpoint, FrameworkBuild
from airworthy.core.version import Version

SAMPLE = Facts(
    {
        NVIDIA_DRIVER.name: Known(Version("550.54.14"), "nvidia-smi"),
        CPU_CORES.name: Known(8, "/proc/cpuinfo"),
        MEMORY_LIMIT.name: Absent("no limit in the cgroup"),
        DISKS.name: Known((Disk(use="work", path="/srv", total=10, free=3, inodes_free=4),), "statvfs"),
        FRAMEWORKS.name: Known(
            (
                FrameworkBuild(
                    name="torch", version=Version("2.8.0+cu128"), accelerator="cuda", runtime=Version("12.8")
                ),
            ),
            "version.py",
        ),
        TARGET_ENDPOINT.name: Unknown("not asked"),
    },
    taken="2026-11-20T00:00:00+00:00",
)


def test_round_trip() -> None:
    again = load(dump(SAMPLE))
    assert dict(again) == dict(SAMPLE)
    assert again.taken == SAMPLE.taken
    assert again.value(FRAMEWORKS)[0].version.local == "cu128"
    assert dump(again) == dump(SAMPLE)


def test_access() -> None:
    assert SAMPLE.value(NVIDIA_DRIVER) == Version("550.54.14")
    assert SAMPLE.get_value(MEMORY_LIMIT, 7) == 7
    assert SAMPLE.get_value(MEMORY_LIMIT, None) is None
    assert SAMPLE.source(TARGET_ENDPOINT) == "not asked"
    assert SAMPLE.source(CPU_CORES) == "/proc/cpuinfo"
    assert isinstance(Facts().fact(CPU_CORES), Unknown)
    with pytest.raises(FactUnknown, match="no limit in the cgroup"):
        SAMPLE.value(MEMORY_LIMIT)
    with pytest.raises(FactUnknown, match="not asked"):
        SAMPLE.value(TARGET_ENDPOINT)


def test_merged_facts_win_and_leave_the_first_alone() -> None:
    endpoint = Endpoint(host="127.0.0.1", port=1, state="free")
    both = SAMPLE.merged({TARGET_ENDPOINT.name: Known(endpoint, "bind")})
    assert both.value(TARGET_ENDPOINT) == endpoint
    assert isinstance(SAMPLE.fact(TARGET_ENDPOINT), Unknown)
    assert both.taken == SAMPLE.taken


def document(**changes: Any) -> bytes:
    return json.dumps({"schema": 1, "taken": "", "facts": {}, **changes}).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (b"\xff\xfe", "malformed"),
        (b"[]", "no object `facts`"),
        (b'{"schema": 1}', "no object `facts`"),
        (document(schema=2), "schema is 2"),
        (document(schema=None), "schema is None"),
        (document(facts={"cpu.cores": {"value": "eight"}}), "cpu.cores"),
        (document(facts={"cpu.cores": {}}), "neither"),
        (document(facts={"cpu.cores": 8}), "neither"),
        (document(facts={"nvidia.driver": {"value": "none"}}), "nvidia.driver"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_unreadable(data: bytes, reason: str) -> None:
    with pytest.raises(FactsUnreadable) as caught:
        load(data, "gpu7.json")
    assert "gpu7.json" in caught.value.text
    assert reason.lower() in caught.value.text.lower()
    assert caught.value.way_out


def test_names_of_later_versions_are_passed_over() -> None:
    facts = load(document(facts={"quantum.qubits": {"value": 3}, "cpu.cores": {"value": 8, "source": "x"}}))
    assert list(facts) == ["cpu.cores"]


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
fields = st.sampled_from(["name", "version", "path", "use", "total", "free"])
json_data = plain | st.lists(plain | st.dictionaries(fields, plain, max_size=4), max_size=3)


@given(st.binary(max_size=200))
def test_any_bytes_are_facts_or_one_error(data: bytes) -> None:
    try:
        load(data)
    except FactsUnreadable as error:
        assert error.text


@given(st.dictionaries(st.sampled_from(sorted(KEYS)), json_data.map(lambda value: {"value": value}), max_size=2))
def test_any_values_are_facts_or_one_error(facts: dict[str, Any]) -> None:
    try:
        loaded = load(document(facts=facts))
    except FactsUnreadable as error:
        assert error.text
    else:
        assert dict(load(dump(loaded))) == dict(loaded)

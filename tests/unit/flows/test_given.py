"""A machine as people describe it: spelling, what is refused, and what is decided from little."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given as arbitrary
from hypothesis import settings
from hypothesis import strategies as st

from airworthy.core import keys
from airworthy.core.facts import Known
from airworthy.core.report import Crashed, Report, Skipped
from airworthy.flows.check import check
from airworthy.flows.described.description import version
from airworthy.flows.described.facts import facts_of
from airworthy.flows.given import (
    KEYS,
    LISTS,
    NUMBERS,
    TABLES,
    VERSIONS,
    GivenInvalid,
    normalise,
    parse_document,
    parse_pairs,
)


def causes(report: Report) -> list[str]:
    return [finding.cause for finding in report.findings]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        (["gpu=RTX 5090", "Driver=570"], {"gpu": "RTX 5090", "driver": "570"}),
        (["compute-capability=8.6"], {"compute_capability": "8.6"}),
        (["CC=8.6", "cuda=12.4"], {"compute_capability": "8.6", "cuda_runtime": "12.4"}),
        (["packages.numpy=2.0", "packages.torch=2.2.0"], {"packages": {"numpy": "2.0", "torch": "2.2.0"}}),
        (["packages=numpy==2.0, torch==2.2.0"], {"packages": {"numpy": "2.0", "torch": "2.2.0"}}),
        (["build_arch_list=sm_80 sm_90,sm_100"], {"build_arch_list": ("sm_80", "sm_90", "sm_100")}),
        (["container=YES", "model_ir= 10 ", "os="], {"container": True, "model_ir": 10}),
    ],
)
def test_pairs(pairs: list[str], expected: dict[str, Any]) -> None:
    assert normalise(parse_pairs(pairs)) == expected


@pytest.mark.parametrize(
    ("pairs", "problem", "suggestion"),
    [
        (["drivr=570"], "there is no key 'drivr'", "did you mean `driver`?"),
        (["zzzz=1"], "there is no key 'zzzz'", "keys: gpu, "),
        (["gpu"], "'gpu' is not key=value", "--given gpu="),
        (["gpu=T4", "GPU=A100"], "gpu is given twice", "once"),
        (["packages=numpy==2", "packages.torch=2.1"], "packages is given twice", "once"),
        (["driver=new"], "driver is 'new', and a version is wanted", "--help"),
        (["container=maybe"], "container is 'maybe', and true or false is wanted", "--help"),
        (["model_ir=ten"], "a number is wanted", "--help"),
        (["packages=numpy"], "name=value, separated by commas is wanted", "--help"),
    ],
)
def test_what_cannot_be_read_is_refused(pairs: list[str], problem: str, suggestion: str) -> None:
    with pytest.raises(GivenInvalid) as refused:
        normalise(parse_pairs(pairs))
    assert problem in str(refused.value)
    assert suggestion in str(refused.value.way_out)


@pytest.mark.parametrize("data", [b"", b"[1]", b'"a"', b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(GivenInvalid):
        parse_document(data, "machine.json")


@pytest.mark.parametrize(
    ("description", "problem"),
    [
        ({"gpu": "RTX 4090", "compute_capability": "7.5"}, "compute_capability"),
        ({"gpu": "RTX 4090", "gpu_class": "datacentre"}, "gpu_class"),
        ({"framework": "torch", "build": "cu118", "cuda_runtime": "12.4"}, "cuda_runtime"),
        ({"os": "windows", "glibc": "2.31"}, "glibc"),
    ],
)
def test_contradictions_are_refused(description: dict[str, Any], problem: str) -> None:
    with pytest.raises(GivenInvalid) as refused:
        check(given=description)
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.x", "2"),
        ("2.4.x", "2.4"),
        ("v2.4.1", "2.4.1"),
        (">=535", "535"),
        ("12.*", "12"),
        ("535.104.05", "535.104.05"),
    ],
)
def test_versions_as_people_write_them(text: str, expected: str) -> None:
    assert version(text).text == expected


@pytest.mark.parametrize("name", ["RTX 4090", "rtx4090", "NVIDIA GeForce RTX 4090", "geforce rtx 4090 24GB"])
def test_devices_as_people_write_them(name: str) -> None:
    (device,) = facts_of(normalise({"gpu": name})).value(keys.NVIDIA_DEVICES)
    assert device.architecture == "sm_89"


def test_what_a_table_added_is_told_from_what_was_given() -> None:
    fact = facts_of(normalise({"gpu": "RTX 4090"})).fact(keys.NVIDIA_DEVICES)
    assert isinstance(fact, Known)
    assert fact.source.startswith("given, and https://")


@pytest.mark.parametrize(
    ("description", "answer", "cause"),
    [
        (
            {"gpu": "RTX 5090", "framework": "PyTorch", "framework_version": "2.5.1", "build": "cu124"},
            "fails",
            "no-kernel-image",
        ),
        (
            {"gpu": "rtx 5090", "driver": "570", "framework": "torch", "framework_version": "2.7.0", "build": "cu128"},
            "works",
            None,
        ),
        ({"driver": "470", "cuda_runtime": "12.4", "gpu": "RTX 3090"}, "fails", "driver-too-old"),
        ({"driver": "525", "cuda_runtime": "12.x", "gpu": "RTX 3090"}, "works", None),
        ({"packages": {"numpy": "2.0.0", "torch": "2.2.0"}, "os": "windows", "python": "3.11"}, "fails", "numpy-abi"),
        ({"packages": {"numpy": "2.0.0", "torch": "2.3.1"}, "os": "linux", "python": "3.11"}, "works", None),
        ({"framework": "torch", "framework_version": "2.0.1", "python": "3.12"}, "fails", "no-matching-distribution"),
        (
            {"gpu": "T4", "framework": "vllm", "version": "0.6.3", "dtype": "bfloat16"},
            "fails",
            "dtype-unsupported",
        ),
        ({"gpu": "Something Else 9000"}, "unknown", None),
        ({}, "unknown", None),
    ],
)
def test_verdicts(description: dict[str, Any], answer: str, cause: str | None) -> None:
    report = check(given=description)
    assert report.data["verdict"] == answer
    assert causes(report)[:1] == ([cause] if cause else [])
    for finding in report.findings:
        assert finding.evidence
        assert finding.remedies
    assert report.exit_status() == (1 if answer == "fails" else 0)


def test_what_was_not_asked_does_not_make_a_strict_check_fail() -> None:
    report = check(
        given={"gpu": "RTX 4090", "driver": "570", "framework": "torch", "framework_version": "2.5.1", "build": "cu124"}
    )
    assert any(isinstance(result, Skipped) for result in report.results)
    assert report.data["undecided"] == {}
    assert report.exit_status(strict=True) == 0


def test_the_port_of_another_machine_is_not_looked_at() -> None:
    report = check(given={"gpu": "T4"}, endpoint=("127.0.0.1", 8000))
    (port,) = [result for result in report.results if result.check == "port-in-use"]
    assert isinstance(port, Skipped)


_TEXT = st.one_of(
    st.text(max_size=30), st.sampled_from(["2.x", "535", "cu124", "sm_90", "RTX 5090", "none", "12.4", "1", "linux"])
)
_SHAPED = {
    **dict.fromkeys(VERSIONS, st.one_of(_TEXT, st.floats(allow_nan=False, allow_infinity=False), st.integers())),
    **dict.fromkeys(LISTS, st.lists(_TEXT, max_size=4)),
    **dict.fromkeys(NUMBERS, st.one_of(_TEXT, st.integers())),
    **dict.fromkeys(TABLES, st.dictionaries(_TEXT, _TEXT, max_size=4)),
}
_DESCRIPTIONS = st.fixed_dictionaries({}, optional={key: _SHAPED.get(key, _TEXT) for key in KEYS})


@settings(max_examples=150, deadline=None)
@arbitrary(_DESCRIPTIONS)
def test_any_description_is_answered_or_refused(description: dict[str, Any]) -> None:
    try:
        report = check(given=description)
    except GivenInvalid:
        return
    assert not [result for result in report.results if isinstance(result, Crashed)]
    assert report.data["verdict"] in {"works", "fails", "unknown"}
    json.dumps(report.data["given"])


@settings(max_examples=100, deadline=None)
@arbitrary(
    st.dictionaries(st.text(max_size=20), st.none() | st.booleans() | st.text() | st.lists(st.text()), max_size=3)
)
def test_any_object_is_read_or_refused(description: dict[str, Any]) -> None:
    try:
        assert set(normalise(description)) <= set(KEYS)
    except GivenInvalid:
        return

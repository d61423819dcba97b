"""A small catalogue, host and model format, in place of the real ones, for tests of the command line and the flows."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from airworthy.causes.interface import Cause
from airworthy.core.facts import Absent, Facts, Known, Unknown
from airworthy.core.finding import Finding, Severity
from airworthy.core.keys import LIBC_VERSION, MEMORY_TOTAL, MODEL_PATH, MODEL_SIZE, NVIDIA_DRIVER, TARGET_ENDPOINT
from airworthy.core.model import FileInfo, Inspection, ModelInfo, Operator, TensorSpec
from airworthy.core.registry import Registry
from airworthy.core.report import Skipped
from airworthy.core.values import Endpoint
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge
from fakes.reports import driver_too_old, file_corrupt, port_in_use

TAKEN = "2026-01-02T03:04:05+00:00"

HOST = Facts(
    {
        MEMORY_TOTAL.name: Known(16 * 2**30, "/proc/meminfo"),
        NVIDIA_DRIVER.name: Absent("no NVIDIA device on the PCI bus"),
        LIBC_VERSION.name: Known(Version("2.36"), "ldd"),
    },
    TAKEN,
)
"""A healthy machine without a GPU."""


def _cause(slug: str, needs: tuple[Any, ...], message: str = "it is so", severity: Severity = Severity.ERROR) -> Cause:
    return Cause(slug=slug, severity=severity, message=message, needs=needs)


def _catalogue() -> dict[str, Cause]:
    passes = _cause("memory-small", (MEMORY_TOTAL,))
    empty = _cause("file-empty", (MODEL_SIZE,), "the file is empty")
    busy = _cause("port-busy", (TARGET_ENDPOINT,), "port {port} is {state}", Severity.WARNING)
    broken = _cause("always-broken", (LIBC_VERSION,))

    @passes.predict
    def no_memory(facts: Facts, known: Knowledge) -> Iterator[Finding]:
        if facts.value(MEMORY_TOTAL) < 2**30:
            yield passes.finding(facts, "this host", evidence=(MEMORY_TOTAL,))

    @empty.predict
    def no_bytes(facts: Facts, known: Knowledge) -> Iterator[Finding]:
        if facts.value(MODEL_SIZE) == 0:
            yield empty.finding(facts, facts.value(MODEL_PATH), evidence=(MODEL_SIZE,))

    @busy.predict
    def not_free(facts: Facts, known: Knowledge) -> Iterator[Finding]:
        endpoint = facts.value(TARGET_ENDPOINT)
        if endpoint.state != "free":
            yield busy.finding(facts, endpoint.host, port=endpoint.port, state=endpoint.state)

    @broken.predict
    def breaks(facts: Facts, known: Knowledge) -> Iterator[Finding]:
        if facts.value(LIBC_VERSION).major < 2:
            raise ZeroDivisionError("no such libc")
        return iter(())

    return {cause.slug: cause for cause in (passes, empty, busy, broken)}


def describe(path: Path) -> Inspection:
    """What the fake format says of any file."""
    size = path.stat().st_size
    model = ModelInfo(
        name=path.stem,
        path=str(path),
        format="onnx",
        entry=str(path),
        files=(FileInfo(path.name, size, "onnx"),),
        task="tensors",
        parameters=22_700_000,
        datatypes={"FP32": 90_800_000},
        inputs=(TensorSpec("x", "FP32", (-1, 64), ("batch", "")),),
        outputs=(TensorSpec("label", "INT64", (-1,)),),
        operators=tuple(Operator("", f"Op{n}", 30 - n) for n in range(12)),
        versions={"onnx-ir": 10, "onnx-opset": 17},
    )
    return Inspection(model, Facts({MODEL_PATH.name: Known(str(path), "given"), MODEL_SIZE.name: Known(size, "stat")}))


def use(monkeypatch: pytest.MonkeyPatch, host: Facts = HOST, port_state: str = "free") -> None:
    """Put the fakes where the flows look for the real ones."""
    from airworthy.causes import registry as standard
    from airworthy.flows import diagnose as diagnosing
    from airworthy.flows import facts as flow

    registry: Registry[Cause] = Registry("cause", dict.fromkeys(_catalogue(), "fakes.world:nothing"))
    registry._loaded.update(_catalogue())
    monkeypatch.setattr(standard, "CAUSES", registry)
    monkeypatch.setattr(flow, "gather", lambda **_: host)
    _module(monkeypatch, "airworthy.artifacts.identify", inspect=describe)
    monkeypatch.setattr(diagnosing, "diagnose_parts", _diagnose_parts)
    _module(monkeypatch, "airworthy.recognition", diagnose=_diagnose)
    _module(monkeypatch, "airworthy.causes.pages", page=lambda cause, _: f"# {cause.slug}\n\nText with *emphasis*.\n")
    _module(monkeypatch, "airworthy.probes.seam.local", LocalHost=object)
    _module(monkeypatch, "airworthy.probes.host.endpoint", read_endpoint=lambda *where: _endpoint(*where, port_state))


class Diagnosis(NamedTuple):
    """What the fake recogniser gives: one finding a line that names a cause, in the order of the lines."""

    findings: tuple[Finding, ...]
    undecided: tuple[Skipped, ...]
    unknown: None = None
    remarks: tuple[Finding, ...] = ()
    read_as: str = ""


def _diagnose_parts(parts: Iterable[bytes], facts: Facts | None, catalogue: Any, *, here: bool = False) -> Diagnosis:
    return _diagnose(b"".join(parts).decode("utf-8", "replace"), facts)


def _diagnose(text: str, facts: Facts | None = None, catalogue: Any = None) -> Diagnosis:
    known = {finding.cause: finding for finding in (driver_too_old(), file_corrupt(), port_in_use())}
    lines = text.split()
    findings = tuple(known[each] for each in lines if each in known)
    undecided = () if facts is None else tuple(Skipped(each.cause, "not looked at") for each in findings)
    return Diagnosis(findings, undecided)


def _endpoint(host: object, address: str, port: int, state: str) -> Known:
    return Known(Endpoint(host=address, port=port, state=state), "bind")


def _module(monkeypatch: pytest.MonkeyPatch, name: str, **members: Any) -> None:
    module = ModuleType(name)
    for member, value in members.items():
        setattr(module, member, value)
    monkeypatch.setitem(sys.modules, name, module)


UNREADABLE = HOST.merged({MEMORY_TOTAL.name: Unknown("permission denied")})
"""The same machine, where memory could not be read."""
OLD = HOST.merged({LIBC_VERSION.name: Known(Version("1.0"), "ldd")})
"""A machine on which one check breaks."""
SMALL = HOST.merged({MEMORY_TOTAL.name: Known(2**20, "/proc/meminfo")})
"""A machine on which one check fails."""

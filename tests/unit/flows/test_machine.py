"""The summary of a machine on recorded hosts, and the lines that `check` prints of it."""

from __future__ import annotations

import pytest

from airworthy.core.facts import Facts, Unknown
from airworthy.core.keys import CPU_CORES, CPU_MODEL, FRAMEWORKS, MEMORY_TOTAL
from airworthy.flows.check import check
from airworthy.flows.machine import machine_summary
from airworthy.probes.registry import PROBES
from airworthy.probes.runner import gather
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import write
from airworthy.report.registry import FORMATS
from airworthy.report.views.machine import lines
from recorded_hosts import NAMES, host


def shown(name: str) -> list[str]:
    """The lines of a recorded host, without the blank one at the end."""
    facts = gather(host(name), PROBES, strict=True)
    return write(list(lines(machine_summary(facts))), RenderOptions(width=1000)).splitlines()[:5]


EXPECTED = {
    "h100-server": [
        "CPU         Intel(R) Xeon(R) Platinum 8480C, x86_64, 224 cores",
        "memory      2.0 TiB, 1.9 TiB available",
        "devices     8 x NVIDIA H100 80GB HBM3 with 79.6 GiB",
        "drivers     nvidia 550.90.07",
        "frameworks  torch 2.5.1+cu124 for cuda 12.4",
    ],
    "ascend-910b-openeuler": [
        "CPU         implementer 0x48, part 0xd01, aarch64, 192 cores",
        "memory      1.5 TiB, 1.3 TiB available",
        "devices     2 x Ascend 910B4 with 32.0 GiB",
        "drivers     ascend 24.1.1",
        "frameworks  torch 2.5.1 for cpu; torch-npu 2.5.1 for npu",
    ],
    "container-cgroup-v2": [
        "CPU         AMD EPYC 7R13 Processor, x86_64, 1.5 of 16 cores",
        "memory      30.5 GiB, 1.7 GiB available, limited to 2.0 GiB",
        "devices     none",
        "drivers     none",
        "frameworks  none",
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_lines_of_a_recorded_host(name: str) -> None:
    assert shown(name) == EXPECTED[name]


@pytest.mark.parametrize("name", NAMES)
def test_each_host_has_five_lines(name: str) -> None:
    assert [row.split()[0] for row in shown(name)] == ["CPU", "memory", "devices", "drivers", "frameworks"]


def test_what_could_not_be_read_is_unknown_and_never_none() -> None:
    facts = Facts({key.name: Unknown("no /proc") for key in (CPU_MODEL, CPU_CORES, MEMORY_TOTAL, FRAMEWORKS)})
    summary = machine_summary(facts)
    assert [summary[part] for part in ("cpu", "memory", "frameworks")] == [{"unknown": "no /proc"}] * 3
    assert {row["vendor"] for row in summary["devices"]["unread"]} >= {"nvidia", "amd", "ascend"}
    text = write(list(lines(summary)), RenderOptions())
    assert "unknown: no /proc" in text


def test_check_prints_the_machine_where_nothing_is_wrong() -> None:
    report = check(facts=gather(host("h100-server"), PROBES, strict=True))
    assert not report.findings
    text = FORMATS.get("text")(report, RenderOptions(width=1000))
    assert text.splitlines()[:5] == shown("h100-server")
    assert text.splitlines()[5] == ""


def test_findings_come_without_the_machine_unless_everything_is_shown() -> None:
    report = check(facts=gather(host("nouveau-without-driver"), PROBES, strict=True))
    assert report.findings
    text = FORMATS.get("text")(report, RenderOptions(width=1000))
    assert not text.startswith("CPU")
    assert FORMATS.get("text")(report, RenderOptions(verbose=True, width=1000)).startswith("CPU")

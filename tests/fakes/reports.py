"""Reports made by hand: one of every outcome, and one whose every text is hostile."""

from __future__ import annotations

import pytest

from airworthy.causes.interface import Cause
from airworthy.core.finding import Confidence, Edit, Evidence, Finding, Remedy, Severity
from airworthy.core.registry import Registry
from airworthy.core.report import Crashed, Failed, Passed, Report, Skipped
from airworthy.core.version import Version


def use_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put two causes where SARIF looks for rules, so that its output doesn't change with the real pages."""
    from airworthy.causes import registry as standard

    class Page(Cause):
        page = "A page.\n\n## What happens\n"
        title = "A page."

    registry: Registry[Cause] = Registry("cause", {})
    for slug in ("driver-too-old", "file-corrupt"):
        registry._targets[slug] = ""
        registry._loaded[slug] = Page(slug=slug, severity=Severity.ERROR, message="")
    monkeypatch.setattr(standard, "CAUSES", registry)


HOSTILE = "a\x1b[2J\x1b]0;owned\x07[bold red]x[/]\n::error::forged\r\u202egnp.exe\x00\x9b31m <b>&|`"
"""A file name that repaints a terminal, forges a line, carries markup and turns text around."""


def driver_too_old() -> Finding:
    return Finding(
        cause="driver-too-old",
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        subject="NVIDIA A100",
        message="driver 470.82.01, but CUDA 12.1 needs 525.60.13 or newer",
        params={"driver": Version("470.82.01"), "cuda": Version("12.1"), "required": Version("525.60.13")},
        evidence=(
            Evidence(fact="nvidia.driver", value=Version("470.82.01"), source="/proc/driver/nvidia/version"),
            Evidence(fact="frameworks", value=["torch 2.6.0+cu124"], source="torch/version.py"),
        ),
        remedies=(
            Remedy(
                why="A newer driver serves every older CUDA as well; the machine restarts.",
                commands=("sudo apt-get install nvidia-driver-550", "sudo reboot"),
            ),
            Remedy(
                why="A build for CUDA 11.8 runs on this driver.",
                commands=("pip install torch==2.6.0 --index-url https://download.pytorch.org/whl/cu118",),
                safe=True,
            ),
        ),
    )


def file_corrupt() -> Finding:
    return Finding(
        cause="file-corrupt",
        severity=Severity.ERROR,
        confidence=Confidence.MEDIUM,
        subject="models/mini lm/model.safetensors",
        message="the header announces 90.9 MiB and the file holds 12.0 MiB",
        params={"announced": 95319436, "held": 12582912},
        evidence=(Evidence(fact="model.defects", value=[{"kind": "truncated"}], source="header"),),
        remedies=(Remedy(why="Copy the file again and compare its checksum."),),
    )


def port_in_use() -> Finding:
    return Finding(
        cause="port-in-use",
        severity=Severity.WARNING,
        confidence=Confidence.LOW,
        subject="127.0.0.1:8000",
        message="port 8000 is held by nginx (pid 812)",
        params={"port": 8000},
        evidence=(Evidence(line=3, value="[Errno 98] address already in use", source="server.log"),),
        remedies=(
            Remedy(
                why="Another port leaves the other program alone.",
                edits=(Edit(path="airworthy.toml", old="port = 8000", new="port = 8001"),),
                safe=True,
            ),
        ),
    )


def whole() -> Report:
    """Every outcome and every severity that occurs."""
    return Report(
        verb="check",
        subject="models/mini lm on this host",
        results=(
            Passed("disk-full"),
            Passed("numpy-abi", note="no compiled extension uses NumPy"),
            Failed("port-in-use", (port_in_use(),)),
            Failed("driver-too-old", (driver_too_old(),)),
            Failed("file-corrupt", (file_corrupt(),)),
            Skipped("glibc-too-old", "libc.version is unknown: ldd: permission denied"),
            Skipped("unsafe-pickle", "turned off in the settings", chosen=True),
            Crashed("lfs-pointer", "Traceback (most recent call last):\n  File \"x.py\", line 1\nKeyError: 'oid'\n"),
        ),
        answer={"verdict": "fails", "facts_taken": "2026-01-02T03:04:05+00:00"},
    )


def healthy() -> Report:
    return Report(
        verb="check",
        subject="this host",
        results=(Passed("disk-full"), Passed("numpy-abi")),
        answer={"verdict": "works", "facts_taken": "2026-01-02T03:04:05+00:00"},
    )


def hostile(text: str = HOSTILE) -> Report:
    finding = Finding(
        cause="file-corrupt",
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        subject=text,
        message=text,
        params={"path": text},
        evidence=(Evidence(fact="model.path", value=text, source=text),),
        remedies=(Remedy(why=text, commands=(text,), edits=(Edit(path=text, old=text, new=text),)),),
    )
    return Report(
        verb="check",
        subject=text,
        results=(
            Failed("file-corrupt", (finding,)),
            Skipped("glibc-too-old", text),
            Passed("disk-full", note=text),
            Crashed("numpy-abi", text),
        ),
    )

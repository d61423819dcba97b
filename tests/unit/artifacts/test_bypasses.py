"""Every class of tricks by which pickle scanners were passed is caught, and honest checkpoints pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import hostile
import hostile_carriers
from airworthy.core.errors import NotAModel
from airworthy.core.finding import Severity
from airworthy.flows.inspect import inspect

HOSTILE = [*hostile.samples(), *hostile_carriers.samples()]
BENIGN = list(hostile.benign())


def named(samples: list[hostile.Sample]) -> list[object]:
    return [pytest.param(sample, id=f"{sample[0]}-{sample[1]}") for sample in samples]


def test_every_class_has_samples() -> None:
    assert {number for number, *_ in HOSTILE} == {str(number) for number in range(1, 18)}
    assert len(HOSTILE) >= 400
    assert len(BENIGN) >= 50
    assert len({sample[1:3] for sample in HOSTILE + BENIGN}) == len(HOSTILE) + len(BENIGN)


@pytest.mark.parametrize("sample", named(HOSTILE))
def test_a_hostile_sample_is_caught(sample: hostile.Sample, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = hostile.write(sample, tmp_path)
    before = set(sys.modules)
    try:
        report = inspect(path)
    except NotAModel:
        assert sample[1] == "7-Zip"  # refused before anything of it is read
    else:
        assert report.blocks(Severity.ERROR), [finding.message for finding in report.findings]
        causes = {finding.cause for finding in report.findings if finding.severity is Severity.ERROR}
        assert causes & {"unsafe-pickle", "file-corrupt"}
    assert "hostile" not in "".join(capfd.readouterr())
    assert not {name for name in set(sys.modules) - before if name.startswith(("idlelib", "venv", "pip", "lib2to3"))}


@pytest.mark.parametrize("sample", named(BENIGN))
def test_a_benign_sample_passes(sample: hostile.Sample, tmp_path: Path) -> None:
    report = inspect(hostile.write(sample, tmp_path))
    assert not report.blocks(Severity.ERROR), [finding.message for finding in report.findings]
    plain = [f for f in report.findings if f.severity is Severity.WARNING]
    assert {f.cause for f in plain} <= {"unsafe-pickle"}
    assert bool(plain) == ("NumPy scalar" in sample[1] or sample[1] == "traced inputs")

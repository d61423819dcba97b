"""`airworthy facts --compare`, and what `nvcc` and `nvidia-smi` each mean by a version of CUDA."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airworthy.cli.main import main
from airworthy.core import keys
from airworthy.core.facts import Facts, Known, dump
from airworthy.core.version import Version
from airworthy.flows import facts as flow
from airworthy.report.interface import RenderOptions
from airworthy.report.registry import FORMATS
from fakes import world


def saved(path: Path, driver: str) -> str:
    facts = Facts({keys.NVIDIA_DRIVER.name: Known(Version(driver), "test"), keys.OS_NAME.name: Known("Debian", "test")})
    path.write_bytes(dump(facts))
    return str(path)


def test_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    works, fails = saved(tmp_path / "works", "570.86"), saved(tmp_path / "fails", "470.57")
    assert main(["facts", "--compare", works, fails]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["compared"] == [works, fails]
    (difference,) = document["differences"]
    assert (difference["fact"], difference["first"], difference["second"]) == ("nvidia.driver", "570.86", "470.57")
    assert main(["facts", "--compare", works, fails, "--format", "text"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == [works, fails]
    assert row.split() == ["nvidia.driver", "570.86", "470.57"]
    assert main(["facts", "--compare", works, works, "--format", "text"]) == 0
    assert capsys.readouterr().out.startswith("no difference")


def test_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world.use(monkeypatch)
    assert main(["facts", "--compare", saved(tmp_path / "works", "570.86"), "here", "--format", "text"]) == 0
    out = capsys.readouterr().out
    assert "unknown: it was not inspected" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--compare", "no.json", "no.json"], "no.json does not exist"),
        (["--compare", "-", "-"], "only one input can be -"),
        (["--compare", "a", "b", "--save", "c"], "--compare writes no facts file"),
        (["--compare", "a"], "--compare"),
    ],
)
def test_what_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["facts", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("toolkit", "driver", "told"),
    [
        ("12.8", "12.4", "what is compiled here may need a newer driver"),
        ("11.8", "12.4", "two things, which fit together"),
        ("12.4", "12.4", ""),
        (None, "12.4", ""),
    ],
)
def test_two_versions_of_cuda_are_explained(toolkit: str | None, driver: str, told: str) -> None:
    entries = {keys.NVIDIA_CUDA.name: Known(Version(driver), "test")}
    if toolkit is not None:
        entries[keys.CUDA_TOOLKIT.name] = Known(Version(toolkit), "test")
    text = FORMATS.get("text")(flow.report(Facts(entries)), RenderOptions())
    assert (told in text) if told else ("nvcc" not in text)

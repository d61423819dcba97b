"""`airworthy deps` on environments in a folder, through the function and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airworthy.cli.main import main
from airworthy.environment.uv import Indexes, write_stub
from airworthy.flows.deps import deps
from airworthy.probes.python.elsewhere import NotAnEnvironment
from environments import CONFLICT, environment, package, write

NOWHERE = Indexes(no_index=True)


def causes(folder: Path, **options: object) -> list[tuple[str, str]]:
    report = deps(folder, indexes=NOWHERE, **options)
    return [(finding.cause, finding.subject) for finding in report.findings]


def test_a_conflict_with_the_change_that_was_tried(tmp_path: Path) -> None:
    index = tmp_path / "index"
    index.mkdir()
    write_stub(index, package("driver", "1.4", "shared>=1.2"))
    site = environment(tmp_path / "site", CONFLICT)
    report = deps(site, indexes=Indexes(no_index=True, find_links=(str(index),)))
    (finding,) = report.findings
    assert report.answer.verdict == "fails"
    assert finding.message == (
        "no version of shared satisfies all: tool 1.0 > driver 1.3 wants shared>=2; "
        "app 1.0 > middle 1.0 > below 1.0 wants shared<2; 1.5 is installed"
    )
    assert finding.remedies[0].commands[0].endswith("-m pip install driver==1.4")


def test_a_healthy_environment(tmp_path: Path) -> None:
    environment(tmp_path, [package("a", "1", "b"), package("b")])
    report = deps(tmp_path, indexes=NOWHERE, files=True)
    assert (report.answer.verdict, report.findings, report.answer.roots) == ("works", (), ("a",))


def test_what_else_is_wrong(tmp_path: Path) -> None:
    environment(
        tmp_path,
        [
            package("onnxruntime", "1.20.0"),
            package("onnxruntime-gpu", "1.20.0"),
            package("old", "1", requires_python="<3"),
            package("needy", "1", "absent>=3"),
            package("twice", "1.0"),
            package("twice", "2.0"),
        ],
    )
    write(tmp_path, package("nameless")).joinpath("METADATA").write_text("Version: 1\n")
    assert set(causes(tmp_path)) == {
        ("conflicting-package-variants", "onnxruntime"),
        ("python-version-unsupported", "old"),
        ("package-missing", "absent"),
        ("installation-damaged", "twice"),
        ("installation-damaged", f"{tmp_path}/nameless-1.0.dist-info"),
    }


def test_origins_and_installers(tmp_path: Path) -> None:
    environment(tmp_path, [package("here", url="file:///src", editable=True), package("other", installer="conda")])
    answer = deps(tmp_path, indexes=NOWHERE).answer
    assert [(each.package, each.editable) for each in answer.origins] == [("here", True)]
    assert answer.installers == {"pip": 1, "conda": 1}


@pytest.mark.parametrize("name", ["none", "file", "empty"])
def test_what_is_no_environment(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotAnEnvironment, match=name):
        deps(tmp_path / name)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = environment(tmp_path / "site", CONFLICT)
    assert main(["deps", "--python", str(site), "--no-index", "--why", "Shared"]) == 1
    text = capsys.readouterr().out
    assert "from app: app 1.0 > middle 1.0 > below 1.0 wants shared<2" in text
    assert "no releases of these packages go together" in text
    assert main(["deps", "--python", str(site), "--no-solve", "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["conflicts"][0]["unmet"][0]["steps"][-1]["requires"] == "shared>=2"
    assert main(["deps", "--python", str(site), "--why", "nothing"]) == 2


def test_this_environment_with_native_libraries() -> None:
    answer = deps(native=True, solve=False).answer
    assert answer.libraries
    evidence = {each.evidence for each in answer.libraries}
    assert evidence == {"sbom", "elf"}
    assert all(each.provider in {"package", "system", "driver", "missing"} for each in answer.libraries)

"""`airworthy check --given`: pairs, files and standard input, in any order on the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from airworthy.cli.main import main

BROKEN = ["gpu=RTX 5090", "framework=torch", "version=2.5.1", "build=cu124"]


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    return document


def test_pairs_may_follow_one_option_or_each_have_theirs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--given", *BROKEN, "--format", "json"]) == 1
    first = answer(capsys)
    assert first["verdict"] == "fails"
    assert main(["check", "--format", "json", *(part for pair in BROKEN for part in ("--given", pair))]) == 1
    assert answer(capsys) == first


def test_a_file_and_a_pair_over_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(dict(pair.split("=") for pair in BROKEN)))
    assert main(["check", "--given", str(path), "--format", "json"]) == 1
    assert answer(capsys)["verdict"] == "fails"
    assert main(["check", "--given", str(path), "gpu=RTX 4090", "--format", "json"]) == 0
    assert answer(capsys)["verdict"] == "works"


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.dumps(dict(pair.split("=") for pair in BROKEN)).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert main(["check", "--given", "-"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("it fails\n")
    assert "no-kernel-image" in out
    assert "https://" in out  # the row that decided


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--given", "drivr=5"], "there is no key 'drivr'"),
        (["--given", "no.json"], "no.json does not exist"),
        (["--given", "gpu=T4", "--facts", "x.json"], "--facts and --given"),
        (["--given", "gpu=T4", "gpu=A100"], "gpu is given twice"),
        (["a.onnx", "b.onnx"], "unexpected extra argument (b.onnx)"),
        (["--given", "gpu=T4", "a.onnx", "b.onnx"], "unexpected extra argument (b.onnx)"),
        (["--given", "-", "--config", "-"], "only one input can be -"),
    ],
)
def test_what_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *arguments]) == 2
    assert message in capsys.readouterr().err

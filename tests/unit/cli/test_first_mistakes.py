"""What a newcomer types first and types wrong: help, or one sentence that says how to end it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import airworthy
import models
from airworthy.cli.main import main


@pytest.mark.parametrize(("arguments", "shown"), [([], "inspect"), (["causes"], "resolve")])
def test_a_group_without_a_command_shows_its_help(
    arguments: list[str], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("Usage: airworthy")
    assert f"\n  {shown} " in printed.out
    assert printed.err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up", "hf://org/model"], "hf download org/model --local-dir model"),
        (["up", "org-nowhere/model-7b"], "hf download org-nowhere/model-7b --local-dir model-7b"),
        (["inspect", "https://huggingface.co/org/model/tree/main"], "hf download org/model"),
        (["check", "https://example.invalid/m.onnx"], "curl -LO https://example.invalid/m.onnx"),
        (["inspect", "s3://bucket/m.onnx"], "s3://bucket/m.onnx is not a local path"),
        (["inspect", "nowhere/at/all"], "does not exist"),
        (["check", "--given", "gpu"], "write gpu=VALUE"),
        (["causes", "resolve", "lfs-pointr"], "did you mean `lfs-pointer`?"),
    ],
)
def test_what_was_meant_is_said(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a b/c", "", "-x-", "é"])
def test_a_name_that_can_not_stand_in_a_url_is_refused(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = models.linear(tmp_path / "linear.onnx")
    assert main(["up", str(model), f"--name={name}", "--port", "0"]) == 2
    assert "cannot be the name" in capsys.readouterr().err


def test_a_wrong_variable_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRWORTHY_SERVE_PORT", "abc")
    assert main(["check"]) == 2
    assert "environment variable AIRWORTHY_SERVE_PORT" in capsys.readouterr().err


@pytest.mark.parametrize("format_", ["json", "sarif", "junit", "github", "markdown"])
def test_a_program_that_was_promised_a_document_gets_one(
    format_: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = models.safetensors(tmp_path / "m.safetensors")
    assert main(["up", str(path), "--format", format_, "--port", "0"]) == 2
    printed = capsys.readouterr()
    assert "no engine can load" in printed.err
    assert "no-engine" in printed.out
    if format_ == "json":
        document = json.loads(printed.out)
        assert document["error"]["code"] == "no-engine"
        assert [finding["cause"] for finding in document["findings"]] == ["no-engine"]


def test_a_signature_that_does_not_hold_is_a_document(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"weights")
    assert main(["keygen", str(tmp_path / "key.pem"), "--signing"]) == 0
    capsys.readouterr()
    assert main(["verify", str(tmp_path / "m"), "--key", str(tmp_path / "key.pem.pub"), "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"]


def test_keygen_makes_keys_that_sign(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"weights")
    key = tmp_path / "key.pem"
    assert main(["keygen", str(key), "--signing"]) == 0
    assert key.stat().st_mode & 0o077 == 0
    assert main(["sign", str(tmp_path / "m"), "--key", str(key)]) == 0
    assert main(["verify", str(tmp_path / "m"), "--key", f"{key}.pub"]) == 0
    assert main(["keygen", str(tmp_path / "age")]) == 0
    capsys.readouterr()
    assert main(["sign", str(tmp_path / "m"), "--key", str(tmp_path / "age"), "--force"]) == 2
    assert "airworthy keygen --signing" in capsys.readouterr().err


def test_a_shell_completes_the_verbs_of_the_package() -> None:
    assert {"check", "inspect", "up"} <= set(dir(airworthy))


@pytest.mark.parametrize("delay", [0.02, 0.06])
def test_ctrl_c_while_it_begins_prints_no_traceback(delay: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "airworthy", "check"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:  # the first module of ours: from here on it is ours to handle
        if "| airworthy" in line:
            break
    time.sleep(delay)
    os.kill(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=30)[1]
    assert "KeyboardInterrupt" not in rest
    assert process.returncode in (130, -signal.SIGINT)

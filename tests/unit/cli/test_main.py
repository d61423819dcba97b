"""Whatever ends a command becomes words on standard error and an exit status."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

import airworthy
from airworthy.cli import verbs
from airworthy.cli.main import cli, main
from airworthy.core import facts as facts_file
from fakes import world


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "digits.onnx"
    path.write_bytes(bytes(100))
    return str(path)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"airworthy {airworthy.__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["-h"], ["facts", "-h"], ["explain", "-h"]])
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 0
    assert "Usage: airworthy" in capsys.readouterr().out


def test_every_verb_is_in_help_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    out = " ".join(capsys.readouterr().out.split())
    for name, (_, line) in verbs.VERBS.items():
        assert f"{name} {line}" in out


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["chek"], "there is no verb named 'chek'", "did you mean `airworthy check`?"),
        (["xyzzy"], "there is no verb named 'xyzzy'", "verbs: up, "),
        (["check", "--nope"], "No such option", "`airworthy check --help`"),
        (["inspect"], "Missing argument 'PATH'", "`airworthy inspect --help`"),
        (["check", "--port", "70000"], "'--port'", "--help"),
        (["check", "--format", "yaml"], "there is no output format named 'yaml'", "known: text, json"),
        (["check", "no/such/model.onnx"], "no/such/model.onnx does not exist", "relative paths start at"),
        (["check", "--facts", "no.json"], "no.json does not exist", "check the spelling"),
        (["check", "--config", "no.toml"], "no.toml does not exist", "check the spelling"),
        (["check", "--ignore", "file-emty"], "'file-emty'", "did you mean `file-empty`?"),
        (["explain", "file-emty"], "there is no cause named 'file-emty'", "did you mean `file-empty`?"),
        (["facts", "--save", "/no/such/folder/x.json"], "/no/such/folder/x.json cannot be written", "directory"),
        (["facts", "--save", "x.json", "--format", "text"], "--save writes JSON", "--help"),
        (["check", "-", "--facts", "-"], "only one input can be -", "--help"),
        (["inspect", "a\x1b[2J\nb"], r"a\x1b[2J\nb does not exist", "relative"),
    ],
)
def test_wrong_input_is_one_error_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
    hint: str,
) -> None:
    world.use(monkeypatch)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert out == ""
    assert first.startswith("error: ")
    assert message in first
    assert second.startswith("hint: ")
    assert hint in second


def test_no_arguments_show_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    captured = capsys.readouterr()
    assert "Usage: airworthy" in captured.out + captured.err


@pytest.mark.parametrize(
    ("host", "arguments", "status"),
    [
        (world.HOST, [], 0),
        (world.SMALL, [], 1),
        (world.OLD, [], 4),
        (world.UNREADABLE, [], 0),
        (world.UNREADABLE, ["--strict"], 4),
        (world.UNREADABLE, ["--strict", "--ignore", "memory-small"], 0),
        (world.HOST, ["--port", "80"], 0),
        (world.HOST, ["--port", "80", "--fail-on", "warning"], 1),
    ],
)
def test_exit_statuses_of_check(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    host: facts_file.Facts,
    arguments: list[str],
    status: int,
) -> None:
    world.use(monkeypatch, host, port_state="in-use")
    assert main(["check", *arguments]) == status
    assert "passed" in capsys.readouterr().out


def test_check_writes_every_format(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], model: str
) -> None:
    world.use(monkeypatch)
    assert main(["check", model, "--format", "json"]) == 0
    document = json.loads(capsysbinary.readouterr().out)
    assert document["verdict"] == "works"
    assert {result["check"] for result in document["results"]} == {"memory-small", "file-empty", "always-broken"}


def test_inspect_tells_what_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    world.use(monkeypatch)
    assert main(["inspect", model]) == 0
    out = capsys.readouterr().out
    for part in ("22.7 M", "[batch, 64]", "onnx-opset 17", "digits.onnx"):
        assert part in out


def test_facts_save_is_private_and_reads_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    world.use(monkeypatch)
    target = tmp_path / "gpu7.json"
    target.write_text("older")
    assert main(["facts", "--save", str(target)]) == 0
    assert f"3 facts in {target}" in capsys.readouterr().out
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["gpu7.json"]
    assert main(["check", "--facts", str(target), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["subject"] == "the host of the facts"


def test_facts_in_a_pipe_are_a_facts_file(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    world.use(monkeypatch)
    assert main(["facts"]) == 0
    assert dict(facts_file.load(capsys.readouterr().out.encode())) == dict(world.HOST)
    assert main(["facts", "--format", "text"]) == 0
    assert "memory.total  16.0 GiB  /proc/meminfo" in capsys.readouterr().out


def test_explain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    world.use(monkeypatch)
    assert main(["explain", "file-empty"]) == 0
    assert capsys.readouterr().out == "# file-empty\n\nText with *emphasis*.\n"
    assert main(["explain", "--format", "json"]) == 0
    causes = json.loads(capsys.readouterr().out)["causes"]
    assert {row["cause"] for row in causes} == {"memory-small", "file-empty", "port-busy", "always-broken"}


def test_diagnose_puts_the_root_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    world.use(monkeypatch)
    log = tmp_path / "server.log"
    log.write_text("port-in-use driver-too-old")  # the less severe one is the root
    assert main(["diagnose", str(log), "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["cause"] == "port-in-use"
    assert [finding["cause"] for finding in document["findings"]] == ["port-in-use", "driver-too-old"]
    assert main(["diagnose", str(log)]) == 1
    out = capsys.readouterr().out
    assert out.index("Cause\n  port-in-use") < out.index("Also seen\n  driver-too-old")
    log.write_text("all is well")
    assert main(["diagnose", str(log)]) == 0
    assert capsys.readouterr().out == f"No known cause is recognised in {log}.\n"


def test_diagnose_reads_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Stream:
        buffer = io.BytesIO(b"\xff file-corrupt")

    world.use(monkeypatch)
    monkeypatch.setattr("sys.stdin", Stream())
    assert main(["diagnose", "-", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["subject"] == "standard input"


def _failing(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


def _install(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    monkeypatch.setattr(type(cli), "get_command", lambda *_: _failing(error))


def test_a_fault_of_ours_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _install(monkeypatch, RuntimeError("boo\x1b[2J"))
    assert main(["check"]) == 3
    err = capsys.readouterr().err
    assert r"this is a bug in airworthy, not in what you gave it: RuntimeError: boo\x1b[2J" in err
    (written,) = tmp_path.iterdir()
    assert str(written) in err
    assert "Traceback" in written.read_text()
    assert written.stat().st_mode & 0o777 == 0o600
    assert main(["--debug", "check"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _install(monkeypatch, KeyboardInterrupt())
    assert main(["check"]) == 130
    assert "error" not in capsys.readouterr().err


SLOW = """
import sys, time
from airworthy.flows import facts
def gather(**_):
    print("ready", file=sys.stderr, flush=True)
    time.sleep(60)
facts.gather = gather
from airworthy.cli.main import main
raise SystemExit(main(sys.argv[1:]))
"""


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    arguments = [sys.executable, "-c", SLOW, "facts", "--save", str(tmp_path / "f.json")]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130
        assert time.monotonic() - started < 5
        assert "Traceback" not in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = "import sys; from airworthy.cli.output import emit; sys.stdin.read(); emit('x' * 10**6); sys.exit(7)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.close()
        assert process.wait(timeout=10) == 7
        assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output_is_told() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", PRINTS], stdout=full, stderr=subprocess.PIPE, timeout=30, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: standard output cannot be written: No space left on device\nhint: ")


PRINTS = """
import click, sys
from airworthy.cli import main as module
from airworthy.cli.output import emit
@click.command()
def command(): emit("x")
type(module.cli).get_command = lambda *_: command
sys.exit(module.main(["check"]))
"""


@pytest.mark.parametrize(("closed", "status"), [("<&-", 2), (">&-", 0)])
def test_closed_streams_are_no_fault_of_ours(closed: str, status: int) -> None:
    arguments = "inspect -" if status == 2 else "explain --help"
    script = f'exec "{sys.executable}" -m airworthy {arguments} {closed}'
    done = subprocess.run(["/bin/sh", "-c", script], stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert done.returncode == status, done.stderr
    assert ("standard input is closed" in done.stderr) is (status == 2)


@pytest.mark.parametrize(("document", "written"), [(False, b"\\u6a21 \\xe9\n"), (True, "模 é\n".encode())])
def test_text_fits_the_locale_and_documents_are_utf_8(document: bool, written: bytes) -> None:
    code = f"from airworthy.cli.output import emit; emit('模 é\\n', document={document})"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, timeout=10, check=True)
    assert done.stdout == written

"""`airworthy chat` against a service: once, from a pipe, and as a conversation in a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import language_models
from server.running import Running, environment, running

COMMAND = [sys.executable, "-m", "airworthy", "chat"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_models.tiny(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture(scope="module")
def service(model: Path) -> Iterator[Running]:
    with running("serve", model, "--engine", "null-generator") as started:
        yield started


def _chat(*arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], input=given, capture_output=True, text=True, timeout=60, env=environment()
    )


def test_a_question_is_answered_once(service: Running) -> None:
    done = _chat(service.url, "[[say fit to fly]]")
    assert (done.returncode, done.stdout) == (0, "fit to fly\n")


def test_a_question_from_a_pipe_is_answered_once(service: Running) -> None:
    done = _chat(service.url + "/v1", given="[[say from a pipe]]\n")
    assert (done.returncode, done.stdout) == (0, "from a pipe\n")


def test_an_answer_that_is_cut_says_so(service: Running) -> None:
    done = _chat(service.url, "[[say one two three]]", "--max-tokens", "2")
    assert (done.stdout, "(cut:" in done.stderr) == ("one two\n", True)


def test_control_characters_of_a_model_do_not_reach_the_terminal(service: Running) -> None:
    assert _chat(service.url, "[[say a\x1b[31mb]]").stdout == "a\\x1b[31mb\n"


@pytest.mark.parametrize("target", ["http://127.0.0.1:9", "http://127.0.0.1:1/v1"])
def test_a_server_that_is_not_there_is_one_clear_error(target: str) -> None:
    done = _chat(target, "x")
    assert (done.returncode, done.stdout) == (1, "")
    assert "gave no answer" in done.stderr
    assert "airworthy chat MODEL.gguf" in done.stderr


def test_a_refusal_is_told_in_the_servers_words(service: Running) -> None:
    done = _chat(service.url, "word " * 5000)
    assert (done.returncode, done.stdout.strip()) == (1, "")
    assert "5001 tokens" in done.stderr


def test_a_model_file_is_served_as_long_as_it_is_talked_to(model: Path) -> None:
    pytest.importorskip("xllamacpp", reason="the llm extra is not installed")
    done = _chat(model, "hello", "--max-tokens", "5")
    assert done.returncode == 0
    assert len(done.stdout) == 6, "five tokens of one character, and the end of the line"


class Terminal:
    """A conversation on a pseudo-terminal."""

    def __init__(self, url: str) -> None:
        self.process, self._master = self._start(url)
        self.shown = ""

    def _start(self, url: str) -> tuple[int, int]:
        process, master = pty.fork()
        if process == 0:
            os.execve(sys.executable, [*COMMAND, url], environment(TERM="dumb"))
        return process, master

    def wait_for(self, pattern: str, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not re.search(pattern, self.shown):
            assert time.monotonic() < end, self.shown
            if select.select([self._master], [], [], 0.1)[0]:
                self.shown += os.read(self._master, 4096).decode(errors="replace")

    def type(self, text: str) -> None:
        self.shown = ""
        os.write(self._master, text.encode())

    def end(self, seconds: float = 20.0) -> int:
        self.type("\x04")
        end = time.monotonic() + seconds
        while True:
            ended, status = os.waitpid(self.process, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < end, "it did not end"
            if select.select([self._master], [], [], 0.05)[0]:
                with contextlib.suppress(OSError):
                    os.read(self._master, 4096)


def test_a_conversation_in_a_terminal(service: Running) -> None:
    terminal = Terminal(service.url)
    try:
        terminal.wait_for(r"talking to tiny[\s\S]*> ")
        terminal.type("[[say first answer]]\n")
        terminal.wait_for(r"first answer\s+> ")
        terminal.type("/stats\n")
        terminal.wait_for(r"first token .* 4 \+ 2 tokens")
        terminal.type("/system be brief\n")
        terminal.wait_for("begins with that")
        terminal.type("[[say second]]\n")
        terminal.wait_for(r"second\s+> ")
        terminal.type("/stats\n")
        # instruction (3), question and answer of before (4 + 3), this question (3)
        terminal.wait_for(r"13 \+ 1 tokens")
        terminal.type("/reset\n")
        terminal.wait_for("forgotten")
        terminal.type("/nonsense\n")
        terminal.wait_for(r"no command /nonsense[\s\S]*/reset")
        terminal.type("[[pace 0.1]] go on\n")
        terminal.wait_for(r"(alpha|beta|gamma|delta|theta|零)")
        terminal.type("\x03")
        terminal.wait_for(r"\(stopped\)[\s\S]*> ")
        terminal.type("[[say still here]]\n")
        terminal.wait_for(r"still here\s+> ")
        assert terminal.end() == 0
    except BaseException:
        os.kill(terminal.process, signal.SIGKILL)
        raise
    state = service.health()["models"]["tiny"]
    assert (state["running"], state["waiting"]) == (0, 0)

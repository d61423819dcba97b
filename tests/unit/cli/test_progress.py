"""Progress is silent for a while, then a line a stage where no person watches a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from airworthy.cli.progress import LateProgress


def _until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.005)
    return False


def test_short_work_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with LateProgress(delay=5) as progress:
        progress.stage("reading")
        progress.advance(1, 2)
    assert capsys.readouterr().err == ""


def test_long_work_names_its_stages(capsys: pytest.CaptureFixture[str]) -> None:
    with LateProgress(delay=0) as progress:
        assert _until(lambda: progress._speaking)
        progress.stage("reading a\x1b[2J")
        progress.stage("reading a\x1b[2J")
        progress.advance(1, 2)
        progress.stage("asking")
    progress.stage("after the end")
    assert capsys.readouterr().err == "reading a\\x1b[2J ...\nasking ...\n"


def test_a_terminal_gets_a_spinner_that_is_erased(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with LateProgress(delay=0) as progress:
        progress.stage("[bold]reading")
        assert _until(lambda: progress._status is not None)
        progress.advance(1, 2)
    shown = capsys.readouterr().err
    assert "[bold]reading" in shown
    assert shown.rstrip().endswith("\x1b[2K") or "\x1b[2K" in shown.rpartition("[bold]reading")[2]


def test_an_error_ends_it() -> None:
    progress = LateProgress(delay=60)
    with pytest.raises(KeyError), progress:
        raise KeyError
    assert not progress._timer.is_alive() or progress._timer.finished.is_set()

"""A model shown by Netron: on this machine only, until Ctrl-C or a limit, with a way out where it is missing."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

import models
from airworthy.cli.main import main
from airworthy.flows import netron

# Netron's own functions by their documented signatures, with a file as their log.
_STAND_IN = """
import time
def start(file=None, address=None, browse=True):
    open({log!r}, "a").write(f"{{file}} {{address}} {{browse}}\\n")
    return address[0], 8081
def wait():
    while True:
        time.sleep(0.05)
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    log = tmp_path / "log"
    (folder / "netron.py").write_text(_STAND_IN.format(log=str(log)))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *sys.path]))
    return log


@pytest.mark.skipif(find_spec("netron") is not None, reason="Netron is installed here")
def test_without_it_the_way_out_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = models.safetensors(tmp_path / "m.safetensors")
    assert main(["inspect", str(path), "--view"]) == 2
    told = capsys.readouterr()
    assert "pip install netron" in told.err
    assert told.out == ""


def test_it_listens_here_only_and_ends_by_the_limit(log: Path) -> None:
    begun = time.monotonic()
    netron.view("m.onnx", browse=False, limit=1.5)
    assert 1 < time.monotonic() - begun < 15
    assert log.read_text() == "m.onnx ('127.0.0.1', 0) False\n"


def test_an_interrupt_ends_it_and_is_no_error(log: Path) -> None:
    def interrupt() -> None:
        end = time.monotonic() + 20
        while not log.exists() and time.monotonic() < end:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    begun = time.monotonic()
    netron.view("m.onnx", browse=False, limit=30)
    assert time.monotonic() - begun < 25, "the interrupt ended it, and not the limit"
    thread.join()
    assert log.exists()

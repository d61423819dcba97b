"""`airworthy.up` and `airworthy.serve` as functions: they serve until a signal, and say what came of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import airworthy
import models

CODE = """
import os, signal, sys
import msgspec
import airworthy
from airworthy.core.settings import BatchingSettings, ServeSettings, Settings, StateSettings

def ready(service):
    print(service.url, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

serve = ServeSettings(port=0, batching=BatchingSettings(search=False))
settings = Settings(serve=serve, state=StateSettings(directory=sys.argv[3]))
given = sys.argv[2] if sys.argv[1] == "up" else [sys.argv[2]]
report = getattr(airworthy, sys.argv[1])(given, settings=settings, on_ready=ready)
print(report.verb, msgspec.json.encode(report.answer).decode())
"""


@pytest.mark.parametrize("verb", ["up", "serve"])
def test_it_serves_until_a_signal(tmp_path: Path, verb: str) -> None:
    path = models.linear(tmp_path / "linear.onnx")
    command = [sys.executable, "-c", CODE, verb, str(path), str(tmp_path / "state")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    url, answer = done.stdout.splitlines()
    assert answer.split()[0] == verb
    assert msgspec.json.decode(answer.partition(" ")[2]) == {"models": ["linear"], "url": url}


@pytest.mark.parametrize("verb", ["up", "serve"])
def test_a_finding_blocks_it(tmp_path: Path, verb: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5\n")
    report = airworthy.up(path) if verb == "up" else airworthy.serve([str(path)])
    assert report.verb == verb
    assert "lfs-pointer" in {finding.cause for finding in report.findings}
    assert report.data == {}

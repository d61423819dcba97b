"""Every verb writes its answer through the one set of output formats."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import models
from advisory_server import advisory, write_zip
from airworthy.cli.main import main
from airworthy.flows.documents import load_document
from airworthy.report.registry import FORMAT_NAMES
from environments import CONFLICT, environment

LOG = "INFO loading\nOSError: [Errno 28] No space left on device\n"
VERBS: dict[str, list[str]] = {
    "check": ["--given", "gpu=RTX 5090", "driver=570"],
    "diagnose": ["server.log"],
    "inspect": ["linear.onnx"],
    "facts": ["--compare", "facts.json", "facts.json"],
    "explain": ["disk-full"],
    "causes": ["stats"],
    "keygen": ["key.pem", "--force"],
    "encrypt": ["linear.onnx", "--to", "public.pem", "--output", "out.age", "--force"],
    "decrypt": ["model.age", "--key", "private.pem", "--output", "again.onnx", "--force"],
    "deps": ["--python", "site", "--no-index"],
    "audit-deps": ["--python", "site", "--snapshot", "all.zip"],
    "graph": ["--python", "site", "--conflicts", "--query", "MATCH (n) RETURN n.name ORDER BY n.name"],
    "serve": ["pointer.onnx"],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from airworthy.flows.encrypt import encrypt, keygen

    folder = tmp_path_factory.mktemp("formats")
    models.linear(folder / "linear.onnx")
    environment(folder / "site", CONFLICT)
    write_zip(folder / "all.zip", [advisory("GHSA-1", "shared", ("introduced", "0"))])
    (folder / "server.log").write_text(LOG)
    (folder / "facts.json").write_text('{"schema": 1, "taken": "2026-01-01T00:00:00+00:00", "facts": {}}')
    (folder / "pointer.onnx").write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5\n")
    key = keygen(folder / "private.pem")
    key.public.rename(folder / "public.pem")
    encrypt(folder / "linear.onnx", [str(folder / "public.pem")], output=folder / "model.age")
    return folder


@pytest.mark.parametrize("format_", FORMAT_NAMES)
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_in_every_format(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str, format_: str
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("AIRWORTHY_STATE_DIRECTORY", str(place / "state"))
    assert main([verb, *VERBS[verb], "--format", format_]) in (0, 1)
    out, err = capsys.readouterr()
    assert "error:" not in err
    if format_ == "json":
        assert load_document(out).verb == verb
    elif format_ == "sarif":
        assert json.loads(out)["version"] == "2.1.0"
    elif format_ == "junit":
        assert ET.fromstring(out).tag == "testsuites"
    elif format_ == "text":
        assert out.endswith("\n")

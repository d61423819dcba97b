"""`airworthy up`, whole: real processes, good models, and everything that may be wrong with them."""

from __future__ import annotations

import pickle
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import models
from server.running import environment, running

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


def up(*arguments: str | Path) -> tuple[int, str]:
    """Run it to its end; status and everything it printed."""
    command = [sys.executable, "-m", "airworthy", "up", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(), check=False)
    return done.returncode, done.stdout + done.stderr


def _cut(path: Path) -> None:
    whole = models.digits(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _hostile(path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> object:
            return (exec, ("raise SystemExit('run')",))

    path.write_bytes(pickle.dumps(Hostile()))


BAD_FILES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "empty": ("model.onnx", lambda path: path.write_bytes(b""), "file-corrupt"),
    "truncated": ("model.onnx", _cut, "file-corrupt"),
    "random": ("model.onnx", lambda path: path.write_bytes(random.Random(3).randbytes(5000)), "file-corrupt"),
    "pointer": ("model.onnx", lambda path: path.write_bytes(POINTER), "lfs-pointer"),
    "pickle": ("model.pt", _hostile, "unsafe-pickle"),
    "newer": ("model.onnx", models.opset_too_new, "format-version-unsupported"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_a_finding_with_a_way_out(tmp_path: Path, name: str) -> None:
    file, make, cause = BAD_FILES[name]
    make(tmp_path / file)
    status, printed = up(tmp_path / file)
    assert status == 1, printed
    assert cause in printed
    assert "->" in printed, "a next step stands under it"
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("nothing.onnx",), "does not exist"),
        ((".",), "holds no model that airworthy recognises"),
        (("README.md",), "holds no model"),
        (("good.onnx", "--prot", "1"), "--port"),
        (("good.onnx", "--port", "70000"), "70000"),
        (("good.onnx", "--engine", "onnxruntim"), "did you mean `onnxruntime`"),
        (("good.onnx", "--config", "airworthy.toml"), "did you mean `serve.port`"),
        (("good.onnx", "--ignore", "disk-ful"), "did you mean `disk-full`"),
    ],
)
def test_what_can_not_be_read_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], part: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "README.md").write_text("nothing here\n")
    (folder / "airworthy.toml").write_text("[serve]\nprot = 9\n")
    if "good.onnx" in arguments:
        models.linear(folder / "good.onnx")
    if "airworthy.toml" not in arguments:
        (folder / "airworthy.toml").unlink()
    monkeypatch.chdir(folder)
    status, printed = up(*arguments)
    assert (status, part in printed) == (2, True), printed
    assert "hint:" in printed
    assert "Traceback" not in printed


def test_a_port_in_use_is_named_with_its_holder(tmp_path: Path) -> None:
    model = models.linear(tmp_path / "linear.onnx")
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        status, printed = up(model, "--port", str(port))
    assert (status, "port-in-use" in printed) == (1, True), printed
    assert str(port) in printed


def test_settings_in_the_file_hold(tmp_path: Path) -> None:
    model = models.linear(tmp_path / "linear.onnx")
    (tmp_path / "airworthy.toml").write_text("[serve]\nmax_body = 30\nthreads = 1\n")
    with running("up", model, "--name", "line") as service:
        answer = httpx.post(f"{service.url}/v2/models/line/infer", content=b" " * 31)
        assert answer.status_code == 413
        assert "1 thread(s)" in "".join(service.log)


def test_the_printed_curl_line_works(tmp_path: Path) -> None:
    for model, key in (
        (models.linear(tmp_path / "linear.onnx"), "outputs"),
        (models.text_folder(tmp_path / "w"), "data"),
    ):
        with running("up", model) as service:
            while "curl " not in service.log[-1]:
                service.log.append(service._lines.get(timeout=5) or "")
            found = re.search(r"curl -s (\S+) -H 'content-type: application/json' -d '(.*)'", service.log[-1])
            assert found is not None
            answer = httpx.post(found.group(1), content=found.group(2))
            assert answer.status_code == 200, answer.text
            assert key in answer.json()


def test_a_model_that_dies_while_it_loads_is_explained(tmp_path: Path) -> None:
    """The headers are in order, so every check passes; the runtime finds an operator that doesn't exist."""
    from onnx import helper

    path = models.save_graph(
        tmp_path / "odd.onnx",
        [helper.make_node("NoSuchOperator", ["x"], ["y"])],
        [("x", models.FLOAT, ["batch", 2])],
        [("y", models.FLOAT, ["batch", 2])],
    )
    began = time.monotonic()
    status, printed = up(path, "--port", "0")
    assert status != 0
    assert "NoSuchOperator" in printed
    assert "Traceback" not in printed
    assert time.monotonic() - began < 20


def test_several_models_are_served_under_their_names(tmp_path: Path) -> None:
    first, second = models.linear(tmp_path / "a.onnx"), models.linear(tmp_path / "b.onnx")
    with running("serve", f"one={first}", second) as service:
        assert set(service.health()["models"]) == {"one", "b"}
    command = [sys.executable, "-m", "airworthy", "serve", f"b={first}", str(second)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(), check=False)
    assert (done.returncode, "two models are named 'b'" in done.stderr) == (2, True), done.stderr

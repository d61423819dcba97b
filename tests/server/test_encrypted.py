"""An encrypted model in service: the answers of the plain one, and the plain weights on no disk."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path

import httpx
import numpy as np
import onnx
import pytest
from onnx import helper

import awenc_writer
import models
from airworthy.artifacts.encryption.models import read_header
from airworthy.flows.answers.encryption import NewKey
from airworthy.flows.encrypt import encrypt, keygen
from airworthy.flows.sign import sign
from certificates import key_pair
from server.running import environment, running

ROWS = 1024
"""Sizes of a square of weights: 4 MiB, far more than anything else that a service writes."""


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> NewKey:
    return keygen(tmp_path_factory.mktemp("keys") / "key.pem")


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    return np.random.default_rng(7).standard_normal((ROWS, ROWS)).astype(np.float32)


def large(path: Path, weights: np.ndarray, *, external: bool) -> Path:
    """`y = x · w`, with the weights within the graph or in a file beside it."""
    path.parent.mkdir(parents=True)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    values = [("x", models.FLOAT, ["batch", ROWS])], [("y", models.FLOAT, ["batch", ROWS])]
    models.save_graph(path, [node], *values, {"w": weights})
    if external:
        graph = onnx.load(path)
        onnx.save_model(graph, path, save_as_external_data=True, location="model.onnx_data", size_threshold=1024)
    return path


def settings(tmp_path: Path, key: NewKey) -> dict[str, str]:
    for name in ("empty", "home"):
        (tmp_path / name).mkdir(exist_ok=True)
    # Runtimes keep records of their own at home, which are looked through like everything else.
    places = {
        "TMPDIR": str(tmp_path / "empty"),
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "home"),
    }
    return environment(AIRWORTHY_SERVE_DECRYPTION_KEY=str(key.private), **places)


def holds(path: Path, secret: bytes) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode) and secret in path.read_bytes()
    except OSError:
        return False


@pytest.mark.parametrize("external", [False, True], ids=["one file", "weights beside"])
def test_the_weights_are_on_no_disk(tmp_path: Path, key: NewKey, weights: np.ndarray, external: bool) -> None:
    folder = tmp_path / "plain"
    large(folder / "onnx" / "model.onnx", weights, external=external)
    secret = weights[3].tobytes()
    assert any(holds(path, secret) for path in folder.rglob("*")), "this would find them where they are"
    sealed = encrypt(folder, [str(key.public)], output=tmp_path / "model.tar.age").path
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    with running("serve", f"m={sealed}", env=settings(tmp_path, key)) as service:
        row = np.ones((1, ROWS), np.float32)
        document = {"inputs": [{"name": "x", "shape": [1, ROWS], "datatype": "FP32", "data": row.ravel().tolist()}]}
        answer = httpx.post(f"{service.url}/v2/models/m/infer", json=document, timeout=30).json()
        np.testing.assert_allclose(answer["outputs"][0]["data"], (row @ weights)[0], rtol=1e-3, atol=1e-3)
        worker = Path(f"/proc/{service.worker('m')}")
        assert list((tmp_path / "empty").rglob("*")) == []
        assert not any(holds(path, secret) for path in (*tmp_path.rglob("*"), *Path("/dev/shm").glob("*")))
        assert re.search(r"Max core file size\s+0\s+0 ", (worker / "limits").read_text())
        for process in (worker, Path(f"/proc/{service.process.pid}")):
            check_process(process, secret, weights.nbytes)
        command = (worker / "cmdline").read_bytes() + (process / "cmdline").read_bytes()
        private = key.private.read_text().splitlines()[1]
        assert private.encode() not in command
    assert private not in service.rest()
    assert str(key.private).encode() not in command


def check_process(process: Path, secret: bytes, size: int) -> None:
    """No file that it has open or mapped holds the weights, and it has written fewer bytes than they have."""
    try:
        written = int(re.findall(r"wchar: (\d+)", (process / "io").read_text())[0])
        files = []
        for link in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                files.append(link.readlink())
        mapped = (process / "maps").read_text()
    except PermissionError:
        assert os.geteuid() != 0, "only root may look at a process that lets nobody look at it"
        return
    assert written < size / 2
    assert not any(holds(path, secret) for path in files)
    # Neither files without a name nor memory that is a file to others.
    assert not [str(path) for path in files if "(deleted)" in str(path) or "memfd" in str(path)]
    assert not [line for line in mapped.splitlines() if re.search(r" rw?-?x?s .* /(?!dev/)", line)]


def test_texts_are_embedded_as_by_the_plain_model(tmp_path: Path, key: NewKey) -> None:
    folder = models.text_folder(tmp_path / "text")
    sealed = encrypt(folder, [str(key.public)]).path
    pair = key_pair(tmp_path)
    sign(sealed, key=str(pair.private))
    answers = []
    for path, trusted in ((folder, ""), (sealed, str(pair.public))):
        env = {**settings(tmp_path, key), "AIRWORTHY_SERVE_REQUIRE_SIGNATURE": trusted}
        with running("up", path, "--name", "text", env=env) as service:
            assert bool(service.health()["models"]["text"]["signer"]) == bool(trusted)
            body = {"model": "text", "input": ["fit to fly", "a recipe"]}
            answers.append(httpx.post(f"{service.url}/v1/embeddings", json=body, timeout=30).json())
    assert answers[0] == answers[1]


def test_without_or_with_another_key_it_is_not_served(tmp_path: Path, key: NewKey) -> None:
    sealed = encrypt(models.text_folder(tmp_path / "text"), [str(key.public)]).path
    env = settings(tmp_path, key)
    other = keygen(tmp_path / "other.pem")
    for setting, told in (("", "no key was given"), (str(other.private), "was not encrypted for the key")):
        with running("serve", sealed, env={**env, "AIRWORTHY_SERVE_DECRYPTION_KEY": setting}, wait=False) as service:
            assert service.process.wait(30) in (1, 2)
            assert told in service.rest()


@pytest.mark.parametrize("part", ["end", "tokenizer"])
def test_a_part_that_was_changed_is_not_loaded(tmp_path: Path, key: NewKey, part: str) -> None:
    """The gateway finds it in the tokenizer, the worker, which reads to the end, at the end."""
    folder = models.text_folder(tmp_path / "text")
    (folder / "notes").write_bytes(bytes(70_000))  # more than a chunk, so that the two are in different ones
    sealed = encrypt(folder, [str(key.public)]).path
    data = bytearray(sealed.read_bytes())
    start = read_header(sealed)[0].end + 16
    data[-20 if part == "end" else start + 20] ^= 1
    sealed.write_bytes(data)
    told = "does not end as it was written" if part == "end" else "chunk 1 does not decrypt"
    with running("serve", sealed, env=settings(tmp_path, key), wait=False) as service:
        assert service.process.wait(30) in (1, 2)
        assert told in service.rest()


def test_a_container_of_before_is_served_with_a_note(tmp_path: Path) -> None:
    key = awenc_writer.keygen(tmp_path / "key.pem")
    folder = models.text_folder(tmp_path / "text")
    old = awenc_writer.encrypt(folder, [str(key.public)])
    env = environment(AIRWORTHY_SERVE_DECRYPTION_KEY=str(key.private))
    with running("serve", f"text={old}", env=env) as service:
        body = {"model": "text", "input": ["fit to fly"]}
        assert httpx.post(f"{service.url}/v1/embeddings", json=body, timeout=30).status_code == 200
    assert "the next release no longer reads this container" in service.rest()


@pytest.mark.parametrize("verb", ["up", "serve"])
def test_a_signature_that_is_asked_for_is_needed(tmp_path: Path, verb: str) -> None:
    folder = models.text_folder(tmp_path / "text")
    pair = key_pair(tmp_path)
    env = environment(AIRWORTHY_SERVE_REQUIRE_SIGNATURE=str(pair.public))

    def refused(*told: str) -> None:
        with running(verb, folder, env=env, wait=False) as service:
            assert service.process.wait(60) == 1
            said = service.rest()
        assert all(each in said for each in ("signature-invalid", *told)), said

    refused("no signature")
    sign(folder, key=str(pair.private))
    with running(verb, folder, env=env) as service:
        assert service.health()["models"]["text"]["signer"]
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    refused("config.json")


def test_a_signed_file_with_others_beside_it_is_not_enough(tmp_path: Path) -> None:
    folder = models.text_folder(tmp_path / "text")
    pair = key_pair(tmp_path)
    sign(folder / "model.onnx", key=str(pair.private))
    env = environment(AIRWORTHY_SERVE_REQUIRE_SIGNATURE=str(pair.public))
    with running("serve", folder / "model.onnx", env=env, wait=False) as service:
        assert service.process.wait(60) == 1
        assert "sign and serve the folder" in service.rest()

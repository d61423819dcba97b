"""`sign`, `verify`, `encrypt`, `decrypt` and `keygen` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airworthy.cli.main import main
from certificates import key_pair


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(b"weights")
    return folder


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main([str(each) for each in arguments])
    return status, *capsys.readouterr()


def test_sign_and_verify(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = key_pair(tmp_path, password=b"sesame")
    (tmp_path / "password").write_text("sesame\n")
    given = ("--key", pair.private, "--password-file", tmp_path / "password")
    assert told(capsys, "sign", model, *given)[:2] == (0, f"{model} is signed: {model}/model.sig\n")
    status, out, _ = told(capsys, "verify", model, "--key", pair.public)
    assert (status, out.startswith(f"{model} is what was signed by key ")) == (0, True)
    status, out, _ = told(capsys, "verify", model, "--key", pair.public, "--format", "json")
    document = json.loads(out)
    assert (status, document["schema"], document["verdict"], list(document["files"])) == (
        0,
        1,
        "signed",
        ["weights.bin"],
    )
    (model / "weights.bin").write_bytes(b"other")
    status, out, err = told(capsys, "verify", model, "--key", pair.public)
    assert (status, out) == (1, "")
    assert "weights.bin is not what was signed" in err


def test_encrypt_and_decrypt(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "model.key"
    status, out, _ = told(capsys, "encrypt", model, "--new-key", key)
    assert (status, key.stat().st_mode & 0o777) == (0, 0o600)
    assert "is encrypted" in out
    assert key.read_text().splitlines()[1] not in out
    status, out, _ = told(capsys, "decrypt", f"{model}.tar.age", "--key", key, "--output", tmp_path / "out")
    assert (status, (tmp_path / "out" / "weights.bin").read_bytes()) == (0, b"weights")
    status, out, _ = told(capsys, "inspect", f"{model}.tar.age", "--format", "json")
    assert status == 0
    assert json.loads(out)["model"]["format"] == "encrypted"
    status, out, err = told(capsys, "keygen", key)
    assert (status, "exists already" in err) == (2, True)
    assert told(capsys, "keygen", key, "--force")[0] == 0
    status, out, err = told(capsys, "decrypt", f"{model}.tar.age", "--key", key, "--output", tmp_path / "again")
    assert (status, "was not encrypted for the key" in err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("verify", "."), "whom you trust"),
        (("verify", ".", "--key", "a", "--certificate", "b"), "whom you trust"),
        (("sign", ".", "--key", "a", "--password-file", "b", "--password-env", "C"), "give one"),
        (("sign", ".", "--key", "a", "--chain", "b"), "--chain goes with --certificate"),
        (("encrypt", "."), "who may decrypt"),
        (("decrypt", ".", "--key", "a", "--password-file", "b", "--password-env", "C"), "give one"),
        (("decrypt", "-", "--key", "a"), "not standard input"),
        (("decrypt", "nowhere", "--key", "a"), "does not exist"),
        (("sign", "nowhere", "--key", "a"), "does not exist"),
    ],
)
def test_what_is_asked_wrongly(
    arguments: tuple[str, ...],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = told(capsys, *arguments)
    assert (status, out) == (2, "")
    assert problem in err
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_no_encrypted_one(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "keygen", tmp_path / "key")[0] == 0
    for place in (model / "weights.bin", model):
        status, _, err = told(capsys, "decrypt", place, "--key", tmp_path / "key", "--output", tmp_path / "out")
        assert (status, "Traceback" in err, (tmp_path / "out").exists()) == (2, False, False), err


def test_odd_names_are_one_error(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "keygen", tmp_path / "key")[0] == 0
    key = tmp_path / "key.pub"
    for arguments in (
        ("keygen", "a\0b"),
        ("encrypt", model, "--to", key, "--output", "a\0b"),
        ("encrypt", model, "--to", "a\0b"),
        ("decrypt", "a\0b", "--key", key),
        ("sign", model, "--key", "a\0b"),
        ("sign", model, "--key", key, "--signature", "a\0b"),
        ("verify", model, "--key", key, "--signature", "a\0b"),
    ):
        status, _, err = told(capsys, *arguments)
        assert (status, "Traceback" in err) == (2, False), (arguments, err)

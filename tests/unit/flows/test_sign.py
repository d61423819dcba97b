"""Signing and proving models, and the reference command on the same models, both ways."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.artifacts.encryption.errors import KeyUnreadable
from airworthy.artifacts.signing import signatures
from airworthy.artifacts.signing.model_signing import CannotSign, KeyUnusable
from airworthy.artifacts.signing.signatures import SignatureUnreadable, read_statement
from airworthy.core.errors import AirworthyError, ExtraMissing, InputNotFound
from airworthy.flows.files import OutputExists
from airworthy.flows.sign import sign, verify
from certificates import Authority, KeyPair, authority, key_pair


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "onnx").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "onnx" / "model.onnx").write_bytes(b"weights")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main")
    return folder


@pytest.fixture
def pair(tmp_path: Path) -> KeyPair:
    return key_pair(tmp_path)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return authority(tmp_path)


def reference(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command of the `model-signing` package."""
    command = [sys.executable, "-m", "model_signing", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


# --- both ways ---


@pytest.mark.parametrize("single", [False, True], ids=["folder", "file"])
def test_signed_here_with_a_key_verifies_there(model: Path, pair: KeyPair, single: bool) -> None:
    path = model / "onnx" / "model.onnx" if single else model
    signature = sign(path, key=str(pair.private)).signature
    there = ("verify", "key", path, "--signature", signature, "--public_key", pair.public)
    done = reference(*there)
    assert done.returncode == 0, done.stderr
    (model / "onnx" / "model.onnx").write_bytes(b"other")
    assert reference(*there).returncode != 0


def test_signed_there_with_a_key_verifies_here(model: Path, pair: KeyPair) -> None:
    signature = model / "model.sig"
    done = reference("sign", "key", model, "--signature", signature, "--private_key", pair.private)
    assert done.returncode == 0, done.stderr
    stated = verify(model, key=str(pair.public))
    assert set(stated.files) == {"config.json", "onnx/model.onnx"}
    assert stated.method == "key"


def test_signed_here_with_a_certificate_verifies_there(model: Path, ours: Authority) -> None:
    signature = sign(model, key=str(ours.key), certificate=str(ours.certificate), chain=[str(ours.root)]).signature
    done = reference("verify", "certificate", model, "--signature", signature, "--certificate_chain", ours.root)
    assert done.returncode == 0, done.stderr


def test_signed_there_with_a_certificate_verifies_here(model: Path, ours: Authority) -> None:
    done = reference(
        *("sign", "certificate", model, "--signature", model / "model.sig", "--private_key", ours.key),
        *("--signing_certificate", ours.certificate, "--certificate_chain", ours.root),
    )
    assert done.returncode == 0, done.stderr
    stated = verify(model, certificates=[str(ours.root)])
    assert stated.signer == "CN=ours signer"


def test_signed_there_in_shards_verifies_here(model: Path, pair: KeyPair) -> None:
    import model_signing

    hashing = model_signing.hashing.Config().use_shard_serialization(shard_size=4)
    hashing.set_ignored_paths(paths=[Path("model.sig")])
    config = model_signing.signing.Config().use_elliptic_key_signer(private_key=pair.private)
    config.set_hashing_config(hashing).sign(model, model / "model.sig")
    assert len(verify(model, key=str(pair.public)).files) > 2
    (model / "onnx" / "model.onnx").write_bytes(b"wEights")
    with pytest.raises(signatures.FileChanged, match=r"model\.onnx"):
        verify(model, key=str(pair.public))


# --- what can be wrong ---


def _change(model: Path) -> None:
    (model / "config.json").write_text('{"a": 1}')


def _add(model: Path) -> None:
    (model / "extra.py").write_text("import os")


def _remove(model: Path) -> None:
    (model / "config.json").unlink()


def _rename(model: Path) -> None:
    (model / "config.json").rename(model / "settings.json")


def _link(model: Path) -> None:
    (model / "config.json").rename(model.parent / "elsewhere.json")
    (model / "config.json").symlink_to(model.parent / "elsewhere.json")


@pytest.mark.parametrize(
    ("tamper", "code", "named"),
    [
        (_change, "signed-file-changed", "config.json"),
        (_add, "signed-file-added", "extra.py"),
        (_remove, "signed-file-removed", "config.json"),
        (_rename, "signed-file-renamed", "settings.json was signed as config.json"),
        (_link, "signed-file-link", "config.json"),
    ],
)
def test_each_difference_is_an_error_of_its_own(
    model: Path, pair: KeyPair, tamper: Callable[[Path], None], code: str, named: str
) -> None:
    sign(model, key=str(pair.private))
    verify(model, key=str(pair.public))
    tamper(model)
    with pytest.raises(signatures.ModelDiffers, match=named) as caught:
        verify(model, key=str(pair.public))
    assert caught.value.code == code
    assert caught.value.exit == 1
    assert caught.value.way_out


def test_several_differences_are_counted(model: Path, pair: KeyPair) -> None:
    sign(model, key=str(pair.private))
    _change(model)
    _add(model)
    with pytest.raises(signatures.FileChanged, match="1 more"):
        verify(model, key=str(pair.public))


def test_what_git_keeps_is_not_signed(model: Path, pair: KeyPair) -> None:
    sign(model, key=str(pair.private))
    (model / ".git" / "HEAD").write_text("other")
    verify(model, key=str(pair.public))


def test_another_key(model: Path, pair: KeyPair, tmp_path: Path) -> None:
    sign(model, key=str(pair.private))
    with pytest.raises(signatures.OtherKey, match=r"other\.pub\.pem"):
        verify(model, key=str(key_pair(tmp_path, "other").public))


def test_a_statement_that_was_changed(model: Path, pair: KeyPair) -> None:
    signature = sign(model, key=str(pair.private)).signature
    bundle = json.loads(signature.read_text())
    stated = base64.b64decode(bundle["dsseEnvelope"]["payload"]).replace(b"config.json", b"renamed.json")
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(stated).decode()
    signature.write_text(json.dumps(bundle))
    with pytest.raises(signatures.SignatureForged):
        verify(model, key=str(pair.public))


def test_no_signature(model: Path, pair: KeyPair) -> None:
    with pytest.raises(signatures.SignatureMissing, match=r"model\.sig does not exist"):
        verify(model, key=str(pair.public))


def test_a_signature_of_another_kind(model: Path, pair: KeyPair, ours: Authority) -> None:
    sign(model, key=str(pair.private))
    with pytest.raises(signatures.WrongMethod, match="made with a key"):
        verify(model, certificates=[str(ours.root)])


def test_a_certificate_of_another_authority(model: Path, ours: Authority, tmp_path: Path) -> None:
    sign(model, key=str(ours.key), certificate=str(ours.certificate), chain=[str(ours.root)])
    with pytest.raises(signatures.CertificateUntrusted, match=r"theirs-root\.pem"):
        verify(model, certificates=[str(authority(tmp_path, "theirs").root)])


@pytest.mark.parametrize("days", [(-30, -1), (1, 30)], ids=["expired", "to come"])
def test_a_certificate_that_is_not_valid_now(model: Path, tmp_path: Path, days: tuple[int, int]) -> None:
    made = authority(tmp_path, days=days)
    sign(model, key=str(made.key), certificate=str(made.certificate), chain=[str(made.root)])
    with pytest.raises(signatures.CertificateExpired, match="CN=ours signer"):
        verify(model, certificates=[str(made.root)])
    assert verify(model, certificates=[str(made.root)], expired=True).signer == "CN=ours signer"


def test_a_certificate_that_is_not_for_signing(model: Path, tmp_path: Path) -> None:
    made = authority(tmp_path, signs=False)
    sign(model, key=str(made.key), certificate=str(made.certificate), chain=[str(made.root)])
    with pytest.raises(signatures.CertificateUse):
        verify(model, certificates=[str(made.root)])


def test_a_certificate_of_another_key(model: Path, ours: Authority, pair: KeyPair) -> None:
    with pytest.raises(KeyUnusable, match="does not match"):
        sign(model, key=str(pair.private), certificate=str(ours.certificate))


# --- keys and places ---


def test_a_key_with_a_password(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = key_pair(tmp_path, "sealed", password=b"open sesame")
    with pytest.raises(KeyUnusable) as caught:
        sign(model, key=str(pair.private))
    assert "--password-file" in caught.value.way_out
    monkeypatch.setenv("WRONG_PASSWORD", "wrong")
    with pytest.raises(KeyUnusable):
        sign(model, key=str(pair.private), password="env:WRONG_PASSWORD")
    (tmp_path / "password").write_text("open sesame\n")
    monkeypatch.setenv("KEY_PASSWORD", "open sesame")
    for password in (str(tmp_path / "password"), "env:KEY_PASSWORD"):
        sign(model, key=str(pair.private), password=password, force=True)
        verify(model, key=str(pair.public))
    with pytest.raises(KeyUnreadable, match="NO_SUCH"):
        sign(model, key=str(pair.private), password="env:NO_SUCH", force=True)


def test_a_key_that_is_missing_or_is_none(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputNotFound, match=r"nowhere\.pem"):
        sign(model, key=str(tmp_path / "nowhere.pem"))
    (tmp_path / "none.pem").write_text("hello")
    with pytest.raises(KeyUnusable, match=r"none\.pem"):
        sign(model, key=str(tmp_path / "none.pem"))
    assert not (model / "model.sig").exists()


def test_a_link_is_not_signed_unless_asked_for(model: Path, pair: KeyPair) -> None:
    (model / "link.json").symlink_to(model / "config.json")
    with pytest.raises(CannotSign, match=r"link\.json is a symbolic link"):
        sign(model, key=str(pair.private))
    sign(model, key=str(pair.private), links=True)
    assert "link.json" in verify(model, key=str(pair.public)).files


def test_a_signature_is_replaced_only_when_asked_for(model: Path, pair: KeyPair) -> None:
    place = sign(model, key=str(pair.private))
    with pytest.raises(OutputExists, match=r"model\.sig"):
        sign(model, key=str(pair.private))
    assert sign(model, key=str(pair.private), force=True) == place
    verify(model, key=str(pair.public))


def test_what_is_left_out_may_change(model: Path, pair: KeyPair, tmp_path: Path) -> None:
    (model / "notes.md").write_text("a")
    signature = tmp_path / "away.sig"
    sign(model, key=str(pair.private), signature=str(signature), ignore=[str(model / "notes.md")])
    (model / "notes.md").write_text("b")
    verify(model, key=str(pair.public), signature=str(signature))


def test_without_the_package_the_extra_is_named(model: Path, pair: KeyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "model_signing", None)
    with pytest.raises(ExtraMissing) as caught:
        sign(model, key=str(pair.private))
    assert "airworthy[sign]" in caught.value.way_out


# --- any bytes ---

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=300) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_no_signature(data: bytes) -> None:
    with pytest.raises(SignatureUnreadable):
        read_statement(data, "model.sig")


@given(
    st.fixed_dictionaries({"x509CertificateChain": _JSON}) | st.fixed_dictionaries({"publicKey": _JSON}) | _JSON,
    _JSON
    | st.fixed_dictionaries({"predicateType": st.just("https://model_signing/signature/v1.0"), "predicate": _JSON}),
)
def test_a_bundle_of_anything_is_read_or_refused(material: object, stated: object) -> None:
    payload = base64.b64encode(json.dumps(stated).encode()).decode()
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": material,
        "dsseEnvelope": {"payload": payload},
    }
    try:
        found = read_statement(json.dumps(bundle).encode(), "model.sig")
    except AirworthyError as error:
        assert isinstance(error, SignatureUnreadable)
    else:
        assert found.method in ("key", "certificate", "sigstore")

"""The container that was written before age: it still opens, each damage has its error, and nothing is left behind."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import encryption_reader
import models
from airworthy.artifacts.encryption import errors
from airworthy.artifacts.encryption.awenc import header, manifest, primitives
from airworthy.artifacts.encryption.awenc.unseal import Container
from airworthy.artifacts.encryption.models import described
from airworthy.artifacts.identify import inspect
from airworthy.core.errors import AirworthyError, ExtraMissing
from airworthy.flows.encrypt import decrypt
from awenc_writer import Key, encrypt, keygen, seal
from awenc_writer import recipient as wrapped_for
from encrypted_folders import content, three_files, to_damage

CHUNK = 64 * 1024
VECTORS = Path(__file__).parents[1] / "artifacts" / "encryption-vectors.json"


class Sample(NamedTuple):
    """An encrypted folder: two files of three chunks, one empty one."""

    path: Path
    folder: Path
    key: Key
    start: int
    """Where the encrypted list of files begins."""
    first: int
    """Where the first file begins."""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    root = tmp_path_factory.mktemp("encrypted")
    folder = three_files(root)
    key = keygen(root / "key.pem")
    path = encrypt(folder, [str(key.public)], chunk=CHUNK)
    head = header.read(path.read_bytes(), path)
    return Sample(path, folder, key, head.end, head.end + head.header.manifest)


@pytest.fixture
def sample(made: Sample, tmp_path: Path) -> Sample:
    """The same, to be damaged."""
    return made._replace(path=to_damage(made.path, tmp_path))


def read(path: Path, key: str, name: str) -> bytes:
    with Container(path, key) as container:
        return container.read(name)


# --- there and back ---


def test_a_folder_comes_back(made: Sample, tmp_path: Path) -> None:
    written = decrypt(made.path, str(made.key.private), output=tmp_path / "out")
    assert written.files == 3
    assert content(tmp_path / "out") == content(made.folder)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "out" / "a.bin").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7])
def test_a_file_of_any_size_comes_back(tmp_path: Path, made: Sample, size: int) -> None:
    plain = tmp_path / "weights.bin"
    plain.write_bytes(os.urandom(size))
    written = encrypt(plain, [str(made.key.public)], chunk=CHUNK)
    decrypt(written, str(made.key.private), output=tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == plain.read_bytes()
    found, files = encryption_reader.read(written.read_bytes(), primitives.read_private(made.key.private.read_bytes()))
    assert files == {"weights.bin": plain.read_bytes()}
    assert found["name"] == "weights.bin"


def test_each_recipient_reads_it_and_nobody_else(tmp_path: Path) -> None:
    plain = tmp_path / "w.bin"
    plain.write_bytes(b"weights")
    ours, theirs, other = (keygen(tmp_path / name) for name in ("ours", "theirs", "other"))
    path = encrypt(plain, [str(ours.public), str(theirs.public)])
    for each in (ours, theirs):
        assert read(path, str(each.private), "w.bin") == b"weights"
    with pytest.raises(errors.WrongKey, match=other.id) as caught:
        decrypt(path, str(other.private))
    assert ours.id in caught.value.text
    assert theirs.id in caught.value.text


def test_nothing_of_the_model_shows(made: Sample) -> None:
    data = made.path.read_bytes()
    for secret in (b"a.bin", b"sub/empty", bytes(range(64)), made.folder.name.encode()):
        assert secret not in data


def test_a_model_is_described_to_who_has_the_key(tmp_path: Path, made: Sample) -> None:
    folder = models.text_folder(tmp_path / "text")
    plain = inspect(folder)
    path = encrypt(folder, [str(made.key.public)])
    found = described(path, str(made.key.private))
    assert found is not None
    assert found.model.sealed is not None
    assert found.model.sealed.entry == "model.onnx"
    assert (found.model.inputs, found.model.task, found.model.files) == (
        plain.model.inputs,
        "embedding",
        plain.model.files,
    )
    assert f"{folder}/" not in str(found.model)
    told = inspect(path).model
    assert (told.format, told.metadata["recipients"]) == ("encrypted", made.key.id)


# --- keys ---


def test_a_key_from_the_environment(made: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = made.key.private.read_text()
    raw = base64.b64encode(primitives.read_private(text.encode())).decode()
    for value in (text, text.replace("\n", "\\n"), raw):
        monkeypatch.setenv("MODEL_KEY", value)
        decrypt(made.path, "env:MODEL_KEY", output=tmp_path / "out", force=True)
    with pytest.raises(errors.KeyUnreadable, match="no such variable"):
        decrypt(made.path, "env:NO_SUCH", output=tmp_path / "out2")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "instead of 32"),
        ("hello!", "neither PEM nor Base64"),
        ("QUFB", "3 bytes"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no PEM key"),
    ],
)
def test_what_is_no_key(made: Sample, tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(errors.KeyUnreadable, match=reason):
        decrypt(made.path, str(tmp_path / "key"), output=tmp_path / "out")


def test_keys_of_another_kind_and_public_ones_do_not_decrypt(made: Sample, tmp_path: Path) -> None:
    from certificates import key_pair

    with pytest.raises(errors.KeyUnreadable, match="another kind"):
        decrypt(made.path, str(key_pair(tmp_path).private), output=tmp_path / "out")
    with pytest.raises(errors.KeyUnreadable, match="public"):
        decrypt(made.path, str(made.key.public), output=tmp_path / "out")


@pytest.mark.usefixtures("vault")
def test_a_key_service_wraps_and_unwraps(tmp_path: Path, made: Sample) -> None:
    (tmp_path / "w").write_bytes(b"weights")
    path = encrypt(tmp_path / "w", ["service:vault:model", str(made.key.public)])
    for key in ("service:vault:model", str(made.key.private)):
        assert read(path, key, "w") == b"weights"
    assert inspect(path).model.metadata["recipients"] == f"service:vault:model, {made.key.id}"
    with pytest.raises(errors.WrongKey, match="service:vault:other"):
        Container(path, "service:vault:other")


# --- damage ---


def _edit(path: Path, change: Callable[[bytearray], None]) -> None:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def _flip(at: int) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        data[at] ^= 1

    return change


def _swap(data: bytearray, one: int, other: int, size: int) -> None:
    data[one : one + size], data[other : other + size] = data[other : other + size], data[one : one + size]


SEALED = CHUNK + header.TAG
FILE = manifest.sealed(256 * 600, CHUNK)


def _damages() -> dict[str, tuple[str, Callable[[Sample, bytearray], None], str]]:
    """Name → code of the error, what is done, and what the message names."""

    def recipient(sample: Sample, data: bytearray) -> None:
        at = data.index(b'"wrapped":"') + 20
        data[at] = ord("A") if data[at] != ord("A") else ord("B")

    def chunk_size(sample: Sample, data: bytearray) -> None:
        at = data.index(b'"chunk":65536') + 8
        data[at : at + 5] = b"65537"

    def duplicate(sample: Sample, data: bytearray) -> None:
        data[sample.first + SEALED : sample.first + 2 * SEALED] = data[sample.first : sample.first + SEALED]

    return {
        "magic": ("not-encrypted", lambda s, d: _flip(1)(d), ""),
        "version": ("encryption-version", lambda s, d: _flip(8)(d), "version 0"),
        "length": ("encryption-header-damaged", lambda s, d: _flip(15)(d), ""),
        "json": ("encryption-header-damaged", lambda s, d: _flip(16)(d), ""),
        "chunk size": ("encryption-header-changed", chunk_size, "code"),
        "recipient": ("encryption-header-changed", recipient, "does not open"),
        "code": ("encryption-header-changed", lambda s, d: _flip(s.start - 1)(d), "code"),
        "list": ("encrypted-chunk-changed", lambda s, d: _flip(s.start)(d), "the list of files"),
        "chunk": ("encrypted-chunk-changed", lambda s, d: _flip(s.first + SEALED + 9)(d), "chunk 2 of a.bin"),
        "tag": ("encrypted-chunk-changed", lambda s, d: _flip(-1)(d), "sub/empty"),
        "order": (
            "encrypted-chunk-moved",
            lambda s, d: _swap(d, s.first, s.first + SEALED, SEALED),
            "chunk 1 of a.bin belongs lies chunk 2 of a.bin",
        ),
        "duplicate": ("encrypted-chunk-moved", duplicate, "chunk 2 of a.bin belongs lies chunk 1 of a.bin"),
        "files": ("encrypted-chunk-moved", lambda s, d: _swap(d, s.first, s.first + FILE, FILE), "chunk 1 of b.bin"),
        "cut": ("encrypted-file-truncated", lambda s, d: d.__delitem__(slice(-20, None)), "should at"),
        "cut at a chunk": ("encrypted-file-truncated", lambda s, d: d.__delitem__(slice(-16, None)), "should at"),
        "cut in the list": ("encrypted-file-truncated", lambda s, d: d.__delitem__(slice(s.start + 5, None)), ""),
        "longer": ("encrypted-file-padded", lambda s, d: d.extend(b"x"), "goes on"),
    }


@pytest.mark.parametrize("name", list(_damages()))
def test_each_damage_has_its_error_and_gives_no_bytes(sample: Sample, tmp_path: Path, name: str) -> None:
    code, change, named = _damages()[name]
    _edit(sample.path, lambda data: change(sample, data))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(errors.EncryptionError) as caught:
        decrypt(sample.path, str(sample.key.private), output=tmp_path / "out")
    assert caught.value.code == code, caught.value
    assert named in caught.value.text
    assert caught.value.way_out
    assert sorted(tmp_path.iterdir()) == before


def test_chunks_of_another_container_are_not_taken(sample: Sample, tmp_path: Path) -> None:
    other = encrypt(sample.folder, [str(sample.key.public)], output=tmp_path / "other", chunk=CHUNK).read_bytes()
    _edit(sample.path, lambda data: data.__setitem__(slice(sample.first, None), other[sample.first :]))
    with pytest.raises(errors.ChunkChanged, match=r"chunk 1 of a\.bin"):
        decrypt(sample.path, str(sample.key.private), output=tmp_path / "out")


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_flipped_bit_goes_by(made: Sample, tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(made.path.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1) | st.integers(0, made.first))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "flipped"
    path.write_bytes(whole)
    with pytest.raises(errors.EncryptionError):
        decrypt(path, str(made.key.private), output=tmp_path / "out", force=True)
    assert not (tmp_path / "out").exists()


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cut_goes_by(made: Sample, tmp_path: Path, data: st.DataObject) -> None:
    whole = made.path.read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1) | st.integers(0, made.first))])
    with pytest.raises(errors.EncryptionError):
        decrypt(path, str(made.key.private), output=tmp_path / "out", force=True)


# --- any bytes ---


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda data: header.MAGIC + b"\1\0\0\0" + data))
def test_any_bytes_are_no_header(data: bytes) -> None:
    with pytest.raises(errors.EncryptionError):
        header.read(data, "x")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(["chunk", "manifest", "salt", "recipients", "more"])
_BYTES = st.sampled_from([0, 32, 48]).flatmap(lambda size: st.binary(min_size=size, max_size=size))
_TEXTS = _BYTES.map(lambda data: base64.b64encode(data).decode())
_RECIPIENTS = st.lists(
    st.dictionaries(st.sampled_from(["kind", "id", "ephemeral", "wrapped", "service"]), _TEXTS | st.just("x25519")),
    max_size=2,
)


@given(st.dictionaries(_NAMES, _JSON | _TEXTS | _RECIPIENTS | st.sampled_from([65536, 100, 1 << 70])))
def test_any_header_is_read_or_refused(value: object) -> None:
    body = json.dumps(value).encode()
    data = struct.pack("<8sHHI", header.MAGIC, 1, 0, len(body)) + body + bytes(32)
    try:
        found = header.read(data, "x").header
    except AirworthyError as error:
        assert isinstance(error, errors.HeaderDamaged)
    else:
        assert header.LEAST_CHUNK <= found.chunk <= header.MOST_CHUNK


_PATHS = st.text(st.sampled_from("ab./\\:\0C"), max_size=8) | st.sampled_from(
    ["..", "../x", "/etc/passwd", "C:\\x", "a//b"]
)


@given(st.lists(st.fixed_dictionaries({"path": _PATHS, "size": st.integers(-1, 1 << 60)}), max_size=4), st.booleans())
def test_no_list_leads_out_of_the_folder(files: list[dict[str, object]], folder: bool) -> None:
    data = json.dumps({"name": "m", "folder": folder, "files": files}).encode()
    try:
        found = manifest.read(data, CHUNK, "x")
    except errors.ListDamaged:
        return
    root = Path("/root/of/it")
    places = [Path(os.path.normpath(root / member.path)) for member in found.files]
    assert all(place.is_relative_to(root) and place != root for place in places)
    assert len(set(places)) == len(places)


@given(st.integers(0, 1 << 40), st.integers(header.LEAST_CHUNK, header.MOST_CHUNK))
def test_sizes_are_told_from_each_other(size: int, chunk: int) -> None:
    assert manifest.plain(manifest.sealed(size, chunk), chunk) == size


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "C:/x", "a\\b", "", ".", "a/", "a\0b"])
def test_a_list_by_a_hostile_writer_is_refused(tmp_path: Path, made: Sample, path: str) -> None:
    """Who has the public key can write anything; what is proven is only that it was not changed since."""
    secret, salt = bytes(32), bytes(32)
    listed = json.dumps({"name": "m", "folder": True, "files": [{"path": path, "size": 0}]}).encode()
    recipient = wrapped_for(str(made.key.public), secret, os.urandom(32))
    head = header.ContainerHeader(chunk=CHUNK, manifest=len(listed) + 16, salt=salt, recipients=(recipient,))
    start = header.write(head)
    sealed = [
        primitives.ChunkCipher(secret, salt, n, start).seal(0, True, part) for n, part in enumerate((listed, b""))
    ]
    place = tmp_path / "hostile.awenc"
    place.write_bytes(start + primitives.code(secret, salt, start) + b"".join(sealed))
    with pytest.raises(errors.ListDamaged):
        decrypt(place, str(made.key.private), output=tmp_path / "out")
    assert [each.name for each in tmp_path.iterdir()] == ["hostile.awenc"]


def test_without_the_package_the_extra_is_named(made: Sample, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ExtraMissing) as caught:
        decrypt(made.path, str(made.key.private), output=tmp_path / "out")
    assert "airworthy[crypt]" in caught.value.way_out


# --- for others who read and write it ---


class Counted:
    """Bytes that look random and are the same each time."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, size: int) -> bytes:
        self.calls += 1
        return hashlib.sha256(b"airworthy vector %d" % self.calls).digest()[:size]


def _vector(tmp_path: Path, private: bytes) -> bytes:
    folder = tmp_path / "vector"
    folder.mkdir()
    (folder / "one.bin").write_bytes(b"the first file")
    (folder / "two.bin").write_bytes(bytes(CHUNK + 3))
    (folder / "none").write_bytes(b"")
    (tmp_path / "key").write_bytes(base64.b64encode(primitives.public_of(private)))
    out = io.BytesIO()
    seal(folder, out, [str(tmp_path / "key")], chunk=CHUNK, entropy=Counted())
    return out.getvalue()


def test_the_vectors_are_read_by_both_readers(tmp_path: Path) -> None:
    vector = json.loads(VECTORS.read_text())
    private = base64.b64decode(vector["private_key"])
    data = base64.b64decode(vector["start"])
    whole = _vector(tmp_path, private)
    assert whole[: len(data)] == data, "what is written now differs from what was written once"
    assert hashlib.sha256(whole).hexdigest() == vector["sha256"]
    found, files = encryption_reader.read(whole, private)
    assert {name: hashlib.sha256(plain).hexdigest() for name, plain in files.items()} == vector["files"]
    assert (found["name"], found["folder"]) == ("vector", True)
    path = tmp_path / "vector.awenc"
    path.write_bytes(whole)
    (tmp_path / "private").write_bytes(base64.b64encode(private))
    with Container(path, str(tmp_path / "private")) as container:
        assert {member.path: container.read(member.path) for member in container.manifest.files} == files

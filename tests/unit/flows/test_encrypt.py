"""Encrypting and decrypting: what comes back, which error each kind of damage is, and that nothing is left behind."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import awenc_writer
import models
from airworthy.artifacts.encryption import bech32, errors
from airworthy.artifacts.encryption.age_header import CHUNK, TAG
from airworthy.artifacts.encryption.describe import CannotEncrypt
from airworthy.artifacts.encryption.models import AgeModel, described, read_header
from airworthy.artifacts.identify import inspect
from airworthy.core.errors import ExtraMissing, InputNotFound, UnknownName
from airworthy.flows.answers.encryption import NewKey
from airworthy.flows.encrypt import InTheWay, NoStreams, decrypt, encrypt, keygen
from airworthy.flows.files import OutputExists, OutputFailed
from encrypted_folders import content, three_files, to_damage

needs_age = pytest.mark.skipif(shutil.which("age") is None, reason="the program `age` is not installed")
SEALED = CHUNK + TAG


class Sample(NamedTuple):
    """An encrypted folder: two files of three chunks, one empty one."""

    path: Path
    folder: Path
    key: NewKey
    first: int
    """Where the first chunk begins."""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    root = tmp_path_factory.mktemp("encrypted")
    folder = three_files(root)
    key = keygen(root / "model.key")
    written = encrypt(folder, [str(key.public)])
    assert written.path.name == "model.tar.age"
    assert written.plain == 2 * 256 * 600
    return Sample(written.path, folder, key, read_header(written.path)[0].end + TAG)


@pytest.fixture
def sample(made: Sample, tmp_path: Path) -> Sample:
    """The same, to be damaged."""
    return made._replace(path=to_damage(made.path, tmp_path))


def age(*arguments: object, data: bytes | None = None) -> bytes:
    """The real program."""
    done = subprocess.run(["age", *map(str, arguments)], input=data, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- there and back ---


def test_a_folder_comes_back(made: Sample, tmp_path: Path) -> None:
    written = decrypt(made.path, str(made.key.private), output=tmp_path / "out")
    assert (written.files, written.plain, written.old) == (3, 2 * 256 * 600, False)
    assert content(tmp_path / "out") == content(made.folder)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "out" / "a.bin").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1024, CHUNK - 513, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
def test_a_file_of_any_size_comes_back(tmp_path: Path, made: Sample, size: int) -> None:
    plain = tmp_path / "weights.bin"
    plain.write_bytes(os.urandom(size))
    written = encrypt(plain, [str(made.key.public)])
    shutil.copyfile(plain, tmp_path / "kept")
    decrypt(written.path, str(made.key.private), force=True)
    assert plain.read_bytes() == (tmp_path / "kept").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "weights.bin", "weights.bin.tar.age"]


@needs_age
def test_the_real_age_restores_what_we_encrypt(made: Sample, tmp_path: Path) -> None:
    archive = age("-d", "-i", made.key.private, made.path)
    done = subprocess.run(["tar", "x", "-C", tmp_path], input=archive, capture_output=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, b""), "no warning, and no file that was not in the model"
    assert content(tmp_path / "model") == content(made.folder)


@needs_age
@pytest.mark.parametrize("armor", [[], ["-a"]], ids=["binary", "armored"])
def test_we_decrypt_what_the_real_age_encrypts(made: Sample, tmp_path: Path, armor: list[str]) -> None:
    subprocess.run(["age-keygen", "-o", tmp_path / "key"], check=True, capture_output=True, timeout=30)
    recipient = re.findall(r"age1\w+", (tmp_path / "key").read_text())[0]
    tar = subprocess.run(
        ["tar", "c", "model"], cwd=made.folder.parent, capture_output=True, check=True, timeout=30
    ).stdout
    for name, data in (("model.tar.age", tar), ("one.bin.age", bytes(CHUNK + 5)), ("short.age", b"x")):
        (tmp_path / name).write_bytes(age("-r", recipient, *armor, data=data))
        assert inspect(tmp_path / name).model.metadata["recipients"] == "1 recipient (X25519)"
        decrypt(tmp_path / name, str(tmp_path / "key"))
    assert content(tmp_path / "model") == content(made.folder)
    assert (tmp_path / "one.bin").read_bytes() == bytes(CHUNK + 5)
    assert (tmp_path / "short").read_bytes() == b"x"
    assert described(tmp_path / "model.tar.age", str(tmp_path / "key")) is None


def test_a_model_with_a_passphrase_is_named_as_such(tmp_path: Path, made: Sample) -> None:
    stanza = f"-> scrypt {'A' * 22} 18\n{'B' * 43}\n--- {'C' * 43}\n"
    (tmp_path / "m.age").write_bytes(b"age-encryption.org/v1\n" + stanza.encode() + bytes(50))
    with pytest.raises(errors.WithPassphrase, match="passphrase"):
        decrypt(tmp_path / "m.age", str(made.key.private))


def test_each_recipient_reads_it_and_no_other_key(tmp_path: Path) -> None:
    plain = tmp_path / "w.bin"
    plain.write_bytes(b"weights")
    ours, theirs, other = (keygen(tmp_path / name) for name in ("ours", "theirs", "other"))
    (tmp_path / "people").write_text(f"# ours\n{ours.recipient}\n\n{theirs.recipient}\n")
    path = encrypt(plain, [str(tmp_path / "people")]).path
    for each in (ours, theirs):
        assert AgeModel(path, str(each.private)).read(["w.bin"], whole=True) == {"w.bin": b"weights"}
    assert inspect(path).model.metadata["recipients"] == "2 recipients (X25519)"
    before = sorted(tmp_path.iterdir())
    with pytest.raises(errors.NotARecipient, match=r"was not encrypted for the key .*other; it has 2 recipients"):
        decrypt(path, str(other.private), output=tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


def test_nothing_of_the_model_shows(made: Sample) -> None:
    data = made.path.read_bytes()
    for secret in (b"a.bin", b"sub/empty", bytes(range(64)), made.folder.name.encode()):
        assert secret not in data


def test_a_model_is_described_to_who_has_the_key(tmp_path: Path, made: Sample) -> None:
    folder = models.text_folder(tmp_path / "text")
    plain = inspect(folder)
    path = encrypt(folder, [made.key.recipient]).path
    found = described(path, str(made.key.private))
    assert found is not None
    assert found.model.sealed is not None
    assert (found.model.sealed.entry, found.model.sealed.old) == ("model.onnx", False)
    assert (found.model.inputs, found.model.task, found.model.files) == (
        plain.model.inputs,
        "embedding",
        plain.model.files,
    )
    assert f"{folder}/" not in str(found.model)
    told = inspect(path).model
    assert (told.format, told.versions, told.name) == ("encrypted", {"age": 1}, "text")
    assert told.metadata["opens"] == "airworthy decrypt text.tar.age --key KEY, or age -d -i KEY text.tar.age | tar x"


# --- keys ---


def test_a_private_key_is_its_owners_alone(tmp_path: Path) -> None:
    made = keygen(tmp_path / "key")
    assert made.private.stat().st_mode & 0o777 == 0o600
    lines = made.private.read_text().splitlines()
    assert lines[0] == f"# public key: {made.recipient}"
    assert re.fullmatch(r"AGE-SECRET-KEY-1[0-9A-Z]{58}", lines[1])
    assert made.public.read_text() == f"{made.recipient}\n"
    with pytest.raises(OutputExists):
        keygen(tmp_path / "key")
    assert keygen(tmp_path / "key", force=True).recipient != made.recipient


def test_a_new_key_goes_again_where_nothing_was_encrypted(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"weights")
    with pytest.raises(InputNotFound):
        encrypt(tmp_path / "nowhere", new_key=tmp_path / "key")
    with pytest.raises(errors.KeyUnreadable):
        encrypt(tmp_path / "w", [str(tmp_path / "nokey")], new_key=tmp_path / "key")
    assert [each.name for each in tmp_path.iterdir()] == ["w"]
    made = encrypt(tmp_path / "w", new_key=tmp_path / "key")
    assert made.new_key is not None
    decrypt(made.path, str(made.new_key.private), output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b"weights"
    with pytest.raises(OutputExists):
        encrypt(tmp_path / "w", new_key=tmp_path / "key", output=tmp_path / "other")
    assert made.new_key.private.exists()


@needs_age
def test_age_keygen_reads_our_key(tmp_path: Path) -> None:
    made = keygen(tmp_path / "key")
    done = subprocess.run(["age-keygen", "-y", made.private], capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == made.recipient


@pytest.mark.slow
def test_a_key_that_a_passphrase_protects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pass").write_text("correct horse\n")
    key = keygen(tmp_path / "key", password=str(tmp_path / "pass"))
    assert key.private.read_bytes().startswith(b"-----BEGIN AGE ENCRYPTED FILE-----\n")
    (tmp_path / "w").write_bytes(b"weights")
    path = encrypt(tmp_path / "w", [str(key.public)]).path
    monkeypatch.setenv("KEY_PASSPHRASE", "correct horse")
    decrypt(path, str(key.private), password="env:KEY_PASSPHRASE", output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b"weights"
    with pytest.raises(errors.KeyUnreadable, match="protected by a passphrase"):
        decrypt(path, str(key.private), output=tmp_path / "out")
    monkeypatch.setenv("KEY_PASSPHRASE", "wrong horse")
    with pytest.raises(errors.KeyUnreadable, match="passphrase does not open it"):
        decrypt(path, str(key.private), password="env:KEY_PASSPHRASE", output=tmp_path / "out")
    with pytest.raises(errors.KeyUnreadable, match="name the public key"):
        encrypt(tmp_path / "w", [str(key.private)], output=tmp_path / "out")


def test_a_key_of_before_works(tmp_path: Path) -> None:
    """A PEM key is the same 32 bytes in another dress, so that nobody needs a new one."""
    old = awenc_writer.keygen(tmp_path / "old.pem")
    there_and_back(tmp_path, old.public, old.private)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="the program `ssh-keygen` is not installed")
def test_an_ssh_key_works(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "ssh"], check=True, timeout=30)
    there_and_back(tmp_path, tmp_path / "ssh.pub", tmp_path / "ssh")


def there_and_back(folder: Path, public: Path, private: Path) -> None:
    """Encrypt for a key and decrypt with it."""
    (folder / "w").write_bytes(b"weights")
    path = encrypt(folder / "w", [str(public)], output=folder / "w.tar.age").path
    decrypt(path, str(private), output=folder / "again")
    assert (folder / "again").read_bytes() == b"weights"


def test_a_key_from_the_environment(made: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (made.key.private.read_text(), made.key.private.read_text().splitlines()[1]):
        monkeypatch.setenv("MODEL_KEY", value)
        decrypt(made.path, "env:MODEL_KEY", output=tmp_path / "out", force=True)
        assert content(tmp_path / "out") == content(made.folder)
    with pytest.raises(errors.KeyUnreadable, match="no such variable"):
        decrypt(made.path, "env:NO_SUCH", output=tmp_path / "out2")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no key in it"),
        ("# a comment\n", "no key in it"),
        ("hello!", "Bech32"),
        ("AGE-SECRET-KEY-1AAAA", "Bech32"),
        ("AGE-SECRET-KEY-PQ-1AAAA", "post-quantum"),
        ("AGE-PLUGIN-NONESUCH-1QQQQ", "Bech32|invalid"),
        (bech32.encode("age-plugin-nonesuch-", b"x").upper(), "age-plugin-nonesuch"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no PEM key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "SSH"),
        ("AIRWORTHY-WRAPPED-KEY service:none:k !", "no Base64"),
    ],
)
def test_invalid_keys(made: Sample, tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(errors.KeyUnreadable, match=reason):
        decrypt(made.path, str(tmp_path / "key"), output=tmp_path / "out")


@pytest.mark.parametrize(
    "text",
    ["age1qqqq", "ssh-dss AAAA", "age1nonesuch1qqqq", bech32.encode("age1nonesuch", b"x"), "AGE-SECRET-KEY-1AAAA", ""],
)
def test_invalid_recipients(tmp_path: Path, text: str) -> None:
    (tmp_path / "w").write_bytes(b"w")
    (tmp_path / "to").write_text(text)
    with pytest.raises(errors.KeyUnreadable):
        encrypt(tmp_path / "w", [str(tmp_path / "to")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["to", "w"]


def test_keys_of_another_kind_and_public_ones_do_not_decrypt(made: Sample, tmp_path: Path) -> None:
    from certificates import key_pair

    with pytest.raises(errors.KeyUnreadable, match="another kind"):
        decrypt(made.path, str(key_pair(tmp_path).private), output=tmp_path / "out")
    with pytest.raises(errors.KeyUnreadable, match="public"):
        decrypt(made.path, str(made.key.public), output=tmp_path / "out")


@pytest.mark.usefixtures("vault")
def test_a_key_service_guards_a_key(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"weights")
    key = keygen(tmp_path / "key", service="service:vault:model")
    assert "AGE-SECRET-KEY" not in key.private.read_text()
    path = encrypt(tmp_path / "w", [str(key.public)]).path
    assert AgeModel(path, str(key.private)).read(["w"], whole=True) == {"w": b"weights"}
    key.private.write_text(key.private.read_text().replace(":model", ":other"))
    with pytest.raises(errors.ServiceFailed, match="no key other"):
        decrypt(path, str(key.private), output=tmp_path / "x")
    with pytest.raises(errors.KeyUnreadable, match="airworthy keygen FILE --service service:vault:model"):
        encrypt(tmp_path / "w", ["service:vault:model"], output=tmp_path / "x")
    with pytest.raises(UnknownName, match="no key service named 'volt'"):
        keygen(tmp_path / "x", service="service:volt:model")
    with pytest.raises(errors.KeyUnreadable, match="service:NAME:KEY"):
        keygen(tmp_path / "x", service="service:vault")
    assert not (tmp_path / "x").exists()


# --- damage ---


def _flip(at: int) -> Callable[[Sample, bytearray], None]:
    def change(sample: Sample, data: bytearray) -> None:
        data[sample.first + at] ^= 1

    return change


def _move(target: int, source: int, *, swap: bool) -> Callable[[Sample, bytearray], None]:
    def change(sample: Sample, data: bytearray) -> None:
        one, other = sample.first + target * SEALED, sample.first + source * SEALED
        held = data[one : one + SEALED]
        data[one : one + SEALED] = data[other : other + SEALED]
        if swap:
            data[other : other + SEALED] = held

    return change


def _edit(change: Callable[[bytearray], object]) -> Callable[[Sample, bytearray], None]:
    return lambda sample, data: (change(data), None)[1]


def _at(data: bytearray, text: bytes, offset: int) -> None:
    place = data.index(text) + offset
    data[place] = ord("A") if data[place] != ord("A") else ord("B")


_DAMAGES: dict[str, tuple[str, Callable[[Sample, bytearray], None], str]] = {
    "version": ("encryption-version", _edit(lambda d: d.__setitem__(20, ord("2"))), "version v2"),
    "stanza": ("encryption-header-damaged", _edit(lambda d: d.__setitem__(22, ord("x"))), "line 2"),
    "share": ("wrong-key", _edit(lambda d: _at(d, b"X25519 ", 12)), "1 recipient"),
    "code": ("encryption-header-changed", _edit(lambda d: _at(d, b"\n--- ", 9)), "authentication code"),
    "nonce": ("encrypted-chunk-changed", _flip(-1), "chunk 1 "),
    "first chunk": ("encrypted-chunk-changed", _flip(9), "chunk 1 "),
    "third chunk": ("encrypted-chunk-changed", _flip(2 * SEALED + 9), "chunk 3 "),
    "order": ("encrypted-chunk-changed", _move(0, 1, swap=True), "chunk 1 "),
    "duplicate": ("encrypted-chunk-changed", _move(1, 0, swap=False), "chunk 2 "),
    "tag": ("encrypted-file-truncated", _edit(lambda d: d.__setitem__(-1, d[-1] ^ 1)), "does not end"),
    "cut": ("encrypted-file-truncated", _edit(lambda d: d.__delitem__(slice(-20, None))), "does not end"),
    "cut at a chunk": (
        "encrypted-file-truncated",
        lambda s, d: d.__delitem__(slice(s.first + SEALED, None)),
        "does not end",
    ),
    "no chunk": ("encrypted-file-truncated", lambda s, d: d.__delitem__(slice(s.first, None)), "does not end"),
    "cut in the nonce": ("encrypted-file-truncated", lambda s, d: d.__delitem__(slice(s.first - 3, None)), ""),
    "cut in the header": ("encryption-header-damaged", _edit(lambda d: d.__delitem__(slice(60, None))), "ends within"),
    "longer": ("encrypted-file-truncated", _edit(lambda d: d.extend(b"x")), "does not end"),
}


@pytest.mark.parametrize("name", list(_DAMAGES))
def test_each_damage_has_its_error_and_gives_no_bytes(sample: Sample, tmp_path: Path, name: str) -> None:
    code, change, named = _DAMAGES[name]
    data = bytearray(sample.path.read_bytes())
    change(sample, data)
    sample.path.write_bytes(data)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(errors.EncryptionError) as caught:
        decrypt(sample.path, str(sample.key.private), output=tmp_path / "out")
    assert caught.value.code == code, caught.value
    assert named in caught.value.text
    assert caught.value.way_out
    assert sorted(tmp_path.iterdir()) == before


def test_chunks_of_another_file_are_not_taken(sample: Sample, tmp_path: Path) -> None:
    other = encrypt(sample.folder, [str(sample.key.public)], output=tmp_path / "other").path.read_bytes()
    data = sample.path.read_bytes()
    sample.path.write_bytes(data[: sample.first] + other[sample.first :])
    with pytest.raises(errors.ChunkRefused, match="chunk 1 "):
        decrypt(sample.path, str(sample.key.private), output=tmp_path / "out")


@given(data=st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_flipped_bit_goes_by(made: Sample, tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(made.path.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1) | st.integers(0, made.first))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "flipped"
    path.write_bytes(whole)
    with pytest.raises(errors.EncryptionError):
        decrypt(path, str(made.key.private), output=tmp_path / "out", force=True)
    assert [each.name for each in tmp_path.iterdir()] == ["flipped"]


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cut_goes_by(made: Sample, tmp_path: Path, data: st.DataObject) -> None:
    whole = made.path.read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1) | st.integers(0, made.first))])
    with pytest.raises(errors.EncryptionError):
        decrypt(path, str(made.key.private), output=tmp_path / "out", force=True)


# --- places ---


def test_what_is_there_is_not_overwritten(made: Sample, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("keep")
    with pytest.raises(OutputExists):
        decrypt(made.path, str(made.key.private), output=tmp_path / "out")
    assert (tmp_path / "out" / "mine").read_text() == "keep"
    decrypt(made.path, str(made.key.private), output=tmp_path / "out", force=True)
    assert content(tmp_path / "out") == content(made.folder)
    with pytest.raises(OutputExists):
        decrypt(made.path, str(made.key.private))  # beside the encrypted file, by the name within it
    with pytest.raises(OutputExists):
        encrypt(made.folder, [str(made.key.public)], output=made.path)
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_a_file_that_would_replace_its_own_container_is_refused(made: Sample, tmp_path: Path) -> None:
    """An age file without the suffix, of one file: what was decrypted would have its name."""
    import pyrage
    from pyrage import x25519

    path = tmp_path / "weights.bin"
    path.write_bytes(pyrage.encrypt(b"weights", [x25519.Recipient.from_str(made.key.recipient)]))
    with pytest.raises(OutputExists):
        decrypt(path, str(made.key.private), force=True)
    assert path.read_bytes().startswith(b"age-encryption.org/v1")


def test_what_can_not_be_encrypted(made: Sample, tmp_path: Path) -> None:
    key = [str(made.key.public)]
    with pytest.raises(InputNotFound):
        encrypt(tmp_path / "nowhere", key)
    with pytest.raises(NoStreams):
        encrypt("-", key)
    with pytest.raises(NoStreams):
        decrypt(made.path, str(made.key.private), output="-")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CannotEncrypt, match="no files"):
        encrypt(tmp_path / "empty", key)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "out").symlink_to("/etc/hostname")
    with pytest.raises(CannotEncrypt, match="out is a link"):
        encrypt(tmp_path / "linked", key)
    graph = models.external(tmp_path / "external")
    entry = graph if graph.is_file() else next(graph.glob("*.onnx"))
    with pytest.raises(CannotEncrypt, match="its weights go on in"):
        encrypt(entry, key)
    with pytest.raises(InTheWay):
        encrypt(tmp_path / "external", key, output=tmp_path / "external" / "x.tar.age")
    with pytest.raises(OutputFailed):
        encrypt(entry.parent, key, output=tmp_path / "no" / "such" / "folder")


def test_a_full_disk_leaves_nothing(made: Sample, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the end of a disk: both are an error of a write."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for verb in (
        f"encrypt {made.folder} --to {made.key.public} --output {tmp_path}/x.age",
        f"decrypt {made.path} --key {made.key.private} --output {tmp_path}/out",
    ):
        command = f"ulimit -f 64; exec {sys.executable} -m airworthy {verb}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, timeout=60)
        assert done.returncode == 2, done
        assert "cannot be written: File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_the_extra_is_named(made: Sample, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyrage", None)
    with pytest.raises(ExtraMissing) as caught:
        decrypt(made.path, str(made.key.private), output=tmp_path / "out")
    assert "airworthy[crypt]" in caught.value.way_out


def test_a_container_of_before_still_opens(made: Sample, tmp_path: Path) -> None:
    key = awenc_writer.keygen(tmp_path / "key.pem")
    path = awenc_writer.encrypt(made.folder, [str(key.public)], tmp_path / "model.awenc")
    written = decrypt(path, str(key.private), output=tmp_path / "out")
    assert (written.old, content(tmp_path / "out")) == (True, content(made.folder))
    told = inspect(path).model
    assert told.versions == {"airworthy-encryption": 1}
    assert "the next release no longer reads this container" in told.metadata["opens"]
    with pytest.raises(errors.KeyUnreadable):
        decrypt(path, str(made.key.private), output=tmp_path / "other")


def test_a_raw_key_in_base64_names_a_recipient(tmp_path: Path) -> None:
    key = keygen(tmp_path / "key")
    (tmp_path / "raw").write_text(base64.b64encode(bech32.decode(key.recipient)[1]).decode())
    (tmp_path / "w").write_bytes(b"weights")
    path = encrypt(tmp_path / "w", [str(tmp_path / "raw")]).path
    assert AgeModel(path, str(key.private)).read(["w"], whole=True) == {"w": b"weights"}

"""The archive in an encrypted model and the header before it: tarfile agrees, and all other bytes are refused."""

from __future__ import annotations

import base64
import io
import tarfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.artifacts.encryption import age_header, bech32
from airworthy.artifacts.encryption.archive import BLOCK, MOST_EXTENSION, ArchiveReader, PieceReader, TarMember, blocks
from airworthy.artifacts.encryption.describe import SealedDescription, from_comment, to_comment
from airworthy.artifacts.encryption.errors import ArchiveDamaged, EncryptionError, HeaderDamaged, ListDamaged


def read(data: bytes, step: int = 1000) -> tuple[dict[str, bytes], list[str]]:
    files: dict[str, io.BytesIO] = {}
    comments: list[str] = []
    reader = ArchiveReader("x", lambda member: files.setdefault(member.path, io.BytesIO()).write, comments.append)
    for at in range(0, len(data), step):
        reader.feed(data[at : at + step])
    reader.end()
    return {name: stream.getvalue() for name, stream in files.items()}, comments


def written(files: dict[str, bytes], format_: int = tarfile.PAX_FORMAT, kind: bytes = tarfile.REGTYPE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format_) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.type = len(data), kind
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


_NAMES = st.lists(st.text(st.sampled_from("abc.é-"), min_size=1, max_size=60), min_size=1, max_size=4).map("/".join)


@given(
    st.dictionaries(_NAMES, st.binary(max_size=1500), min_size=1, max_size=5),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.integers(1, 3000),
)
def test_what_tarfile_writes_is_read_or_refused_by_its_names(files: dict[str, bytes], format_: int, step: int) -> None:
    data = written(files, format_)
    folders = {name[:at] for name in files for at, letter in enumerate(name) if letter == "/"}
    dotted = any(part in (".", "..") for name in files for part in name.split("/"))
    if not dotted and not folders & set(files):
        assert read(data, step)[0] == files
        return
    try:
        assert len(read(data, step)[0]) == len(files), "a dot is taken as ./ before the name alone"
    except ListDamaged as error:
        assert dotted or "is a file and a folder" in error.text


@given(st.binary(max_size=2000), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=6))
def test_any_bytes_are_read_or_refused(tail: bytes, edits: list[tuple[int, int]]) -> None:
    data = bytearray(written({"a/b": b"x" * 700, "a/" + "c" * 120: b"y"})[:5000] + tail)
    for at, value in edits:
        data[at] = value
    try:
        files, _ = read(bytes(data))
    except EncryptionError as error:
        assert isinstance(error, (ListDamaged, ArchiveDamaged))
    else:
        assert all(not name.startswith("/") and ".." not in name.split("/") for name in files)


def test_what_we_write_tarfile_reads_without_the_comment_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 700)
    pieces = PieceReader(blocks([(tmp_path / "a", TarMember("m/" + "long/" * 40 + "a", 700))], "a comment é"))
    data = b"".join(iter(lambda: pieces.read(100), b""))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["m/" + "long/" * 40 + "a"]
        assert archive.pax_headers["comment"] == "a comment é"
    assert read(data) == ({"m/" + "long/" * 40 + "a": b"x" * 700}, ["a comment é"])


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "C:/x", "a\\b", "a//b", "a\nb"])
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(ListDamaged, match="outside of the folder"):
        read(written({name: b"x"}))


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(kind: bytes) -> None:
    with pytest.raises(ListDamaged, match="'a' is no file"):
        read(written({"a": b""}, kind=kind))


def test_archives_that_end_early_or_name_a_file_twice() -> None:
    whole = written({"a": b"x" * 600})
    for cut in (BLOCK + 1, BLOCK + 600, BLOCK + 700):
        with pytest.raises(ArchiveDamaged, match="ends within a"):
            read(whole[:cut])
    with pytest.raises(ListDamaged, match="twice"):
        read(whole[: BLOCK * 3] + whole)
    with pytest.raises(ArchiveDamaged, match="no header after a"):
        read(whole[: BLOCK * 3] + b"?" * BLOCK)
    huge = tarfile.TarInfo("x")
    huge.type, huge.size = tarfile.XHDTYPE, MOST_EXTENSION + 1
    with pytest.raises(ArchiveDamaged, match="extended header"):
        read(huge.tobuf(tarfile.USTAR_FORMAT))


@pytest.mark.parametrize("data", [b"", b"x", bytes(BLOCK), b"GGUF" + bytes(3000)])
def test_a_payload_that_is_no_archive_is_one_file(data: bytes) -> None:
    assert read(data, 700) == ({"": data}, [])


def test_a_description_is_bounded_and_read_or_refused() -> None:
    described = SealedDescription(root="m", model={"name": "m"}, facts={})
    assert from_comment(to_comment(described), "x") == described
    assert from_comment("something else", "x") is None
    assert to_comment(None) == ""
    bomb = base64.b64encode(zlib.compress(bytes(65 * 1024 * 1024))).decode()
    for text, reason in (
        (bomb, "takes more than"),
        ("!", "ase64|padding"),
        (base64.b64encode(zlib.compress(b"{}")).decode(), "root"),
    ):
        with pytest.raises(ListDamaged, match=reason):
            from_comment("airworthy-model-1 " + text, "x")


# --- the header of age ---

_HEADER = b"age-encryption.org/v1\n-> X25519 AAAA\nBBBB\n-> p-grease\n\n--- " + b"C" * 43 + b"\n"


def test_a_header_is_read_without_what_is_no_recipient() -> None:
    found = age_header.read(_HEADER + b"payload", "x")
    assert (found.kinds, found.end, found.summary) == (("X25519",), len(_HEADER), "1 recipient (X25519)")
    armored = age_header.ARMOR + b"\n" + base64.encodebytes(_HEADER) + b"-----END AGE ENCRYPTED FILE-----\n"
    assert age_header.read(armored, "x").kinds == ("X25519",)
    assert age_header.read(armored, "x").end == 0


@pytest.mark.parametrize("cut", range(len(_HEADER) - 1, len(age_header.MAGIC), -7))
def test_a_header_that_is_cut(cut: int) -> None:
    with pytest.raises(HeaderDamaged, match="ends within it"):
        age_header.read(_HEADER[:cut], "x")


@given(st.binary(max_size=300), st.integers(0, len(_HEADER)))
def test_any_bytes_are_a_header_or_refused(data: bytes, keep: int) -> None:
    for head in (_HEADER[:keep] + data, age_header.ARMOR + b"\n" + data):
        try:
            assert age_header.read(head, "x").kinds
        except EncryptionError:
            continue


# --- keys ---


@given(st.binary(max_size=80), st.sampled_from(["age", "age-secret-key-", "x"]))
def test_bech32_comes_back(data: bytes, prefix: str) -> None:
    assert bech32.decode(bech32.encode(prefix, data)) == (prefix, data)
    assert bech32.decode(bech32.encode(prefix, data).upper()) == (prefix, data)


@given(st.text(max_size=90))
def test_any_text_is_bech32_or_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Bech32|checksum|mixed"):
        bech32.decode(text + "!")


def test_the_example_of_the_specification() -> None:
    secret = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    assert bech32.decode(secret) == ("age-secret-key-", b"\x42" * 32)
    assert bech32.encode("age-secret-key-", b"\x42" * 32).upper() == secret
    from airworthy.artifacts.encryption import age

    assert age.public_of(secret) == "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

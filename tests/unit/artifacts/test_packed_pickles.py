"""Pickles as older programs wrote them and packed: Python 2, joblib before 0.10, LZ4, one value, and long ones."""

from __future__ import annotations

import contextlib
import io
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hostile
from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.lz4_frames import unpack_frame
from airworthy.artifacts.identify import inspect
from airworthy.core.keys import MODEL_DEFECTS, MODEL_PICKLE_IMPORTS


def refused(path: Path) -> list[str]:
    found = inspect(path)
    assert found.model.format == "pickle"
    assert found.facts.value(MODEL_DEFECTS) == ()
    return [each.name or each.reason for each in found.facts.value(MODEL_PICKLE_IMPORTS) if not each.allowed]


def lz4(content: bytes) -> bytes:
    """A frame with one block of literals and one that repeats them."""
    head = b"\x04\x22\x4d\x18\x40\x40\xc0"
    plain = struct.pack("<I", len(content) | 1 << 31) + content
    return head + plain + bytes(4)


@pytest.mark.parametrize("value", [b"N.", b"L1L\n.", b"I5\n.", b"Fnan\n.", b"I01\n.", b"S'a'\n.", b"Va\n.", b"K\x05."])
def test_a_pickle_of_one_value_is_whole(tmp_path: Path, value: bytes) -> None:
    path = tmp_path / "one.pkl"
    path.write_bytes(value)
    assert refused(path) == []


PYTHON_2 = {
    "a text of bytes": b"S'\\xff\\xfe'\np0\n.",
    "a text of bytes, raw": b"S'caf\xc3\xa9'\np0\n.",
    "in protocol 1": b"U\x04caf\xe9q\x00.",
    "in protocol 2": b"\x80\x02}q\x00(U\x01sU\x05\xff\xfe\x00\x01\x02u.",
    "a long one": b"\x80\x02T\x03\x00\x00\x00\xff\xfe\xfd.",
    "an object of the old kind": b"(i__builtin__\nset\np0\n.",
    "a date": b"\x80\x02cdatetime\ndatetime\nq\x01U\n\x07\xdc\x01\x02\x00\x00\x00\x00\x00\x00q\x02\x85q\x03Rq\x04.",
    "a range": b"\x80\x02c__builtin__\nxrange\nK\x00K\x03K\x01\x87R.",
    "an exception": b"\x80\x02cexceptions\nValueError\nU\x01x\x85R.",
}


@pytest.mark.parametrize("name", PYTHON_2)
def test_what_python_2_wrote_is_whole(tmp_path: Path, name: str) -> None:
    path = tmp_path / "old.pkl"
    path.write_bytes(PYTHON_2[name])
    assert refused(path) == []
    pickle.loads(PYTHON_2[name], encoding="latin1")  # which is how they are loaded


def test_an_old_file_of_joblib_is_unpacked(tmp_path: Path) -> None:
    for content, expected in ((pickle.dumps([1, 2]), []), (hostile.call("os.system"), ["os.system"])):
        path = tmp_path / "old.joblib"
        head = b"ZF" + hex(len(content)).encode().ljust(19)
        for space in (b"", b" "):
            path.write_bytes(head + space + zlib.compress(content))
            assert refused(path) == expected


def test_lz4_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "m.joblib"
    path.write_bytes(lz4(pickle.dumps({"a": [1] * 50})))
    assert refused(path) == []
    path.write_bytes(lz4(hostile.call("os.system", protocol=b"\x80\x02")))
    assert refused(path) == ["os.system"]


@pytest.mark.parametrize(
    ("content", "frame"),
    [
        (b"hello world " * 20, "b916000000cf68656c6c6f20776f726c64200c00cc506f726c642000000000"),
        (b"abcdefg" * 3 + b"x", "d1000000076616263646566670700506465666778d745cefd00000000263ba539"),
    ],
)
def test_what_the_package_writes_is_unpacked(content: bytes, frame: str) -> None:
    """Frames of lz4 4.4: with the length of the content, and with all checksums."""
    head = "04224d186840f000000000000000" if content.startswith(b"hello") else "04224d187440b"
    assert unpack_frame(bytes.fromhex(head + frame), 1000) == content


def test_blocks_of_lz4_refer_to_what_stands_before() -> None:
    # Five literals, a copy of 4 + 15 + 3 bytes from 5 back, and a last run of one.
    block = bytes((0x5F,)) + b"abcde" + b"\x05\x00" + b"\x03" + bytes((0x10,)) + b"!"
    frame = b"\x04\x22\x4d\x18\x40\x40\xc0" + struct.pack("<I", len(block)) + block + bytes(4)
    assert unpack_frame(frame, 1000) == (b"abcde" * 6)[: 5 + 22] + b"!"
    assert unpack_frame(frame, 7) == b"abcdeab"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 255))
def test_no_bytes_break_lz4(data: bytes, flags: int) -> None:
    with contextlib.suppress(Damaged):
        assert len(unpack_frame(b"\x04\x22\x4d\x18" + bytes((flags,)) + data, 5000)) <= 5000
    block = struct.pack("<I", len(data)) + data + bytes(4)
    with contextlib.suppress(Damaged):
        assert len(unpack_frame(b"\x04\x22\x4d\x18\x40\x40\xc0" + block, 5000)) <= 5000


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_of_many_numbers_is_followed(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "m.pkl"
    with path.open("wb") as file:
        pickle.dump({"a": np.zeros(9_000_000)}, file, protocol=protocol)
    assert path.stat().st_size > 64 * 1024 * 1024
    assert refused(path) == []


def test_a_call_behind_many_numbers_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "m.pkl"
    with path.open("wb") as file:
        file.write(b"\x80\x04\x8e" + struct.pack("<Q", 70_000_000))
        file.seek(70_000_000, io.SEEK_CUR)
        file.write(b"0" + hostile.call("os.system"))
    assert refused(path) == ["os.system"]

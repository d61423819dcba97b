"""Logs as they come: compressed, in UTF-16, cut short, growing, replaced."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airworthy.core.errors import ExtraMissing, InputNotFound, InputUnreadable
from airworthy.flows import logs
from airworthy.flows.diagnose import diagnose_events, diagnose_file, follow

TEXT = ("all is well\n" * 1000 + "OSError: [Errno 28] No space left on device\n").encode()


def _zstd(data: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        zstd = pytest.importorskip("backports.zstd", reason="the zstd extra is not installed")
    packed: bytes = zstd.compress(data)
    return packed


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": _zstd,
    "plain": bytes,
}


@pytest.mark.parametrize("way", sorted(PACKED))
def test_compressed(way: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(PACKED[way](TEXT))
    assert b"".join(logs.pieces(str(path))) == TEXT
    report = diagnose_file(str(path))
    assert report.data["cause"] == "disk-full"
    assert report.findings[0].evidence[0].line == 1001


@pytest.mark.parametrize("way", ["gzip", "zstd", "xz"])
def test_a_cut_archive_tells_what_it_has(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "PIECE", 4096)
    data = b"".join(b"%d %d\n" % (number, number * 7919) for number in range(200_000))
    path = tmp_path / "log"
    path.write_bytes(PACKED[way](data)[:-100])
    read = b"".join(logs.pieces(str(path)))
    assert len(read) > 10_000
    assert data.startswith(read)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8-sig"])
def test_other_encodings(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    path.write_bytes(mark + TEXT.decode().encode(encoding))
    assert diagnose_file(str(path)).data["cause"] == "disk-full"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class In:
        buffer = io.BytesIO(gzip.compress(TEXT))

    monkeypatch.setattr(sys, "stdin", In)
    assert diagnose_file("-").data["cause"] == "disk-full"


def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputNotFound):
        diagnose_file(str(tmp_path / "none"))
    with pytest.raises(InputUnreadable):
        diagnose_file(str(tmp_path))
    damaged = tmp_path / "log.gz"
    damaged.write_bytes(b"\x1f\x8bthis is no gzip at all")
    with pytest.raises(InputUnreadable):
        diagnose_file(str(damaged))
    packed = tmp_path / "log.zst"
    packed.write_bytes(_zstd(TEXT))
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    with pytest.raises(ExtraMissing) as caught:
        diagnose_file(str(packed))
    assert "airworthy[zstd]" in caught.value.way_out


def test_an_empty_log(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.touch()
    report = diagnose_file(str(path))
    assert report.data == {"cause": None}


def test_an_unknown_failure_is_in_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("fine\nRuntimeError: the frobnicator 17 is stuck\n")
    answer = diagnose_file(str(path)).data
    assert answer["cause"] is None
    assert answer["unknown"]["line"] == 2
    assert answer["unknown"]["template"] == "RuntimeError: the frobnicator <number> is stuck"


def test_events(tmp_path: Path) -> None:
    path = tmp_path / "pod.json"
    path.write_text(
        '{"kind": "Event", "type": "Warning", "reason": "Failed", "message": "write: no space left on device"}'
    )
    report = diagnose_events(str(path))
    assert report.data["cause"] == "disk-full"


def test_a_followed_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "POLL", 0.01)
    monkeypatch.setattr(logs, "QUIET", 0.05)
    path = tmp_path / "log"
    path.write_text("up\n")
    done = threading.Event()
    deadline = time.monotonic() + 20

    def write() -> None:
        time.sleep(0.1)
        with path.open("a") as stream:
            stream.write("OSError: [Errno 28] No space left on device\n")
        time.sleep(0.4)
        path.rename(tmp_path / "log.1")  # rotation
        path.write_text("x\n[Errno 98] error while attempting to bind on address ('::', 80): address already in use\n")

    writer = threading.Thread(target=write)
    writer.start()
    told = []
    for report in follow(str(path), stop=lambda: done.is_set() or time.monotonic() > deadline):
        told.append(report.data["cause"])
        if len(told) == 2:
            done.set()
    writer.join()
    assert told == ["disk-full", "port-in-use"]


def test_the_same_failure_again_and_again_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "POLL", 0.01)
    monkeypatch.setattr(logs, "QUIET", 0.03)
    path = tmp_path / "log"
    path.write_text("")
    end = time.monotonic() + 0.8

    def write() -> None:
        for _ in range(4):
            with path.open("a") as stream:
                stream.write("OSError: [Errno 28] No space left on device\n")
            time.sleep(0.1)

    writer = threading.Thread(target=write)
    writer.start()
    told = [report.data["cause"] for report in follow(str(path), stop=lambda: time.monotonic() > end)]
    writer.join()
    assert told == ["disk-full"]

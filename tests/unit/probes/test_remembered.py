"""What is kept between runs: only of files that are the same, and never in the way."""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.probes.linker.headers import headers
from airworthy.probes.seam import remembered, user_cache
from airworthy.probes.seam.host import HostError
from airworthy.probes.seam.local import LocalHost
from airworthy.probes.seam.remembered import FactStorage, Memory, remembering
from elf_files import make_elf

LONG_AGO = time.time() - 3600


class Counting(LocalHost):
    """This machine, whose reads are counted, and whose files have all lain still for an hour."""

    reads = 0

    def read(self, path: str, limit: int = 0, offset: int = 0) -> bytes:
        self.reads += 1
        return super().read(path, limit, offset)

    def stamp(self, path: str):  # type: ignore[no-untyped-def]
        return super().stamp(path)._replace(changed=int(LONG_AGO * 1e9))


class Shelf:
    """A file in memory."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.saves = 0

    def storage(self) -> FactStorage:
        return FactStorage(lambda: self.data, self._save)

    def _save(self, data: bytes) -> None:
        self.saves += 1
        self.data = data


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "libx.so"
    path.write_bytes(make_elf(("liba.so.1",)))
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def needed(shelf: Shelf, path: Path) -> tuple[tuple[str, ...], int]:
    """What the file needs, and how many reads that took."""
    host = Counting()
    with remembering(host, shelf.storage()):
        elf = headers(host, str(path)).elf
    assert elf is not None
    return elf.needed, host.reads


def test_the_second_run_reads_nothing_and_saves_nothing(library: Path) -> None:
    shelf = Shelf()
    assert needed(shelf, library) == (("liba.so.1",), 1)
    assert needed(shelf, library) == (("liba.so.1",), 0)
    assert shelf.saves == 1


def test_a_file_with_other_bytes_is_read_again(library: Path) -> None:
    shelf = Shelf()
    needed(shelf, library)
    library.write_bytes(make_elf(("libb.so.1",)))  # of the same size, in the same inode
    os.utime(library, (LONG_AGO + 1, LONG_AGO + 1))
    assert needed(shelf, library) == (("libb.so.1",), 1)


def test_a_file_that_took_the_place_of_another_is_read_again(library: Path) -> None:
    """Its time and size may be those of the one before, as after `cp -p`."""
    shelf = Shelf()
    needed(shelf, library)
    other = library.with_name("other")
    other.write_bytes(make_elf(("libb.so.1",)))
    os.utime(other, (LONG_AGO, LONG_AGO))
    other.replace(library)
    assert needed(shelf, library) == (("libb.so.1",), 1)


def test_what_changed_just_now_is_not_kept(library: Path) -> None:
    """Within one tick of the file system's clock it could change again unseen."""
    shelf = Shelf()
    os.utime(library)
    assert needed(shelf, library)[1] == 1
    assert needed(shelf, library)[1] == 1


def test_what_this_run_did_not_ask_for_is_forgotten_with_the_next_change(library: Path) -> None:
    shelf = Shelf()
    needed(shelf, library)
    size = len(shelf.data)
    moved = library.rename(library.with_name("liby.so"))
    needed(shelf, moved)
    assert len(shelf.data) <= size


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"not this",
        msgspec.msgpack.encode(["airworthy 0.0.0 0", {}]),
        msgspec.msgpack.encode([remembered.FORMAT, {"elf": 7}]),
        msgspec.msgpack.encode([remembered.FORMAT, {"elf": {"/x": [[1, 2], b""]}}]),
        msgspec.msgpack.encode([remembered.FORMAT]),
        b"\x91" * 100_000,
    ],
)
def test_a_damaged_file_is_as_good_as_none(data: bytes, library: Path) -> None:
    shelf = Shelf(data)
    assert needed(shelf, library) == (("liba.so.1",), 1)
    assert needed(shelf, library) == (("liba.so.1",), 0), "and a whole one takes its place"


def test_a_damaged_entry_is_as_good_as_none(library: Path) -> None:
    stamp = Counting().stamp(str(library))
    shelf = Shelf(msgspec.msgpack.encode([remembered.FORMAT, {"elf": {str(library): [stamp, b"\xc1"]}}]))
    assert needed(shelf, library) == (("liba.so.1",), 1)


@given(st.binary(max_size=200))
def test_any_bytes_are_loaded(data: bytes) -> None:
    shelf = Shelf(data)
    assert Memory(shelf.storage()).recall("elf", "/x", Counting().stamp("/")) is None


def test_an_error_is_not_kept(tmp_path: Path) -> None:
    shelf, host = Shelf(), Counting()
    with remembering(host, shelf.storage()), pytest.raises(HostError):
        headers(host, str(tmp_path / "gone.so"))
    assert shelf.saves == 0


def test_what_would_be_too_large_is_not_written(monkeypatch: pytest.MonkeyPatch, library: Path) -> None:
    monkeypatch.setattr(remembered, "LARGEST", 10)
    shelf = Shelf()
    needed(shelf, library)
    assert shelf.saves == 0


def test_the_files_are_this_users_alone_and_replaced_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    storage = user_cache.storage("/v/bin/python")
    assert storage.load() == b""
    storage.save(b"one")
    storage.save(b"two")
    assert user_cache.storage("/v/bin/python").load() == b"two"
    assert user_cache.storage("/w/bin/python").load() == b""
    (file,) = (tmp_path / "cache" / "airworthy" / "read").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_many_at_once_leave_one_whole_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    wanted = [bytes([n]) * 100_000 for n in range(8)]
    threads = [threading.Thread(target=user_cache.storage("x").save, args=(data,)) for data in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert user_cache.storage("x").load() in wanted
    assert len(list((tmp_path / "airworthy" / "read").iterdir())) == 1


def test_no_more_than_so_many_environments_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(user_cache, "MOST_FILES", 3)
    for number in range(6):
        user_cache.storage(str(number)).save(b"x")
    assert len(list((tmp_path / "airworthy" / "read").iterdir())) == 3


def test_where_nothing_can_be_written_nothing_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    storage = user_cache.storage("x")
    storage.save(b"data")
    assert storage.load() == b""


def test_a_pipe_or_a_directory_in_its_place_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    storage = user_cache.storage("x")
    storage.save(b"data")
    (file,) = (tmp_path / "airworthy" / "read").iterdir()
    file.unlink()
    os.mkfifo(file)
    assert storage.load() == b""
    file.unlink()
    file.mkdir()
    assert storage.load() == b""
    storage.save(b"data")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_not_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    storage = user_cache.storage("x")
    storage.save(b"data")
    (file,) = (tmp_path / "airworthy" / "read").iterdir()
    os.chown(file, 12345, 12345)
    assert storage.load() == b""


def test_without_a_home_there_is_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(Path, "home", classmethod(_no_home))
    storage = user_cache.storage("x")
    storage.save(b"data")
    assert storage.load() == b""


def _no_home(cls: type[Path]) -> Path:
    raise RuntimeError("could not determine home directory")

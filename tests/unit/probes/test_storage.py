"""Measuring a folder's storage: by fio where it is there, else by a file of our own; nothing is left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airworthy.core.facts import Known, Unknown
from airworthy.core.values import StorageSpeed
from airworthy.probes.host import storage
from airworthy.probes.seam.host import Completed, HostError, Space
from airworthy.probes.seam.local import LocalHost

# As fio 3.33 writes it, cut to what is read and a little more.
READ = {
    "fio version": "fio-3.33",
    "jobs": [{"jobname": "airworthy", "error": 0, "read": {"bw_bytes": 807000019, "iops": 769.6}}],
}
WRITE = {
    "fio version": "fio-3.33",
    "jobs": [{"jobname": "airworthy", "error": 0, "write": {"bw_bytes": 1404912, "iops": 343.4}}],
}
NOTE = "note: both iodepth >= 1 and synchronous I/O engine are selected, queue depth will be capped at 1\n"


class Host(LocalHost):
    """This machine, with what fio says and how much room there is told."""

    def __init__(self, *outputs: str, free: int = 1 << 40) -> None:
        super().__init__()
        self.outputs = list(outputs)
        self.free = free
        self.asked: list[tuple[str, ...]] = []

    def run(self, *argv: str, timeout: float = 0) -> Completed:
        del timeout
        self.asked.append(argv)
        if not self.outputs:
            raise HostError(f"{argv[0]} is not installed")
        return Completed(0, self.outputs.pop(0), "")

    def space(self, path: str) -> Space:
        del path
        return Space(1 << 41, self.free, None, read_only=False)


def test_fio(tmp_path: Path) -> None:
    host = Host(NOTE + json.dumps(READ), json.dumps(WRITE))
    fact = storage.measure(host, str(tmp_path))
    assert fact == Known(StorageSpeed(path=str(tmp_path), read=807_000_019, writes=343, by="fio"), f"fio in {tmp_path}")
    assert "--unlink=0" in host.asked[0]
    assert "--unlink=1" in host.asked[1]


@pytest.mark.parametrize(
    "outputs",
    [(), ("",), (json.dumps(READ),), (json.dumps(READ), "{}"), (json.dumps(WRITE), json.dumps(WRITE)), ("{",)],
)
def test_without_fio_a_file_of_our_own(tmp_path: Path, outputs: tuple[str, ...]) -> None:
    fact = storage.measure(Host(*outputs), str(tmp_path), size=1 << 22, seconds=0.05)
    assert isinstance(fact, Known)
    assert fact.value.by == "airworthy"
    assert fact.value.read > 1_000_000
    assert fact.value.writes > 0
    assert not list(tmp_path.iterdir())


def test_little_room(tmp_path: Path) -> None:
    fact = storage.measure(Host(free=1 << 20), str(tmp_path))
    assert isinstance(fact, Unknown)
    assert "1.0 MiB are free" in fact.reason


def test_a_folder_that_takes_no_file() -> None:
    fact = storage.measure(Host(), "/proc", seconds=0.05)
    assert isinstance(fact, Unknown)
    assert fact.reason.startswith("/proc: ")


def test_a_file_system_without_direct_access(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(storage, "_DIRECT", 0)
    fact = storage.measure(Host(), str(tmp_path), size=1 << 22, seconds=0.05)
    assert isinstance(fact, Known)
    assert fact.value.cached

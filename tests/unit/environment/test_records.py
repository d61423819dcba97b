"""Files compared with the records of their packages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.packages import RecordsChecked
from airworthy.probes.python.descriptions import read_installed
from airworthy.probes.python.elsewhere import host_of
from airworthy.probes.python.records import check_records, parse_record
from environments import package, write

FILES = {"x/__init__.py": b"import os\n", "x/big.bin": bytes(100_000), 'x/a "quoted", name.py': b"1"}


def check(site: Path) -> RecordsChecked:
    host = host_of(site)
    return check_records(host, read_installed(host).packages)


def test_all_as_recorded(tmp_path: Path) -> None:
    del_quoted = {name: data for name, data in FILES.items() if '"' not in name}
    write(tmp_path, package("x"), del_quoted)
    found = check(tmp_path)
    assert (found.packages, found.files, found.faults) == (1, 2, ())


def test_a_patched_file_of_the_same_length(tmp_path: Path) -> None:
    info = write(tmp_path, package("x"), {"x/__init__.py": b"import os\n"})
    (tmp_path / "x/__init__.py").write_bytes(b"import io\n")
    os.utime(info / "RECORD", (1, 1))
    (fault,) = check(tmp_path).faults
    assert (fault.kind, fault.later, fault.package) == ("changed", True, "x")


def test_a_record_that_its_publisher_got_wrong(tmp_path: Path) -> None:
    """The file is older than the record: it was not written after the installation."""
    write(tmp_path, package("x"), {"x/__init__.py": b"import os\n"})
    (tmp_path / "x/__init__.py").write_bytes(b"import os, io\n")
    os.utime(tmp_path / "x/__init__.py", (1, 1))
    (fault,) = check(tmp_path).faults
    assert (fault.kind, fault.later) == ("changed", False)
    assert "14 bytes" in fault.detail


def test_a_missing_file_and_a_shared_one(tmp_path: Path) -> None:
    write(tmp_path, package("one"), {"same.py": b"1", "gone.py": b"2"})
    write(tmp_path, package("two"), {"same.py": b"3"})
    (tmp_path / "gone.py").unlink()
    kinds = {(fault.package, fault.kind) for fault in check(tmp_path).faults}
    assert kinds == {("one", "missing"), ("one", "changed"), ("two", "shared")}


def test_no_record_and_one_that_proves_nothing(tmp_path: Path) -> None:
    (write(tmp_path, package("none")) / "RECORD").unlink()
    info = write(tmp_path, package("weak"), {"weak.py": b"1"})
    (info / "RECORD").write_text("weak.py,md5=xx,1\n")
    assert {(fault.package, fault.kind) for fault in check(tmp_path).faults} == {
        ("none", "no-record"),
        ("weak", "bad-record"),
    }


@pytest.mark.parametrize(
    "text", ["", "a", "a,b", "a,sha256=,x", '"a,b",sha256=c,3', "\0", "a,,,,,,", "../../x,sha256=a,"]
)
def test_odd_records(text: str) -> None:
    assert all(row.path.startswith("/") for row in parse_record(text, "/site"))


@given(st.text(max_size=400))
def test_any_record(text: str) -> None:
    try:
        rows = parse_record(text, "/site")
    except ValueError:
        return
    assert all(isinstance(row.size, (int, type(None))) for row in rows)

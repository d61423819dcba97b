"""Private files: whole or not at all, for their owner only, and never through a link."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from airworthy.state.files import private_directory, private_file, read_private, write_private

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="permissions and links of POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_its_owners_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        private_directory(tmp_path / "a" / "b")
        private_file(tmp_path / "a" / "b" / "empty")
        write_private(tmp_path / "a" / "b" / "full", b"x")
    finally:
        os.umask(old)
    assert mode(tmp_path / "a" / "b") == 0o700
    assert mode(tmp_path / "a" / "b" / "empty") == 0o600
    assert mode(tmp_path / "a" / "b" / "full") == 0o600


def test_a_file_with_wide_permissions_is_narrowed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"kept")
    path.chmod(0o644)
    private_file(path)
    assert mode(path) == 0o600
    assert path.read_bytes() == b"kept"


def test_a_directory_that_every_user_writes_to_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(PermissionError, match="chmod o-w"):
        private_directory(shared)
    shared.chmod(0o1777)  # as /tmp: nobody replaces another's files
    private_directory(shared)


def test_links_are_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"theirs")
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(OSError, match="symbolic link"):
        read_private(link, 100)
    with pytest.raises(OSError, match="symbolic link"):
        private_file(link)
    write_private(link, b"ours")
    assert not link.is_symlink()
    assert (link.read_bytes(), target.read_bytes()) == (b"ours", b"theirs")


def test_a_dangling_link_makes_no_file(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        private_file(link)
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match="no regular file"):
            read_private(path, 100)


def test_no_more_is_read_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(11))
    assert read_private(path, 11) == bytes(11)
    with pytest.raises(OSError, match="more than 10 B"):
        read_private(path, 10)


def test_another_users_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"theirs")
    other = os.getuid() + 1
    monkeypatch.setattr("os.getuid", lambda: other)
    with pytest.raises(PermissionError, match="another user"):
        read_private(path, 100)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync" if failing == "fsync" else "pathlib.Path.replace", full)
        with pytest.raises(OSError, match="No space left"):
            write_private(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_synced_before_its_name_and_the_directory_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        order.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def replaced(self: Path, target: Path) -> Path:
        order.append("rename")
        return replace(self, target)

    monkeypatch.setattr("os.fsync", synced)
    monkeypatch.setattr("pathlib.Path.replace", replaced)
    write_private(tmp_path / "x", b"1")
    assert order == ["file", "rename", "directory"]
    order.clear()
    write_private(tmp_path / "x", b"2", durable=False)
    assert order == ["rename"]

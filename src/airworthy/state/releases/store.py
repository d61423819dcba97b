"""The files of releases: each content once, under its SHA-256; each release a folder of hard links to them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from airworthy.core.messages import say
from airworthy.state.disk import DISK, DiskOperations
from airworthy.state.errors import StateBusy
from airworthy.state.files import private_directory, private_file
from airworthy.state.releases.errors import ReleaseDamaged, SourceChanged, SourceUnusable
from airworthy.state.releases.manifest import ReleaseFile, ReleaseManifest, is_digest, top_parts

LOCK_TIMEOUT_S = 30.0
"""Seconds that an addition waits for a clean-up, or a clean-up for additions."""
_LOCK_POLL_S = 0.02
_CHUNK = 1 << 20
_MAKING = ".making-"


class ReleaseStore:
    """The store in one state directory."""

    def __init__(self, directory: Path, disk: DiskOperations = DISK) -> None:
        """Name it; nothing is made.

        Args:
            directory: the state directory.
            disk: the file system.
        """
        self._disk = disk
        self.root = directory / "store"
        """Where it lies."""
        self._incoming = self.root / "incoming"
        self._blobs = self.root / "sha256"
        self._trees = self.root / "releases"

    # --- locks ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self, *, exclusive: bool = False) -> Iterator[None]:
        """Keep a clean-up from removing what an addition has just brought, for the length of a block.

        Args:
            exclusive: whether this is the clean-up.

        Raises:
            StateBusy: it stayed locked for too long.
            OSError: the store can't be made.
        """
        private_directory(self.root)
        path = self.root / "lock"
        private_file(path)
        with path.open("rb+") as stream:
            if sys.platform != "win32":
                import fcntl

                _lock(stream.fileno(), fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, path)
            yield

    # --- files ----------------------------------------------------------------------------------------------------

    def put(self, source: Path, path: str) -> tuple[ReleaseFile, str]:
        """Keep the content of a file.

        Args:
            source: the file; it is read, and never changed.
            path: its path within the release.

        Returns:
            The file of the manifest, and how its content came here: `clone`, `link`, `copy`; `kept` where it was here.

        Raises:
            SourceChanged: it was written to meanwhile.
            OSError: it can't be read, or there is no room.
        """
        disk = self._disk
        disk.make_directory(self._incoming)
        temporary = self._incoming / secrets.token_hex(16)
        try:
            method = disk.take(source, temporary)
            digest, size = file_digest(temporary)
            disk.sync(temporary)
            target = self._blob(digest)
            if target.exists() and (target.samefile(temporary) or file_digest(target) == (digest, size)):
                return ReleaseFile(path, digest, size), "kept"
            disk.make_directory(target.parent)
            disk.rename(temporary, target)
            disk.sync_directory(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
        return ReleaseFile(path, digest, size), method

    def _blob(self, digest: str) -> Path:
        if not is_digest(digest):
            raise ReleaseDamaged(name=digest[:64], problem=say("it names a file by {digest!r}", digest=digest[:64]))
        return self._blobs / digest[:2] / digest

    # --- folders ---------------------------------------------------------------------------------------------------

    def tree(self, name: str, version: int) -> Path:
        """The folder of a release."""
        return self._trees / name / str(version)

    def served_path(self, manifest: ReleaseManifest) -> Path:
        """The file or folder of a release that is served."""
        tree = self.tree(manifest.name, manifest.version)
        return tree if manifest.path == "." else tree / manifest.path

    def build(self, name: str, files: Sequence[ReleaseFile]) -> Path:
        """Make the folder of a release under a passing name, durable once this returns.

        Raises:
            ReleaseDamaged: a content is not here.
        """
        disk = self._disk
        tree = self._trees / name / f"{_MAKING}{secrets.token_hex(8)}"
        disk.make_directory(tree)
        folders = [tree / part for part in top_parts([file.path for file in files])]
        for folder in folders:
            disk.make_directory(folder)
        for file in files:
            if not self._blob(file.digest).is_file():
                raise ReleaseDamaged(name=name, problem=say("{path} is not in the store", path=file.path))
            disk.link(self._blob(file.digest), tree / file.path)
        for folder in [*reversed(folders), tree]:
            disk.sync_directory(folder)
        return tree

    def name_tree(self, made: Path, version: int) -> None:
        """Give a folder that `build` made its name; one that an addition left which never ended goes."""
        target = made.parent / str(version)
        self._disk.remove_tree(target)
        self._disk.rename(made, target)
        self._disk.sync_directory(target.parent)
        self._disk.sync_directory(self._trees)
        self._disk.sync_directory(self.root)

    def ensure(self, manifest: ReleaseManifest) -> Path:
        """The file or folder to serve; a folder that is missing is made again from the store.

        Raises:
            ReleaseDamaged: a file is missing or has another size.
        """
        tree = self.tree(manifest.name, manifest.version)
        if not tree.is_dir():
            with self.locked():
                self.name_tree(self.build(manifest.name, manifest.files), manifest.version)
        problems = self.problems(manifest)
        if problems:
            raise ReleaseDamaged(name=manifest.title, problem=problems[0])
        return self.served_path(manifest)

    def problems(self, manifest: ReleaseManifest, *, deep: bool = False) -> list[str]:
        """What of a release is not as it was added.

        Args:
            manifest: the release.
            deep: whether every byte is read; else sizes alone are compared.
        """
        tree = self.tree(manifest.name, manifest.version)
        return [problem for file in manifest.files if (problem := _problem(tree / file.path, file, deep=deep))]

    # --- clean-up ---------------------------------------------------------------------------------------------------

    def collect(self, live: Sequence[ReleaseManifest], *, dry_run: bool = False) -> tuple[int, int]:
        """Remove what no release needs: contents, folders, and what additions left that never ended.

        Args:
            live: the releases that are kept; the caller has locked the store.
            dry_run: whether it is only counted.

        Returns:
            Contents that went, and bytes that they had.
        """
        digests = {file.digest for manifest in live for file in manifest.files}
        trees = {self.tree(manifest.name, manifest.version) for manifest in live}
        for tree in list(self._trees.glob("*/*")):
            if tree not in trees and not dry_run:
                self._disk.remove_tree(tree)
        for left in list(self._incoming.glob("*")):
            if not dry_run:
                self._disk.remove(left)
        count = freed = 0
        for blob in list(self._blobs.glob("*/*")):
            if blob.name in digests:
                continue
            count += 1
            freed += blob.stat().st_size
            if not dry_run:
                self._disk.remove(blob)
        return count, freed


def _problem(path: Path, file: ReleaseFile, *, deep: bool) -> str:
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return say("{path} is no regular file", path=file.path)
        if status.st_size != file.size:
            return say("{path} has {size} bytes, not {was}", path=file.path, size=status.st_size, was=file.size)
        if deep and file_digest(path)[0] != file.digest:
            return say("{path} has another content", path=file.path)
    except OSError as error:
        return say("{path}: {reason}", path=file.path, reason=error.strerror)
    return ""


def file_digest(path: Path) -> tuple[str, int]:
    """SHA-256 and size of a file.

    Raises:
        SourceChanged: it was written to meanwhile.
        OSError: it can't be read.
    """
    with path.open("rb") as stream:
        before = os.fstat(stream.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise SourceUnusable(path=path, reason=say("it is no regular file"))
        made = hashlib.sha256()
        buffer = memoryview(bytearray(_CHUNK))
        left = before.st_size
        # A file that grows while it is read would be read without an end.
        while left >= 0 and (count := stream.readinto(buffer)):
            made.update(buffer[:count])
            left -= count
        after = os.fstat(stream.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise SourceChanged(path=path)
    return made.hexdigest(), after.st_size


def _lock(descriptor: int, kind: int, path: Path) -> None:
    end = time.monotonic() + LOCK_TIMEOUT_S
    while not _try_lock(descriptor, kind):
        if time.monotonic() > end:
            raise StateBusy(path=path, seconds=LOCK_TIMEOUT_S)
        time.sleep(_LOCK_POLL_S)


def _try_lock(descriptor: int, kind: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

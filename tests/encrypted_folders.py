"""What tests of encryption encrypt, damage and compare."""

from __future__ import annotations

import shutil
from pathlib import Path


def three_files(root: Path) -> Path:
    """A folder of two files of three chunks each, and an empty one."""
    folder = root / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.bin").write_bytes(bytes(range(256)) * 600)
    (folder / "b.bin").write_bytes(bytes(reversed(range(256))) * 600)
    (folder / "sub" / "empty").write_bytes(b"")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def to_damage(made: Path, folder: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copyfile(made, folder / made.name))

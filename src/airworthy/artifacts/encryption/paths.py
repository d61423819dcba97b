"""Paths within an encrypted model: which ones can be trusted to stay inside the folder."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

MOST_FILES = 100_000
"""Files of an encrypted model."""
MOST_PATH = 1024
"""Characters of a path."""


def unsafe(path: str) -> bool:
    """Whether a path can lead out of a folder, on any system, or is not spelled as it should."""
    windows = PureWindowsPath(path)
    return (
        not 0 < len(path) <= MOST_PATH
        or "\\" in path
        or any(ord(letter) < 32 for letter in path)
        or bool(windows.drive or windows.root)
        or PurePosixPath(path).as_posix() != path
        or path.startswith("/")
        or any(part in ("", ".", "..") for part in path.split("/"))
    )

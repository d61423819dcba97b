"""A walk over a model's folder that stays within bounds and follows no link to a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airworthy.core.values import Defect
from airworthy.core.words import say

MOST_FILES = 10_000
"""Files that are listed."""
MOST_DEPTH = 3
"""Folders below the model's that are listed."""


def walk(folder: Path) -> Iterator[Path]:
    """Files below a folder, hidden ones left out; links to files are taken, links to folders not.

    Raises:
        OSError: the folder itself can't be listed.
    """
    seen = 0
    for root, folders, names in os.walk(folder, onerror=_raise_top(folder)):
        depth = len(Path(root).relative_to(folder).parts)
        folders[:] = sorted(f for f in folders if not f.startswith(".")) if depth < MOST_DEPTH else []
        for name in sorted(names):
            if name.startswith("."):
                continue
            seen += 1
            if seen > MOST_FILES:
                return
            yield Path(root) / name


def links_out(folder: Path) -> Iterator[Defect]:
    """The symbolic links in a folder that lead out of it; those of a hub's cache, to its own blobs, are at home."""
    whole = folder.resolve()
    home = whole.parent.parent if whole.parent.name == "snapshots" else whole
    for path in walk(folder):
        if path.is_symlink() and path.exists():
            try:
                target = path.resolve()
            except (OSError, RuntimeError):  # a ring
                continue
            if not target.is_relative_to(home):
                detail = say("it is a link to {target}, outside of the folder", target=target)
                yield Defect(member=path.relative_to(folder).as_posix(), kind="link", detail=detail)


def _raise_top(folder: Path) -> Any:
    def raise_top(error: OSError) -> None:
        if error.filename == str(folder):
            raise error

    return raise_top

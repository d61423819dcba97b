"""A walk over a model's folder that stays within bounds and follows no link to a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from airworthy.core.messages import say
from airworthy.core.values import Defect

MOST_FILES = 10_000
"""Files that are listed."""
MOST_DEPTH = 3
"""Folders below the model's that are listed."""


def names(folder: Path) -> list[str]:
    """Paths of the files below a folder, relative to it, with slashes, sorted; hidden ones left out.

    Links to files are taken, links to folders not.

    Raises:
        OSError: the folder itself can't be listed.
    """
    found: list[str] = []
    pending = [("", str(folder), 0)]
    while pending and len(found) < MOST_FILES:
        prefix, place, depth = pending.pop(0)
        try:
            with os.scandir(place) as entries:
                here = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError:
            if not prefix:
                raise
            continue
        for name, is_folder in here:
            if name.startswith("."):
                continue
            if is_folder:
                if depth < MOST_DEPTH:
                    pending.append((f"{prefix}{name}/", f"{place}/{name}", depth + 1))
            elif not (os.path.islink(f"{place}/{name}") and os.path.isdir(f"{place}/{name}")):  # noqa: PTH112, PTH114
                found.append(f"{prefix}{name}")
    return sorted(found[:MOST_FILES], key=lambda name: (name.count("/"), name))


class Listing(NamedTuple):
    """All files below a folder, hidden ones included."""

    names: list[str]
    """Paths relative to it, with slashes."""
    left_out: list[str]
    """Why there may be more, one line each."""


MOST_ENTRIES = 50_000
"""Files of one folder that are listed, however deep they lie."""
_VERSION_CONTROL = ".git"


def every_name(folder: Path, named: list[str]) -> Listing:
    """All files below a folder, and why some are left out; a repository's own `.git` is none of its content.

    Args:
        folder: where to begin.
        named: folders that the model's own files name, which are listed whatever they are called.
    """
    found: list[str] = []
    left_out: list[str] = []
    skipped = {_VERSION_CONTROL} - {name.partition("/")[0] for name in named}
    pending = [("", str(folder))]
    while pending:
        prefix, place = pending.pop()
        try:
            with os.scandir(place) as entries:
                here = [(entry.name, entry.is_dir(follow_symlinks=False), entry.is_symlink()) for entry in entries]
        except OSError as error:
            reason = error.strerror or str(error)
            left_out.append(say("{file} cannot be read: {problem}", file=prefix or ".", problem=reason))
            continue
        for name, is_folder, is_link in here:
            if is_folder:
                if prefix or name not in skipped:
                    pending.append((f"{prefix}{name}/", f"{place}/{name}"))
            elif is_link and os.path.isdir(f"{place}/{name}"):  # noqa: PTH112 - many files, few links
                left_out.append(say("{file} is a link to a folder, which is not followed", file=f"{prefix}{name}"))
            elif not is_link or os.path.exists(f"{place}/{name}"):  # noqa: PTH110
                found.append(f"{prefix}{name}")
        if len(found) + len(pending) > MOST_ENTRIES:
            left_out.append(say("there are more than {count} files in the folder", count=MOST_ENTRIES))
            break
    return Listing(sorted(found[:MOST_ENTRIES], key=lambda name: (name.count("/"), name)), left_out)


def walk(folder: Path) -> Iterator[Path]:
    """The files below a folder, as `names` gives them."""
    return (folder / name for name in names(folder))


def links_out(folder: Path) -> Iterator[Defect]:
    """The symbolic links in a folder that lead out of it; those of a hub's cache, to its own blobs, are at home."""
    whole = folder.resolve()
    home = whole.parent.parent if whole.parent.name == "snapshots" else whole
    for name in names(folder):
        if os.path.islink(f"{folder}/{name}"):  # noqa: PTH114 - many files, few links
            path = folder / name
            if not path.exists():
                continue
            try:
                target = path.resolve()
            except (OSError, RuntimeError):  # a ring
                continue
            if not target.is_relative_to(home):
                detail = say("it is a link to {target}, outside of the folder", target=target)
                yield Defect(member=name, kind="link", detail=detail)

"""The files of a model that is to become a release."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.state.releases.errors import SourceUnusable

MAX_FILES = 10_000
"""Files of one release."""
_LEFT_OUT = ".git"
"""Names that begin so are of a repository, not of a model; signatures leave them out as well."""


class SourceFiles(NamedTuple):
    """The files of a model."""

    base: Path
    """The folder that their paths start at."""
    paths: tuple[str, ...]
    """Their paths below it, with `/` between the parts, sorted."""
    served: str
    """The path to serve: one of them, or `.` for the folder."""


def source_files(path: Path, model: ModelInfo) -> SourceFiles:
    """The files of a model: all of a folder; of a file also those that it reads, and its signature.

    Raises:
        SourceUnusable: there are too many, or one is neither a regular file nor a link to one.
    """
    if path.is_dir():
        return SourceFiles(path, tuple(sorted(_walk(path))), ".")
    beside = [path.parent / file.path for file in model.files] + [path.with_name(f"{path.name}.sig")]
    if model.tokenizer:
        beside.append(Path(model.tokenizer))
    found = sorted({path.absolute(), *(each.absolute() for each in beside if each.is_file())})
    base = Path(os.path.commonpath([each.parent for each in found]))
    relative = {each: each.relative_to(base).as_posix() for each in found}
    for each in found:
        _check(each)
    return SourceFiles(base, tuple(sorted(relative.values())), relative[path.absolute()])


def _walk(folder: Path) -> list[str]:
    found: list[str] = []
    for parent, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(_LEFT_OUT)]
        for name in folders:
            if Path(parent, name).is_symlink():
                raise SourceUnusable(path=Path(parent, name), reason=say("it is a link to a folder"))
        for name in names:
            if name.startswith(_LEFT_OUT):
                continue
            path = Path(parent, name)
            _check(path)
            found.append(path.relative_to(folder).as_posix())
            if len(found) > MAX_FILES:
                raise SourceUnusable(path=folder, reason=say("it holds more than {most} files", most=MAX_FILES))
    return found


def _unreadable(error: OSError) -> None:
    raise SourceUnusable(path=error.filename, reason=error.strerror or str(error))


def _check(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise SourceUnusable(path=path, reason=error.strerror or str(error)) from None
    if not stat.S_ISREG(mode):
        raise SourceUnusable(path=path, reason=say("it is no regular file"))
    if "\\" in path.name or "\n" in path.name:
        raise SourceUnusable(path=path, reason=say("its name holds a backslash or a line break"))

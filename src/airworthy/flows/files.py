"""Reading what a command line names and writing what it asks for, with one clear error when that fails."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from airworthy.core.errors import AirworthyError, InputNotFound, InputUnreadable
from airworthy.core.messages import say

STANDARD_INPUT = "-"
"""The path that means standard input."""
MOST_INPUT = 64 * 1024 * 1024
"""Bytes of an input that are taken; facts and settings are far smaller."""


class InputTooLarge(AirworthyError):
    """An input that is larger than anything of its kind."""

    code = "input-too-large"
    message = "{path} holds more than {limit:bytes}"
    hint = "check that it is the file that was meant; of a long log the last part is enough: `tail -c 10M`"


class OutputFailed(AirworthyError):
    """A file that could not be written."""

    code = "output-failed"
    message = "{path} cannot be written: {reason}"
    hint = "choose a directory that exists, has room, and that this user may write to"


class OutputExists(AirworthyError):
    """A file or folder that would be overwritten."""

    code = "output-exists"
    message = "{path} exists already"
    hint = "choose another name, or give --force to replace it"


def read(path: str, limit: int = MOST_INPUT) -> bytes:
    """The bytes of a file, or of standard input for `-`.

    Raises:
        InputNotFound: there is no such file.
        InputUnreadable: it can't be read.
        InputTooLarge: it is over the limit.
    """
    try:
        if path == STANDARD_INPUT:
            data = standard_input().read(limit + 1)
        else:
            with Path(path).open("rb") as stream:
                data = stream.read(limit + 1)
    except FileNotFoundError:
        raise InputNotFound(path=path, cwd=Path.cwd()) from None
    except (OSError, ValueError) as error:
        raise InputUnreadable(path=path, reason=reason(error)) from None
    if len(data) > limit:
        raise InputTooLarge(path=path, limit=limit)
    return data


@contextlib.contextmanager
def model_path(path: str | Path) -> Iterator[Path]:
    """The path of a model that exists; standard input is kept in a temporary file while the block runs.

    Raises:
        InputNotFound: there is nothing at that path.
        InputUnreadable: what is there can't be inspected.
        OutputFailed: there is no room to keep standard input.
    """
    if str(path) != STANDARD_INPUT:
        try:
            Path(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            from airworthy.artifacts.remote_names import not_found

            raise not_found(path) from None
        except (OSError, ValueError) as error:
            raise InputUnreadable(path=path, reason=reason(error)) from None
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        kept = Path(folder) / "standard-input"
        try:
            with kept.open("wb") as stream:
                shutil.copyfileobj(standard_input(), stream)
        except OSError as error:
            raise OutputFailed(path=kept, reason=reason(error)) from None
        yield kept


def standard_input() -> BinaryIO:
    """The bytes of standard input.

    Raises:
        InputUnreadable: the parent process closed it.
    """
    if sys.stdin is None:
        raise InputUnreadable(path=STANDARD_INPUT, reason=say("standard input is closed"))
    return sys.stdin.buffer


def nearest(name: str, beside: str | Path | None = None, *, folder: bool = False) -> Path | None:
    """A file, or a folder, of this name beside a model or in the nearest folder above it.

    Args:
        name: what it is called.
        beside: the model; the working directory without one, and for standard input.
        folder: whether a folder is wanted.
    """
    start = Path.cwd() if beside is None or str(beside) == STANDARD_INPUT else Path(beside).absolute()
    for above in (start, *start.parents):
        with contextlib.suppress(OSError, ValueError):  # a folder that may not be read holds none
            if (above / name).is_dir() if folder else (above / name).is_file():
                return above / name
    return None


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner reads, whole or not at all.

    Raises:
        OutputFailed: it could not be written; what was there before is still there.
    """
    from airworthy.state import files

    try:
        files.write_private(path, data)
    except (OSError, ValueError) as error:
        raise OutputFailed(path=path, reason=reason(error)) from None


def output_path(path: str | Path) -> Path:
    """A path to write to.

    Raises:
        OutputFailed: no file system takes such a name.
    """
    if "\0" in str(path):
        raise OutputFailed(path=repr(str(path)), reason=say("a name cannot hold a NUL character"))
    return Path(path)


def reason(error: Exception) -> str:
    """Why the system refused, without the path that is reported anyway."""
    return (isinstance(error, OSError) and error.strerror) or str(error)

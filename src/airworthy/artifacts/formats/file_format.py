"""The base of formats that are single files: what all of them do before they read, and what they say alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.formats.interface import HEAD
from airworthy.artifacts.inspection import files_of, name_of
from airworthy.artifacts.placeholders import inspect_stand_in
from airworthy.core.model import Inspection, ModelInfo


class FileFormat:
    """A format of single files. It holds no state and executes nothing of what it reads."""

    name = ""
    suffixes: tuple[str, ...] = ()
    folder = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the content is of this format, by its first bytes alone where they suffice; never raises."""
        raise NotImplementedError

    def inspect(self, path: Path) -> Inspection:
        """Say what a file holds, unless something else lies in its place: nothing, a pointer, a saved error page.

        Raises:
            OSError: it could not be read at all.
        """
        with Source(path) as source:
            head = source.read(0, HEAD)
            if not self.is_own(path, head) and (stand_in := inspect_stand_in(path, head, self.name)) is not None:
                return stand_in
            return self.read(path, source, head)

    def is_own(self, path: Path, head: bytes) -> bool:
        """Whether first bytes that look like those of something else are this format's all the same."""
        return False

    def read(self, path: Path, source: Source, head: bytes) -> Inspection:
        """Say what a file holds, reading as little as that takes.

        Args:
            path: the file.
            source: the file, open.
            head: its first bytes.

        Raises:
            OSError: it could not be read at all.
        """
        raise NotImplementedError

    def model(self, path: Path, **more: Any) -> ModelInfo:
        """A file's name, place, format and size, with what else was found of `ModelInfo`."""
        given = {
            "name": name_of(path),
            "path": str(path.absolute()),
            "format": self.name,
            "entry": str(path.absolute()),
            "files": files_of(path.parent, [(path, self.name)]),
        }
        return ModelInfo(**given | more)


def goes_on(path: Path, holds: Callable[[Source], bool]) -> bool:
    """Whether a file is of a format that its first bytes leave open: one with a directory at its end, or a message.

    Args:
        path: the file.
        holds: decides from the open file.
    """
    try:
        with Source(path) as source:
            return holds(source)
    except OSError:
        return False

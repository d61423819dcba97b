"""Environments other than this program's own: an interpreter, a virtual environment, a folder of packages."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from airworthy.core.errors import AirworthyError
from airworthy.probes.seam.host import Interpreter
from airworthy.probes.seam.local import LocalHost


class NotAnEnvironment(AirworthyError):
    """A path that holds no Python environment."""

    code = "not-an-environment"
    message = "{path} is no Python environment: {reason}"
    hint = "give a virtual environment, an interpreter, or a folder with .dist-info folders in it"


class FolderHost(LocalHost):
    """This machine with a folder of packages as the whole import path, judged for the running interpreter."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def interpreter(self) -> Interpreter:
        """The running interpreter's version with the folder as its import path."""
        version = ".".join(str(number) for number in sys.version_info[:3])
        return Interpreter(version, "python", str(self._folder), (str(self._folder),))


def host_of(environment: str | Path | None) -> LocalHost:
    """The host whose inspected interpreter is that of an environment; this program's own for None.

    Raises:
        NotAnEnvironment: the path leads nowhere or holds no environment.
    """
    if environment is None:
        return LocalHost()
    path = Path(environment)
    try:
        if path.is_file():
            if not os.access(path, os.X_OK):
                raise NotAnEnvironment(path=path, reason="it is a file that cannot be run")
            return LocalHost(str(path.absolute()))
        if not path.is_dir():
            raise NotAnEnvironment(path=path, reason="it does not exist")
        for candidate in ("bin/python", "Scripts/python.exe", "python.exe"):
            if (path / candidate).is_file():
                return LocalHost(str((path / candidate).absolute()))
        if any(path.glob("*.dist-info")) or any(path.glob("*.egg-info")):
            return FolderHost(path.absolute())
    except OSError as error:
        raise NotAnEnvironment(path=path, reason=error.strerror or str(error)) from None
    raise NotAnEnvironment(path=path, reason="it has no bin/python and no .dist-info folder")

"""Errors that end a command or a request: a code, a message template, its parameters, and the way out.

They cross processes as `{code, params}`; the text is made where it is shown.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar

from airworthy.core.messages import say


class Exit(IntEnum):
    """The exit statuses of the command line."""

    OK = 0
    """No finding at or above `--fail-on`."""
    FINDINGS = 1
    """At least one finding at or above `--fail-on`."""
    USAGE = 2
    """The command line, a setting or an input could not be read."""
    BUG = 3
    """An internal error; the text asks for a report."""
    INCOMPLETE = 4
    """A check crashed, or was skipped under `--strict`."""
    INTERRUPTED = 130
    """Ctrl-C."""


class AirworthyError(Exception):
    """An expected failure with a code, a message and the way out. The base of all our errors."""

    code: ClassVar[str] = "error"
    """A stable name for programs; kebab-case."""
    message: ClassVar[str] = "{detail}"
    """The template of the message."""
    hint: ClassVar[str] = ""
    """The template of the way out; it uses the same parameters."""
    exit: ClassVar[Exit] = Exit.USAGE
    """The exit status of the command that this error ends."""

    def __init__(self, **params: Any) -> None:
        self.params = params
        super().__init__(self.text)

    @property
    def text(self) -> str:
        """The message, filled in."""
        return say(self.message, **self.params)

    @property
    def way_out(self) -> str:
        """What the reader can do about it, filled in; empty when there is nothing to add."""
        return say(self.hint, **self.params) if self.hint else ""


class InputNotFound(AirworthyError):
    """A path that leads nowhere."""

    code = "input-not-found"
    message = "{path} does not exist"
    hint = "check the spelling; relative paths start at {cwd}"


class NotLocal(InputNotFound):
    """A name of a model elsewhere where a local path is taken."""

    code = "not-local"
    message = "{path} is not a local path, and models are not downloaded"
    hint = "fetch it first, then name the folder: {command}"


class InputUnreadable(AirworthyError):
    """A file that exists and can't be read."""

    code = "input-unreadable"
    message = "{path} cannot be read: {reason}"
    hint = "run `ls -l {path}` and give this user read permission"


class NotAModel(AirworthyError):
    """A file or folder in which no model format was recognised."""

    code = "not-a-model"
    message = "{path} holds no model that airworthy recognises ({reason})"
    hint = "give a model file or a folder with one; recognised formats: {formats}"


class SettingInvalid(AirworthyError):
    """A setting that does not exist or has a value of the wrong kind."""

    code = "setting-invalid"
    message = "{source}: {problem}"
    hint = "{suggestion}"


class ExtraMissing(AirworthyError):
    """A job needs an optional library that isn't installed."""

    code = "extra-missing"
    message = "{job} needs {library}, which is not installed"
    hint = "pip install 'airworthy[{extra}]'"


class UnknownName(AirworthyError):
    """A name that a registry does not hold."""

    code = "unknown-name"
    message = "there is no {kind} named {name!r}"
    hint = "{suggestion}"

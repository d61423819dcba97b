"""Writing a verb's answer to standard output, in the form that the reader can take, and messages to standard error."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, TextIO

from airworthy.core.messages import say
from airworthy.core.report import AnyReport, Report, VerbAnswer
from airworthy.core.settings import CheckSettings
from airworthy.flows.files import OutputFailed, reason
from airworthy.report.interface import RenderOptions

if TYPE_CHECKING:
    from airworthy.causes.catalogue import Catalogue


def to_terminal(*, stderr: bool = False) -> bool:
    """Whether standard output, or standard error, is a terminal that a person reads."""
    stream = sys.stderr if stderr else sys.stdout
    if stream is None:  # closed by the parent process
        return False
    try:
        return stream.isatty()
    except ValueError:  # closed since
        return False


def render_options(
    *, verbose: bool = False, no_color: bool = False, catalogue: Catalogue | None = None, stderr: bool = False
) -> RenderOptions:
    """What a renderer may know of standard output or error; `NO_COLOR` and a dumb terminal turn colour off."""
    terminal = to_terminal(stderr=stderr)
    dumb = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    width = shutil.get_terminal_size((80, 24)).columns if terminal else 80
    return RenderOptions(
        verbose=verbose,
        terminal=terminal,
        color=terminal and not no_color and not dumb,
        width=width,
        catalogue=catalogue,
    )


def show(report: AnyReport, format_: str, options: RenderOptions) -> None:
    """Write a report."""
    from airworthy.report.registry import FORMATS

    emit(FORMATS.get(format_)(report, options), document=format_ != "text")


def show_answer(verb: str, subject: str, answer: VerbAnswer, format_: str, options: RenderOptions) -> None:
    """Write the answer of a verb that makes no checks, through the same formats as any report."""
    show(Report(verb=verb, subject=subject, answer=answer), format_, options)


def finish(report: AnyReport, format_: str, options: RenderOptions, judged: CheckSettings) -> int:
    """Write a report and return its exit status, which must not depend on whether anyone read it."""
    show(report, format_, options)
    return report.exit_status(judged.fail_on, judged.strict)


def emit(text: str, *, document: bool = False) -> None:
    """Write to standard output; a reader that has gone away is no error.

    Args:
        text: what to write.
        document: whether it is for a program; then it is UTF-8 whatever the locale says.

    Raises:
        OutputFailed: the disk behind it is full, or the like.
    """
    if sys.stdout is None:  # closed by the parent process: nothing reads the answer, the exit status still stands
        return
    encoding = "utf-8" if document else sys.stdout.encoding or "utf-8"
    data = text.encode(encoding, "strict" if document else "backslashreplace")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _close_quietly(sys.stdout)
    except OSError as error:
        _close_quietly(sys.stdout)
        raise OutputFailed(path=say("standard output"), reason=reason(error)) from None


def tell(*rows: str, document: bool = False) -> None:
    """Write lines to standard error. Nothing fails where no process reads them: the exit status still reports.

    Args:
        rows: what to write, without the line feed at the end.
        document: whether it is for a program; then it is UTF-8 whatever the locale says.
    """
    stream = sys.stderr
    if stream is None:  # closed by the parent process
        return
    encoding = "utf-8" if document else stream.encoding or "utf-8"
    try:
        stream.flush()
        stream.buffer.write("".join(f"{row}\n" for row in rows).encode(encoding, "backslashreplace"))
        stream.buffer.flush()
    except BrokenPipeError:
        _close_quietly(stream)
    except (OSError, ValueError):
        return


def _close_quietly(stream: TextIO) -> None:
    # What is still buffered would raise again when the interpreter closes: point the descriptor to nowhere.
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return

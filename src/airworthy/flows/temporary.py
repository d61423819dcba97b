"""A service for the length of a block, in a process of its own."""

from __future__ import annotations

import contextlib
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import Report
from airworthy.core.settings import Settings
from airworthy.flows.answers.serving import ServingAnswer
from airworthy.flows.settings import load

CHECKS_S = 30.0
"""Seconds that the service gets for its checks, beside the settings' time to load a model."""
STOP_S = 20.0
"""Seconds that it gets to end."""
_SERVING = re.compile(r"^\s+serving\s+(http://\S+)")


class NotServed(AirworthyError):
    """The service did not start."""

    code = "not-served"
    message = "{model} could not be served: {problem}{said}"
    hint = "end that first; `airworthy up {model}` shows it alone"
    exit = Exit.FINDINGS


class TemporaryService(NamedTuple):
    """A service that was started, or the reason why not."""

    url: str
    """Its URL; empty where a check blocks the model."""
    report: Report[ServingAnswer] | None = None
    """What the checks said; None where none were made, for the URL of a service that runs already."""
    status: Exit = Exit.OK
    """The exit status of a command that ends because of the checks."""


@contextlib.contextmanager
def checked_serving(target: str, progress: Progress = SILENT) -> Iterator[TemporaryService]:
    """A service: the one whose URL is given, or one for a model that is checked first, with the settings beside it.

    Raises:
        InputNotFound, NotAModel, NoEngine, SettingInvalid, DoesNotFit: as `up` does.
        NotServed: the service did not become ready.
    """
    if "://" in target:
        yield TemporaryService(target)
        return
    from airworthy.flows.up import prepare

    settings = load(target)
    prepared = prepare(target, settings=settings, check_port=False, progress=progress)
    status = prepared.report.exit_status(settings.check.fail_on, settings.check.strict)
    if prepared.plan is None or status is not Exit.OK:
        yield TemporaryService("", prepared.report, status)
        return
    progress.stage(say("loading the model"))
    with serving(target, settings) as url:
        yield TemporaryService(url, prepared.report)


@contextlib.contextmanager
def serving(model: str, settings: Settings | None = None) -> Iterator[str]:
    """Serve a model on a free port of this machine; its URL. The service ends with the block, and with this process.

    Args:
        model: a model file or folder.
        settings: how long it may take to load; those beside the model by default.

    Raises:
        NotServed: it did not become ready.
    """
    limit = CHECKS_S + (settings or load(model)).serve.workers.load_timeout
    command = [sys.executable, "-m", "airworthy.flows.tied", "up", model, "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # A group of its own: a Ctrl-C at the terminal is for this process, which ends the service itself.
        start_new_session=True,
    ) as process:
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_read, args=(process, lines), daemon=True).start()
        try:
            yield _wait(model, process, lines, limit)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    is_ready = False
    for line in process.stdout:
        # What a service prints once it serves is read, so that it never waits for a reader, and not kept.
        if not is_ready:
            lines.put(line)
        is_ready = is_ready or _SERVING.match(line) is not None
    lines.put(None)


def _wait(model: str, process: subprocess.Popen[str], lines: queue.Queue[str | None], limit: float) -> str:
    said: list[str] = []
    end = time.monotonic() + limit
    while True:
        try:
            line = lines.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            problem = say("it was not ready within {limit:seconds} (`serve.workers.load_timeout`)", limit=limit)
            raise _failed(model, problem, said) from None
        if line is None:
            status = process.wait(STOP_S)
            problem = (
                say("it ended by signal {signal}", signal=-status)
                if status < 0
                else say("it ended with status {status}", status=status)
            )
            raise _failed(model, problem, said)
        said.append(line)
        found = _SERVING.match(line)
        if found is not None:
            return found.group(1)


def _failed(model: str, problem: str, said: list[str]) -> NotServed:
    words = "".join(said).rstrip()
    return NotServed(model=model, problem=problem, said=f"\n{words}" if words else "")

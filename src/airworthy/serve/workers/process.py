"""A runner in a process of its own, started afresh (never forked) and reached over a pair of Unix sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from airworthy.core.errors import AirworthyError
from airworthy.core.log_events import log_event
from airworthy.core.messages import say
from airworthy.engines.interface import LoadFailed
from airworthy.serve.tensors import Buffer
from airworthy.serve.workers.link import OnEnd, OnReply, Order, WorkerExit
from airworthy.serve.workers.wire import (
    AnyMessage,
    Cancel,
    Chunk,
    Load,
    Reader,
    Ready,
    RunFailure,
    RunResult,
    Stop,
    Tokens,
    TrialReply,
    WireError,
    encode,
)

KEEP_WORDS = 64 * 1024
"""Bytes of a worker's output that are kept for diagnosis."""

_log = logging.getLogger("airworthy.serve")

GRACE = 1.0
"""Seconds that a worker gets to exit after it closed its socket."""

# Unlike `python -m`, this leaves the current directory off the import path: a model's folder must not be able to
# bring its own `numpy.py`.
_BOOT = """
import sys
if sys.path[:1] == [""]:
    del sys.path[0]
from airworthy.serve.workers.worker import run
run()
"""
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def worker_environment(threads: int) -> dict[str, str]:
    """The environment of a worker: ours, with the number of threads fixed before any library reads it."""
    environment = dict(os.environ)
    environment.update({name: str(threads) for name in _THREAD_VARIABLES})
    environment.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Each arena of the allocator keeps what it was once given; two are enough for a process of one busy thread.
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


class ProcessLink(asyncio.Protocol):
    """A link to a worker process of this machine."""

    def __init__(self, on_reply: OnReply, on_end: OnEnd) -> None:
        self._on_reply = on_reply
        self._on_end = on_end
        # What the gateway does with each type of frame; any other type ends the worker.
        self._handlers: dict[type, Callable[[Any, memoryview], None]] = {
            RunResult: on_reply,
            Chunk: on_reply,
            Tokens: on_reply,
            TrialReply: on_reply,
            RunFailure: self._take_failure,
            Ready: self._take_ready,
        }
        self._reader = Reader()
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._words = bytearray()
        self._ready: asyncio.Future[Ready] | None = None
        self._load: Load | None = None
        self._watch: asyncio.Task[None] | None = None
        self._closed: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[WorkerExit] | None = None

    @property
    def pid(self) -> int:
        """The worker's process number; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def is_available(self) -> bool:
        """Whether it takes requests: as long as the link is up."""
        return True

    def describe(self) -> list[dict[str, Any]]:
        """The servers behind it: none."""
        return []

    @property
    def words(self) -> str:
        """The last that the worker printed."""
        return self._words.decode(errors="replace")

    def spawn(self, threads: int) -> socket.socket:
        """Start the process; the socket is our end."""
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as on_failure, theirs:
            on_failure.callback(ours.close)
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=worker_environment(threads),
                # A group of its own: a Ctrl-C at the terminal reaches the gateway alone, which drains first.
                start_new_session=True,
            )
            on_failure.pop_all()
        ours.setblocking(False)
        return ours

    async def start(self, load: Load, timeout: float) -> Ready:
        """Start the process and load the model."""
        loop = asyncio.get_running_loop()
        self._load = load
        try:
            ours = self.spawn(load.options.threads)
        except OSError as error:
            detail = say("no process could be started: {reason}", reason=error.strerror or type(error).__name__)
            raise LoadFailed(engine=load.engine, path=load.model.entry, detail=detail) from None
        self._log_event("worker_start", logging.INFO, engine=load.engine)
        self._ready = loop.create_future()
        self._closed, self._ended = loop.create_future(), loop.create_future()
        # Watched from here on: a stop may come while it is being connected, and waits for its end.
        self._watch = loop.create_task(self._watch_process())
        try:
            await loop.create_unix_connection(lambda: self, sock=ours)
        except BaseException:
            self._kill(say("it was not loaded"))
            self.connection_lost(None)
            raise
        self._write(load)
        try:
            await asyncio.wait({self._ready}, timeout=timeout)
            if self._ready.done():
                return self._ready.result()
            detail = say("it was not loaded after {timeout:seconds}", timeout=timeout)
            raise LoadFailed(engine=load.engine, path=load.model.entry, detail=detail)
        except AirworthyError:
            await self._end_after_failure()
            raise
        finally:
            if not self._ready.done() or self._ready.cancelled() or self._ready.exception() is not None:
                self._kill(say("it was not loaded"))

    async def _end_after_failure(self) -> None:
        """Kill the process and read its output to the end: the failure's message may overtake it."""
        assert self._ended is not None
        self._kill(say("it was not loaded"))
        await asyncio.wait({self._ended}, timeout=GRACE)

    def send(self, run: Order, data: Sequence[Buffer]) -> None:
        """Send a batch, or a request of a generator."""
        self._write(run, data)

    def cancel(self, number: int) -> None:
        """Say that no client waits for a run's outputs any more."""
        self._write(Cancel(number))

    def kill(self) -> None:
        """End the process at once."""
        self._kill(say("asked"))

    def _kill(self, reason: str) -> None:
        if self._process is not None and self._process.poll() is None:
            self._log_event("worker_kill", logging.WARNING, reason=reason)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def _log_event(self, event: str, level: int, **fields: Any) -> None:
        load = self._load
        model, version = (load.model.name, load.version) if load is not None else ("", "")
        log_event(_log, event, level, model=model, version=version, pid=self.pid, **fields)

    async def stop(self, timeout: float) -> None:
        """Let the process end by itself, then kill it."""
        if self._ended is None:
            return
        self._write(Stop())
        await asyncio.wait({self._ended}, timeout=timeout)
        if not self._ended.done():
            self._kill(say("it did not end within {timeout:seconds}", timeout=timeout))
            await self._ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came from the worker."""
        try:
            for message, body in self._reader.feed(data):
                self._take(message, body)
        except WireError as error:
            self._words += f"\n{error}\n".encode()
            self._kill(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """The worker closed the socket: it is ending, or it is broken and must."""
        self._transport = None
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    def _take(self, message: AnyMessage, body: memoryview) -> None:
        handler = self._handlers.get(type(message))
        if handler is None:
            raise WireError(f"a worker sent {type(message).__name__}")
        handler(message, body)

    def _take_ready(self, ready: Ready, body: memoryview) -> None:
        assert self._ready is not None
        if not self._ready.done():
            self._ready.set_result(ready)

    def _take_failure(self, failure: RunFailure, body: memoryview) -> None:
        assert self._ready is not None
        if failure.id:
            self._on_reply(failure, body)
        elif not self._ready.done():
            self._ready.set_exception(_load_error(failure))

    def _write(self, message: AnyMessage, data: Sequence[Buffer] = ()) -> None:
        if self._transport is None or self._transport.is_closing():
            return  # the end is on its way and will be reported
        parts = encode(message, data)
        self._transport.write(b"".join(parts))

    async def _watch_process(self) -> None:
        """Keep the last words, wait for the end and report it."""
        process, closed, ended = self._process, self._closed, self._ended
        assert process is not None
        assert closed is not None
        assert ended is not None
        reading = asyncio.ensure_future(self._keep_words(process))
        await closed
        status = await _end(process)
        # Something that the worker started may hold its output open for ever.
        await asyncio.wait({reading}, timeout=0.2)
        reading.cancel()
        model = self._load.model.name if self._load is not None else ""
        end = WorkerExit(model=model, status=_status_text(status), code=status, words=_last_line(self.words))
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(end)
            self._ready.exception()  # seen: `start` may have given up before
        ended.set_result(end)
        self._on_end(end)

    async def _keep_words(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        words = asyncio.StreamReader(limit=KEEP_WORDS)
        loop = asyncio.get_running_loop()
        pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), process.stdout)
        with contextlib.closing(pipe):
            while chunk := await words.read(KEEP_WORDS):
                self._words += chunk
                del self._words[:-KEEP_WORDS]


async def _end(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process that has closed its socket, which it does by ending; kill it where it doesn't."""
    killed_at = time.monotonic() + GRACE
    delay = 0.001
    while (status := process.poll()) is None:
        await asyncio.sleep(delay)
        delay = min(delay * 2, 0.1)
        if time.monotonic() > killed_at:
            process.kill()
    return status


def _status_text(status: int) -> str:
    if status >= 0:
        return say("status {status}", status=status)
    import signal

    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = str(-status)
    return say("signal {name}", name=name)


def _last_line(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return lines[-1][:500] if lines else say("it printed nothing")


def _load_error(failure: RunFailure) -> AirworthyError:
    from airworthy.core.errors import ExtraMissing

    for kind in (LoadFailed, ExtraMissing):
        if failure.code == kind.code:
            return kind(**failure.params)
    return LoadFailed(engine="", path="", detail=str(failure.params))

"""The worker process: owns one runner, takes batches from one socket, answers on it, and exits when it closes.

One thread does everything: while a batch runs nothing could be
cancelled anyway, and between the pieces of a stream the socket is looked at.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.engines.interface import LoadFailed, Runner
from airworthy.serve.tensors import Tensor
from airworthy.serve.wire import (
    Answer,
    AnyMessage,
    Cancel,
    Failure,
    Load,
    Reader,
    Ready,
    Run,
    Stop,
    WireError,
    encode,
    split,
)

_CHUNK = 1 << 20


class Channel:
    """The worker's end of the socket, blocking."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._reader = Reader()
        self._waiting: list[tuple[AnyMessage, memoryview]] = []

    def receive(self) -> tuple[AnyMessage, memoryview] | None:
        """The next frame; None when the gateway is gone."""
        while not self._waiting:
            data = self._socket.recv(_CHUNK)
            if not data:
                return None
            self._waiting.extend(self._reader.feed(data))
        return self._waiting.pop(0)

    def arrived(self) -> list[AnyMessage]:
        """The headers of frames that lie ready, without taking them and without waiting."""
        while select.select([self._socket], [], [], 0)[0]:
            data = self._socket.recv(_CHUNK)
            if not data:
                raise ConnectionResetError("the gateway is gone")
            self._waiting.extend(self._reader.feed(data))
        return [message for message, _ in self._waiting]

    def send(self, message: AnyMessage, data: list[Any] | None = None) -> None:
        """Write a frame."""
        parts = encode(message, data or [])
        if sum(map(len, parts)) < 1 << 16:
            self._socket.sendall(b"".join(parts))
        else:
            for part in parts:
                self._socket.sendall(part)


def work(channel: Channel, started: float) -> int:
    """Load what the first frame names and run batches until the gateway says stop or is gone."""
    first = channel.receive()
    if first is None:
        return 0
    load = first[0]
    if not isinstance(load, Load):
        raise WireError("the first frame is not a load")
    try:
        runner = _load(load)
    except AirworthyError as error:
        channel.send(_failure(0, error))
        return 1
    channel.send(Ready(runner.kind, runner.inputs, runner.outputs, time.time() - started))
    try:
        while (frame := channel.receive()) is not None:
            message, data = frame
            if isinstance(message, Run):
                _run(channel, runner, message, data)
            elif isinstance(message, Stop):
                break
            elif not isinstance(message, Cancel):  # a cancel of what has been answered needs nothing
                raise WireError(f"unexpected {type(message).__name__}")
    finally:
        runner.close()
    return 0


def _load(load: Load) -> Runner:
    from airworthy.engines.registry import ENGINES

    try:
        runner = ENGINES.get(load.engine).load(load.model, load.options)
        if load.warm:
            from airworthy.serve.arrays import from_wire

            runner.run({m.name: from_wire(Tensor(m, bytes(m.size))) for m in load.warm})
    except AirworthyError:
        raise
    except Exception as error:
        traceback.print_exc()
        raise LoadFailed(engine=load.engine, path=load.model.entry, detail=_one_line(error)) from error
    return runner


def _run(channel: Channel, runner: Runner, message: Run, data: memoryview) -> None:
    from airworthy.serve.arrays import from_wire, to_wire

    began = time.perf_counter()
    try:
        inputs = {tensor.meta.name: from_wire(tensor) for tensor in split(message.inputs, data)}
        pieces: Iterator[Any] = runner.stream(inputs)
        piece = next(pieces, None)
        while piece is not None:
            outputs = [
                to_wire(spec.name, spec.datatype, piece[spec.name])
                for spec in runner.outputs
                if not message.wanted or spec.name in message.wanted
            ]
            following = next(pieces, None)
            seconds = time.perf_counter() - began
            answer = Answer(message.id, tuple(t.meta for t in outputs), following is None, seconds)
            channel.send(answer, [tensor.data for tensor in outputs])
            piece = following
            if piece is not None and _given_up(channel, message, began):
                return
    except AirworthyError as error:
        channel.send(_failure(message.id, error))
    except (ConnectionError, WireError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever a runtime raises must not end the worker
        traceback.print_exc()
        channel.send(Failure(message.id, "run-failed", {"detail": _one_line(error)}))


def _given_up(channel: Channel, run: Run, began: float) -> bool:
    if time.perf_counter() - began > run.budget:
        return True
    return any(isinstance(message, Cancel) and message.id == run.id for message in channel.arrived())


def _failure(number: int, error: AirworthyError) -> Failure:
    return Failure(number, error.code, {name: _plain(value) for name, value in error.params.items()})


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:2000]


def run() -> None:
    """The process's entry: run on the socket whose number is the one argument, and exit."""
    started = time.time()
    # Ctrl-C is the gateway's to handle: it decides when a worker ends, after its last answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock = socket.socket(fileno=int(sys.argv[1]))
    sock.setblocking(True)
    try:
        status = work(Channel(sock), started)
    except ConnectionError:
        status = 0
    except BaseException:  # noqa: BLE001 - the last words must come out before the hard exit below
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Runtimes' own threads have been seen to hang or crash in their destructors; nothing is left to save here.
    os._exit(status)

"""The worker process: owns one runner, takes batches from one socket, answers on it, and exits when it closes.

Each lane of the runner is a thread, which reads its runs from the socket itself.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.engines.interface import LoadFailed, Runner, RunnerKind
from airworthy.serve.workers.cancellation import CancellationWatcher
from airworthy.serve.workers.channel import Channel
from airworthy.serve.workers.wire import Load, Ready, Run, RunFailure, RunResult, WireError, split

_PR_SET_PDEATHSIG = 1
"""From `linux/prctl.h`."""


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
    channel.send(Ready(runner.kind, runner.inputs, runner.outputs, runner.lanes, time.monotonic() - started))
    try:
        _Lanes(channel, runner).run()
    finally:
        runner.close()
    return 0


class _Lanes:
    """Threads that take turns at the socket: who has read a run lets the next one read and does it himself.

    So no run is handed from thread to thread, and each lane finds its next run in the socket as soon as it is free.
    """

    def __init__(self, channel: Channel, runner: Runner) -> None:
        self._channel = channel
        self._runner = runner
        self._unwanted = CancellationWatcher(channel, runner)

    def run(self) -> None:
        """Run until the gateway says stop or is gone; runs of other lanes are not waited for then.

        Raises:
            ConnectionError: the gateway is gone.
            WireError: it sent something else than runs.
        """
        for number in range(1, self._runner.lanes):
            threading.Thread(target=self._lane, name=f"lane-{number}", daemon=True).start()
        self._work()

    def _lane(self) -> None:
        try:
            self._work()
        except (ConnectionError, WireError):
            os._exit(0)  # the gateway is gone, which the first lane may be about to learn as well
        except BaseException:  # noqa: BLE001 - a lane that is lost would hold its run for ever
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    def _work(self) -> None:
        while (frame := self._channel.receive()) is not None:
            message, data = frame
            if not isinstance(message, Run):
                raise WireError(f"unexpected {type(message).__name__}")
            began = time.monotonic()
            self._unwanted.begin(message.id)
            try:
                _run(self._channel, self._runner, message, data)
            finally:
                self._unwanted.end(time.monotonic() - began)


def _load(load: Load) -> Runner:
    from airworthy.engines.registry import ENGINES

    try:
        engine = ENGINES.get(load.engine)
        if load.model.sealed is None:
            runner = engine.load(load.model, load.options)
        else:
            from airworthy.serve.workers.encrypted_models import load_sealed

            runner = load_sealed(engine, load.model, load.options)
    except AirworthyError:
        raise
    except Exception as error:
        traceback.print_exc()
        raise LoadFailed(engine=load.engine, path=load.model.entry, detail=_one_line(error)) from error
    return runner


def _run(channel: Channel, runner: Runner, message: Run, data: memoryview) -> None:
    from airworthy.serve.workers.arrays import from_wire

    began = time.perf_counter()
    try:
        inputs = {tensor.meta.name: from_wire(tensor) for tensor in split(message.inputs, data)}
        if runner.kind is RunnerKind.ONE_SHOT:
            outputs = runner.run_exclusive(inputs) if message.exclusive else runner.run(inputs)
            _answer(channel, runner, message, outputs, final=True, began=began)
        else:
            _stream(channel, runner, message, runner.stream(inputs), began)
    except AirworthyError as error:
        channel.send(_failure(message.id, error))
    except (ConnectionError, WireError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever a runtime raises must not end the worker
        traceback.print_exc()
        channel.send(RunFailure(message.id, "run-failed", {"detail": _one_line(error)}))


def _stream(channel: Channel, runner: Runner, message: Run, pieces: Iterator[Any], began: float) -> None:
    piece = next(pieces, None)
    while piece is not None:
        if time.perf_counter() - began > message.budget or channel.is_cancelled(message.id):
            return
        following = next(pieces, None)
        _answer(channel, runner, message, piece, final=following is None, began=began)
        piece = following


def _answer(channel: Channel, runner: Runner, message: Run, outputs: Any, *, final: bool, began: float) -> None:
    from airworthy.serve.workers.arrays import to_wire

    tensors = [
        to_wire(spec.name, spec.datatype, outputs[spec.name])
        for spec in runner.outputs
        if not message.wanted or spec.name in message.wanted
    ]
    seconds = time.perf_counter() - began
    answer = RunResult(message.id, tuple(tensor.meta for tensor in tensors), final, seconds)
    channel.send(answer, [tensor.data for tensor in tensors])


def _failure(number: int, error: AirworthyError) -> RunFailure:
    return RunFailure(number, error.code, {name: _plain(value) for name, value in error.params.items()})


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:2000]


def _die_with_the_gateway() -> None:
    """Ask the kernel to kill this process when its parent is gone: one that is stopped can't see its socket close."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def run() -> None:
    """The process's entry: run on the socket whose number is the one argument, and exit."""
    started = time.monotonic()
    # Ctrl-C is the gateway's to handle: it decides when a worker ends, after its last answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_the_gateway()
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

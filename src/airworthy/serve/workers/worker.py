"""The worker process: owns one runner, takes frames from one socket, replies on it, and exits when it closes.

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
from collections.abc import Callable, Mapping
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.engines.generation import GeneratorRunner
from airworthy.engines.interface import BatchRunner, LoadFailed
from airworthy.serve.workers.cancellation import CancellationWatcher
from airworthy.serve.workers.channel import Channel
from airworthy.serve.workers.failures import failure, one_line
from airworthy.serve.workers.generation import generator_handlers
from airworthy.serve.workers.row_checks import GraphProof
from airworthy.serve.workers.wire import (
    Load,
    Ready,
    Run,
    RunFailure,
    RunResult,
    TrialReply,
    TrialRequest,
    WireError,
    split,
)

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
        runner, proof = _load(load)
    except AirworthyError as error:
        channel.send(failure(0, error))
        return 1
    try:
        if isinstance(runner, GeneratorRunner):
            channel.send(Ready((), (), runner.info.slots, time.monotonic() - started, generator=runner.info))
            # One thread more than slots: it counts tokens while all slots generate.
            _Lanes(channel, runner.info.slots + 1, generator_handlers(channel, runner)).run()
        else:
            channel.send(Ready(runner.inputs, runner.outputs, runner.lanes, time.monotonic() - started, proof=proof))
            _Lanes(channel, runner.lanes, _batch_handlers(channel, runner)).run()
    finally:
        runner.close()
    return 0


FrameHandlers = Mapping[type, Callable[[Any, memoryview], None]]
"""What a worker does with each type of frame; any other type ends it."""


def _batch_handlers(channel: Channel, runner: BatchRunner) -> FrameHandlers:
    """The frames that a batch runner takes."""
    cancellations = CancellationWatcher(channel, runner)

    def run(message: Run, data: memoryview) -> None:
        began = time.monotonic()
        cancellations.begin(message.id)
        try:
            _run(channel, runner, message, data)
        finally:
            cancellations.end(time.monotonic() - began)

    def try_rows(message: TrialRequest, data: memoryview) -> None:  # noqa: ARG001 - every handler has this form
        _try_rows(channel, runner, message)

    return {Run: run, TrialRequest: try_rows}


class _Lanes:
    """Threads that take turns at the socket: the one that has read a frame lets the next one read, and handles it.

    So no run is handed from thread to thread, and each lane finds its next run in the socket as soon as it is free.
    """

    def __init__(self, channel: Channel, lanes: int, handlers: FrameHandlers) -> None:
        self._channel = channel
        self._lanes = lanes
        self._handlers = handlers

    def run(self) -> None:
        """Handle frames until the gateway says stop or is gone; runs of other lanes are not waited for then.

        Raises:
            ConnectionError: the gateway is gone.
            WireError: it sent a frame of a type without a handler.
        """
        for number in range(1, self._lanes):
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
            handler = self._handlers.get(type(message))
            if handler is None:
                raise WireError(f"unexpected {type(message).__name__}")
            handler(message, data)


def _load(load: Load) -> tuple[BatchRunner | GeneratorRunner, GraphProof | None]:
    from airworthy.engines.registry import ENGINES

    try:
        engine = ENGINES.get(load.engine)
        if load.model.sealed is None:
            return engine.load(load.model, load.options), None
        from airworthy.serve.workers.encrypted_models import load_sealed

        return load_sealed(engine, load.model, load.options, load.texts)
    except AirworthyError:
        raise
    except Exception as error:
        traceback.print_exc()
        raise LoadFailed(engine=load.engine, path=load.model.entry, detail=one_line(error)) from error


def _run(channel: Channel, runner: BatchRunner, message: Run, data: memoryview) -> None:
    from airworthy.serve.workers.arrays import from_wire

    began = time.perf_counter()
    try:
        inputs = {tensor.meta.name: from_wire(tensor) for tensor in split(message.inputs, data)}
        outputs = runner.run_exclusive(inputs) if message.exclusive else runner.run(inputs)
        _send_outputs(channel, runner, message, outputs, began)
    except AirworthyError as error:
        channel.send(failure(message.id, error))
    except (ConnectionError, WireError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever a runtime raises must not end the worker
        traceback.print_exc()
        channel.send(RunFailure(message.id, "run-failed", {"detail": one_line(error)}))


def _try_rows(channel: Channel, runner: BatchRunner, message: TrialRequest) -> None:
    from airworthy.serve.workers.row_trials import try_rows

    channel.send(TrialReply(message.id, try_rows(runner, message.trials)))


def _send_outputs(channel: Channel, runner: BatchRunner, message: Run, outputs: Any, began: float) -> None:
    from airworthy.serve.workers.arrays import to_wire

    tensors = [
        to_wire(spec.name, spec.datatype, outputs[spec.name])
        for spec in runner.outputs
        if not message.wanted or spec.name in message.wanted
    ]
    seconds = time.perf_counter() - began
    result = RunResult(message.id, tuple(tensor.meta for tensor in tensors), seconds)
    channel.send(result, [tensor.data for tensor in tensors])


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

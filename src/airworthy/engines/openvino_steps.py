"""The thread that steps OpenVINO's pipeline, and what the threads of requests wait for."""

from __future__ import annotations

import contextlib
import queue
import threading
import traceback
from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.engines.generation import InvalidGeneration
from airworthy.engines.interface import RunFailed

STEP_LIMIT_S = 600.0
"""Seconds without any step after which a request gives up; a worker that stalls is replaced long before."""


class _Running:
    """A request in the pipeline; its tokens are at most as many as its limit, so the queue is bounded by it."""

    def __init__(self, prompt: Any, settings: Any) -> None:
        self.prompt, self.settings = prompt, settings
        self.handle: Any = None
        self.given: queue.SimpleQueue[tuple[int, float] | Exception | None] = queue.SimpleQueue()
        """Tokens with their log-probabilities; None after the last, an error in place of what is missing."""
        self.is_left = False
        """Whether its caller wants no more."""


class StepThread:
    """Steps the pipeline while there are requests; every call of the library but tokenising is made in its thread."""

    def __init__(self, pipeline: Any, slots: int) -> None:
        self._pipeline = pipeline
        self._free = threading.BoundedSemaphore(slots)
        self._change = threading.Condition()
        self._waiting: list[_Running] = []
        self._running: list[_Running] = []
        self._is_open, self._number = True, 0
        self._thread = threading.Thread(target=self._run, name="openvino-steps", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def request(self, prompt: Any, settings: Any) -> Iterator[Iterator[tuple[int, float]]]:
        """Put a request in; the tokens that it gets. Leaving the block ends it.

        Raises:
            RunFailed: the model was closed, all slots are taken, or the engine failed.
            InvalidGeneration: the engine refuses the settings.
        """
        if not self._free.acquire(blocking=False):
            raise RunFailed(detail=say("more requests than slots"))
        running = _Running(prompt, settings)
        try:
            with self._change:
                if not self._is_open:
                    raise RunFailed(detail=say("the model was closed"))
                self._waiting.append(running)
                self._change.notify()
            yield self._tokens(running)
        finally:
            running.is_left = True
            self._free.release()

    def _tokens(self, running: _Running) -> Iterator[tuple[int, float]]:
        while True:
            try:
                given = running.given.get(timeout=STEP_LIMIT_S)
            except queue.Empty:
                raise RunFailed(detail=say("no token in {seconds:seconds}", seconds=STEP_LIMIT_S)) from None
            if given is None:
                return
            if isinstance(given, Exception):
                raise given
            yield given

    def _run(self) -> None:
        while True:
            with self._change:
                while self._is_open and not self._waiting and not self._running:
                    self._change.wait()
                if not self._is_open:
                    break
                arrived, self._waiting = self._waiting, []
            for running in arrived:
                self._add(running)
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - whatever the runtime raises ends the requests, not the thread
                traceback.print_exc()
                self._end_all(RunFailed(detail=str(error).strip().rpartition("\n")[2]))
        self._end_all(RunFailed(detail=say("the model was closed")))
        self._pipeline = None

    def _add(self, running: _Running) -> None:
        if running.is_left:
            return
        self._number += 1
        try:
            running.handle = self._pipeline.add_request(self._number, running.prompt, running.settings)
        except Exception as error:  # noqa: BLE001 - the runtime's exceptions have no common base
            running.given.put(InvalidGeneration(detail=str(error).strip().rpartition("\n")[2]))
            return
        self._running.append(running)

    def _step(self) -> None:
        for running in self._running:
            if running.is_left:
                running.handle.cancel()
        if self._pipeline.has_non_finished_requests():
            self._pipeline.step()
        self._running = [running for running in self._running if self._goes_on(running)]

    def _goes_on(self, running: _Running) -> bool:
        """Hand the new tokens over; whether more will come."""
        handle = running.handle
        status = handle.get_status().name
        while not running.is_left and handle.can_read():
            for output in handle.read().values():
                for token, logprob in zip(output.generated_ids, output.generated_log_probs, strict=True):
                    running.given.put((int(token), float(logprob)))
        if running.is_left or status == "FINISHED":
            running.given.put(None)
            return False
        if status != "RUNNING":
            running.given.put(RunFailed(detail=say("the engine gave the request up ({status})", status=status)))
            return False
        return True

    def _end_all(self, error: RunFailed) -> None:
        ended, self._running = self._running, []
        for running in ended:
            with contextlib.suppress(Exception):
                running.handle.cancel()
            running.given.put(error)
        with self._change:
            waiting, self._waiting = self._waiting, []
        for running in waiting:
            running.given.put(error)

    def close(self) -> None:
        """End all requests and release the pipeline."""
        with self._change:
            self._is_open = False
            self._change.notify()
        self._thread.join(30)

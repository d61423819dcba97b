"""A version on trial beside the one that is served: a canary answers a share of requests, a shadow copies of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.engines.generation import GenerationRequest
from airworthy.serve.models.catalogue import Served, StickyKey
from airworthy.serve.models.intake import Outputs
from airworthy.serve.models.releases.comparison import difference
from airworthy.serve.models.releases.judge import AnswerDrift, Observed
from airworthy.serve.models.releases.warming import generated
from airworthy.serve.models.served import ServedModel
from airworthy.serve.models.served_generator import ServedGenerator
from airworthy.serve.scheduling.requests import InferenceRequest
from airworthy.serve.scheduling.streams import GenerationStream

MAX_LATENCIES = 10_000
"""Latencies of each version that are kept, the latest."""
MAX_COPIES = 4
"""Copies of requests that run at a time; further requests are not copied, so that clients never wait for them."""
_HASH_RANGE = 1 << 64


class VersionAnswers:
    """What one version answered."""

    def __init__(self, served: Served) -> None:
        self.served = served
        """The version."""
        self.count = self.errors = self.empty = 0
        self._seconds: deque[float] = deque(maxlen=MAX_LATENCIES)

    def ended(self, seconds: float, *, failed: bool, empty: bool = False) -> None:
        """A request ended."""
        self.count += 1
        self.errors += failed
        self.empty += empty
        if not failed:
            self._seconds.append(seconds)

    def observed(self) -> Observed:
        """What there is to judge."""
        return Observed(self.count, self.errors, tuple(self._seconds), self.empty)


class Trial:
    """Watches two versions side by side."""

    def __init__(self, old: Served, new: Served, share: float, salt: str, limit: float) -> None:
        """Plan it.

        Args:
            old: the version that is served.
            new: the one on trial.
            share: the share of requests that it answers; 0 for copies alone.
            salt: what makes other callers be of the share in another trial.
            limit: the largest difference between answers that passes; below 0 none is demanded.
        """
        self._loop = asyncio.get_running_loop()
        self.old, self.new = VersionAnswers(old), VersionAnswers(new)
        self._threshold = int(share * _HASH_RANGE)
        self._salt = salt.encode()
        self._copies_only = not share
        self._limit = limit
        self._differences: deque[float] = deque(maxlen=MAX_LATENCIES)
        self._incomparable = 0
        self._copies: set[asyncio.Task[None]] = set()

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Watch from now on."""
        for answers in (self.old,) if self._copies_only else (self.old, self.new):
            served: Any = answers.served
            served.tap = self._tap_of(answers)

    def stop(self) -> None:
        """Watch no more."""
        for answers in (self.old, self.new):
            answers.served.tap = None
        for task in self._copies:
            task.cancel()

    def drift(self) -> AnswerDrift:
        """How far the answers lie apart."""
        return AnswerDrift(tuple(self._differences), self._incomparable, self._limit)

    # --- requests -------------------------------------------------------------------------------------------------

    def choose(self, served: Served, sticky: StickyKey) -> Served:
        """The version for a request: the same for all of one conversation or caller."""
        digest = hashlib.blake2b(sticky(), digest_size=8, key=self._salt).digest()
        if int.from_bytes(digest, "big") >= self._threshold:
            return served
        if not self.new.served.ready:
            self.new.ended(0.0, failed=True)  # it would have been an error; no client has to see it
            return served
        return self.new.served

    def _tap_of(self, answers: VersionAnswers) -> Any:
        if isinstance(answers.served, ServedGenerator):
            return lambda request, stream: self._generating(answers, request, stream)
        return lambda request, future: self._running(answers, request, future)

    def _running(self, answers: VersionAnswers, request: InferenceRequest, future: asyncio.Future[Outputs]) -> None:
        began = self._loop.time()

        def ended(done: asyncio.Future[Outputs]) -> None:
            if done.cancelled():
                return  # its client left
            failed = done.exception() is not None
            answers.ended(self._loop.time() - began, failed=failed)
            if not failed:
                self._compare(answers, request, done.result())

        future.add_done_callback(ended)

    def _generating(self, answers: VersionAnswers, request: GenerationRequest, stream: GenerationStream) -> None:
        began = self._loop.time()

        def ended(over: GenerationStream) -> None:
            if over.error is not None:
                answers.ended(0.0, failed=True)
            elif over.finished is not None:
                tokens = over.finished.completion_tokens
                seconds = (self._loop.time() - began) / max(tokens, 1)
                answers.ended(seconds, failed=False, empty=not tokens)

        stream.on_end = ended
        if self._copies_only:
            self._copy(self._generate_copy(request))

    # --- copies ---------------------------------------------------------------------------------------------------

    def _compare(self, answers: VersionAnswers, request: InferenceRequest, outputs: Outputs) -> None:
        """Let the other version answer the same: the new one of a shadow, the old one of a canary."""
        other = self.new if answers is self.old else self.old
        if self._copies_only or answers is self.new:
            self._copy(self._run_copy(other, request, outputs))

    def _copy(self, running: Any) -> None:
        if len(self._copies) >= MAX_COPIES:
            running.close()
            return
        task = self._loop.create_task(running)
        self._copies.add(task)
        task.add_done_callback(self._copies.discard)

    async def _run_copy(self, other: VersionAnswers, request: InferenceRequest, outputs: Outputs) -> None:
        served = other.served
        assert isinstance(served, ServedModel)
        began, counts = self._loop.time(), self._copies_only
        try:
            theirs = await served.run(request)
        except AirworthyError:
            if counts:
                other.ended(0.0, failed=True)
            return
        if counts:
            other.ended(self._loop.time() - began, failed=False)
        apart = difference(outputs, theirs) if other is self.new else difference(theirs, outputs)
        if apart is None:
            self._incomparable += 1
        else:
            self._differences.append(apart)

    async def _generate_copy(self, request: GenerationRequest) -> None:
        served = self.new.served
        assert isinstance(served, ServedGenerator)
        began = self._loop.time()
        try:
            text = await generated(served, request)
        except AirworthyError:
            self.new.ended(0.0, failed=True)
            return
        # Characters stand in for tokens: only the share of failures and the order of latencies is judged of copies.
        self.new.ended((self._loop.time() - began) / max(len(text) / 4, 1), failed=False)

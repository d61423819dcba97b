"""The way of requests into a model: admitted together, looked up in the cache, put into the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from airworthy.serve.models.cached_runs import CachedRuns
from airworthy.serve.models.runtimes import Runtimes
from airworthy.serve.scheduling.admission import Demand
from airworthy.serve.scheduling.capacity import Place
from airworthy.serve.scheduling.model_runtime import ModelRuntime
from airworthy.serve.scheduling.request_options import Priority, RequestOptions
from airworthy.serve.scheduling.requests import InferenceRequest
from airworthy.serve.tensors import Tensor

Outputs = tuple[Tensor, ...]
Require = Callable[[Demand, Callable[[], str]], None]
"""Raises where a request is not admitted; given what it asks for and its client's own name for it."""


class Intake:
    """Lets the inputs of one client's request in: all of them, or none."""

    def __init__(self, runtimes: Runtimes[ModelRuntime], require: Require) -> None:
        """Let requests into a model.

        Args:
            runtimes: what runs the model.
            require: raises where a request is not admitted.
        """
        self._runtimes = runtimes
        self._require = require
        self.cached: CachedRuns | None = None
        """The model's cache; None where its answers may not be kept."""

    def submit_one(self, request: InferenceRequest, options: RequestOptions) -> asyncio.Future[Outputs]:
        """The outputs of a request of one input, once they are there; it was admitted in this turn of the event loop.

        Args:
            request: the input.
            options: the request's options.

        Raises:
            NotReady: no worker will take it soon.
            Overloaded: the queue does not take it, with the priority or the timeout that it names.
        """
        # Only what it names beside its head can change the decision on it.
        if self.cached is None and options.priority is Priority.NORMAL and not options.timeout:
            return self._runtimes.current.submit(request, options)
        return self.submit((request,), options)[0]

    def submit(self, requests: Sequence[InferenceRequest], options: RequestOptions) -> list[asyncio.Future[Outputs]]:
        """The outputs of each input, once they are there.

        Args:
            requests: the inputs.
            options: those of the client's request.

        Raises:
            NotReady: no worker will take it soon.
            Overloaded: the queue does not take all of them.
        """
        if self.cached is not None:
            return self._submit_cached(self.cached, requests, options)
        self._admit(requests, options)
        runtime = self._runtimes.current
        first = runtime.submit(requests[0], options)
        if len(requests) == 1:
            return [first]
        others = options._replace(watch=None)
        return [first, *(runtime.submit(request, others) for request in requests[1:])]

    def _admit(self, requests: Sequence[InferenceRequest], options: RequestOptions) -> None:
        work = requests[0].work if len(requests) == 1 else sum(request.work for request in requests)
        self._require(Demand(len(requests), work, options.priority, options.timeout), options.request_id)

    def _submit_cached(
        self, cached: CachedRuns, requests: Sequence[InferenceRequest], options: RequestOptions
    ) -> list[asyncio.Future[Outputs]]:
        """The same through the cache: inputs that it has no answer to are admitted, and keep a place until they run."""
        keys = cached.keys(requests, options)
        needed = [cached.needs_run(key) for key in keys]
        if any(needed):
            self._admit([request for request, needs in zip(requests, needed, strict=True) if needs], options)
        reserve = self._runtimes.current.admission.capacity.reserve
        places = [reserve(request.work) if needs else None for request, needs in zip(requests, needed, strict=True)]
        futures = []
        for key, request, place in zip(keys, requests, places, strict=True):
            future = cached.ask(key, request, options, partial(self._run, place))
            if place is not None:
                future.add_done_callback(place.release)
            futures.append(future)
            options = options._replace(watch=None)
        return futures

    def _run(self, place: Place | None, request: InferenceRequest, options: RequestOptions) -> asyncio.Future[Outputs]:
        if place is not None:
            place.release()
        return self._runtimes.current.submit(request, options)

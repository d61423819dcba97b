"""What one model has done since it was first served, as the Open Inference Protocol's statistics extension tells it."""

from __future__ import annotations

import time

import msgspec


class Duration(msgspec.Struct):
    """How often something happened, and the time that it took in all."""

    count: int = 0
    """How often."""
    ns: int = 0
    """The sum of its durations in nanoseconds."""

    def add(self, seconds: float) -> None:
        """Count one more."""
        self.count += 1
        self.ns += int(seconds * 1e9)


class InferenceStatistics(msgspec.Struct):
    """Requests and what their time went to."""

    success: Duration
    """Requests with an answer, from admission to the answer."""
    fail: Duration
    """Requests that ended without one; their time is not taken and stays 0."""
    queue: Duration
    """Time that answered requests waited for a batch."""
    compute_input: Duration
    """Always 0: tensors reach the runtime without a copy that could be timed apart."""
    compute_infer: Duration
    """Time that the runtime took, a batch counted once."""
    compute_output: Duration
    """Always 0, as `compute_input`."""
    cache_hit: Duration
    """Always 0: there is no cache."""
    cache_miss: Duration
    """Always 0: there is no cache."""


class BatchStatistics(msgspec.Struct):
    """Runs with one number of rows."""

    batch_size: int
    """Rows."""
    compute_input: Duration
    """Always 0."""
    compute_infer: Duration
    """Time that the runtime took."""
    compute_output: Duration
    """Always 0."""


class ModelStatistics(msgspec.Struct):
    """One model's statistics."""

    name: str
    """The model's name."""
    version: str
    """Its version."""
    last_inference: int
    """When the last answer came, in milliseconds since 1970; 0 for never."""
    inference_count: int
    """Rows that were answered."""
    execution_count: int
    """Batches that ran."""
    inference_stats: InferenceStatistics
    """Requests and their time."""
    batch_stats: list[BatchStatistics]
    """Runs by their number of rows, the smallest first."""


class ModelsStatistics(msgspec.Struct):
    """The statistics of several models."""

    model_stats: list[ModelStatistics]
    """One entry a model."""


MOST_SIZES = 256
"""Numbers of rows that are kept apart; further ones count in the sums alone."""


class Statistics:
    """Counts what happens to one model."""

    def __init__(self) -> None:
        self._success = Duration()
        self._queue = Duration()
        self._compute = Duration()
        self._refused = 0
        self._rows = 0
        self._last = 0
        self._sizes: dict[int, Duration] = {}

    def answered(self, queued: float, total: float) -> None:
        """A request got its answer; times in seconds."""
        self._success.add(total)
        self._queue.add(queued)

    def batch(self, rows: int, seconds: float) -> None:
        """A batch came back, after so many seconds in the runtime."""
        self._rows += rows
        self._last = int(time.time() * 1000)
        self._compute.add(seconds)
        size = self._sizes.get(rows)
        if size is None:
            if len(self._sizes) >= MOST_SIZES:
                return
            size = self._sizes[rows] = Duration()
        size.add(seconds)

    def refused(self) -> None:
        """A request ended without an answer."""
        self._refused += 1

    def describe(self, name: str, version: str) -> ModelStatistics:
        """The statistics up to now."""
        none = Duration()
        sizes = sorted(self._sizes.items())
        return ModelStatistics(
            name=name,
            version=version,
            last_inference=self._last,
            inference_count=self._rows,
            execution_count=self._compute.count,
            inference_stats=InferenceStatistics(
                success=self._success,
                fail=Duration(self._refused, 0),
                queue=self._queue,
                compute_input=none,
                compute_infer=self._compute,
                compute_output=none,
                cache_hit=none,
                cache_miss=none,
            ),
            batch_stats=[BatchStatistics(rows, none, duration, none) for rows, duration in sizes],
        )

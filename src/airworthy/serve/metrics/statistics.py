"""What one model has done since it was first served, as the Open Inference Protocol's statistics extension has it."""

from __future__ import annotations

import time

import msgspec


class Duration(msgspec.Struct):
    """How often something happened, and the time that it took in all."""

    count: int = 0
    """How often."""
    ns: int = 0
    """The sum of its durations in nanoseconds."""


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
    """Requests that were answered from the cache; their time is not taken and stays 0."""
    cache_miss: Duration
    """Requests that the cache had no answer to."""


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


class Batches:
    """Counts one model's batches by their number of rows."""

    def __init__(self) -> None:
        self.last = 0.0
        """When the last one came back, in seconds since 1970; 0 for never."""
        self.refused = 0
        """Requests that ended without an answer."""
        self._sizes: dict[int, Duration] = {}

    def add(self, rows: int, seconds: float) -> None:
        """A batch came back, after so many seconds in the runtime."""
        self.last = time.time()
        size = self._sizes.get(rows)
        if size is None:
            if len(self._sizes) >= MOST_SIZES:
                return
            size = self._sizes[rows] = Duration()
        size.count += 1
        size.ns += int(seconds * 1e9)

    def describe(self) -> list[BatchStatistics]:
        """The statistics up to now."""
        none = Duration()
        return [BatchStatistics(rows, none, duration, none) for rows, duration in sorted(self._sizes.items())]

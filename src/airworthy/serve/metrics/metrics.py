"""What the service counts, for Prometheus. One registry a service; label values come from settings, never clients."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from airworthy.serve.metrics.counters import FastHistogram, HistogramFamily, ResponseCounter
from airworthy.serve.metrics.refusal_log import RefusalLog
from airworthy.serve.metrics.statistics import Batches, Duration, InferenceStatistics, ModelStatistics

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The service's counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = ResponseCounter(
            "airworthy_http_requests", "HTTP requests by answer.", ["route", "status"], self.registry
        )
        self.calls = ResponseCounter(
            "airworthy_grpc_requests", "gRPC calls by answer.", ["method", "code"], self.registry
        )
        self.duration = HistogramFamily(
            "airworthy_request_duration_seconds", "From admission to the model's answer.", SECONDS, self.registry
        )
        self.queued = HistogramFamily("airworthy_queue_duration_seconds", "Time in the queue.", SECONDS, self.registry)
        self.compute = HistogramFamily(
            "airworthy_batch_duration_seconds", "Time that the runtime took for a batch.", SECONDS, self.registry
        )
        self.rows = HistogramFamily("airworthy_batch_rows", "Rows of a batch.", ROWS, self.registry)
        self.refused = Counter(
            "airworthy_requests_refused",
            "Requests that ended without a result, by reason.",
            ["model", "reason"],
            registry=self.registry,
        )
        self.cached = Counter(
            "airworthy_cache_requests",
            "Requests by what the cache had: hit, miss, or joined a run under way.",
            ["model", "result"],
            registry=self.registry,
        )
        self.starts = Counter(
            "airworthy_worker_starts", "Workers that became ready.", ["model"], registry=self.registry
        )
        self.ends = Counter("airworthy_worker_ends", "Workers that ended.", ["model"], registry=self.registry)
        self.stalls = Counter(
            "airworthy_worker_stalls", "Workers killed for making no progress.", ["model"], registry=self.registry
        )
        self.limited = Counter(
            "airworthy_requests_limited",
            "Requests of callers over a limit: of their rate, or of what they may have running.",
            ["limit"],
            registry=self.registry,
        )
        self.stored = Counter(
            "airworthy_cache_store_requests",
            "Requests to Redis by what came of them: hit, miss, kept, failed, or skipped while it is down.",
            ["result"],
            registry=self.registry,
        )
        self.load = Gauge("airworthy_load_seconds", "Time that the last load took.", ["model"], registry=self.registry)
        self.waiting = Gauge("airworthy_requests_waiting", "Requests in the queue.", ["model"], registry=self.registry)
        self.running = Gauge("airworthy_requests_running", "Requests in workers.", ["model"], registry=self.registry)

        self.loop_lag = Histogram(
            "airworthy_loop_lag_seconds",
            "Event-loop delay, sampled four times a second.",
            buckets=LAG_SECONDS,
            registry=self.registry,
        )

    def histogram(self, name: str, doc: str, bounds: Sequence[float]) -> HistogramFamily:
        """A further histogram by model."""
        return HistogramFamily(name, doc, bounds, self.registry)

    def watch_callers(self, remembered: Callable[[], float]) -> None:
        """Read from a function, when the page is requested, how many callers are remembered."""
        gauge = Gauge("airworthy_callers_remembered", "Callers whose rate is being held.", registry=self.registry)
        gauge.set_function(remembered)

    def page(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)


class ModelMetrics:
    """One model's counters, with their labels looked up once."""

    def __init__(self, metrics: Metrics, model: str, version: str = "") -> None:
        self._refusals = RefusalLog(model, version)
        self._metrics = metrics
        self._model = model
        self._duration = metrics.duration.of(model)
        self._queued = metrics.queued.of(model)
        self._compute = metrics.compute.of(model)
        self._rows = metrics.rows.of(model)
        self._batches = Batches()

    def answered(self, queued: float, total: float) -> None:
        """A request got its answer; times in seconds."""
        self._queued.observe(queued)
        self._duration.observe(total)

    def batch(self, rows: int, seconds: float) -> None:
        """A batch came back."""
        if rows >= sys.maxsize:  # a request that shares its run with no other, whatever its shape
            rows = 1
        self._rows.observe(rows)
        self._compute.observe(seconds)
        self._batches.add(rows, seconds)

    def rejected(self, reason: str, request_id: str = "") -> None:
        """A request ended without a result; by its client's own leave it is not logged."""
        if reason != "disconnected":
            self._refusals.add(reason, request_id)
        self._metrics.refused.labels(self._model, reason).inc()
        self._batches.refused += 1

    def asked(self, result: str) -> None:
        """The cache was asked: `hit`, `miss` or `joined`."""
        self._metrics.cached.labels(self._model, result).inc()

    def started(self, seconds: float) -> None:
        """A worker is ready, so many seconds after its start."""
        self._metrics.starts.labels(self._model).inc()
        self._metrics.load.labels(self._model).set(seconds)

    def ended(self) -> None:
        """A worker is gone."""
        self._metrics.ends.labels(self._model).inc()

    def stalled(self) -> None:
        """A worker was killed because it gave no answer."""
        self._metrics.stalls.labels(self._model).inc()

    def watch(self, waiting: Callable[[], float], running: Callable[[], float]) -> None:
        """Read the two gauges from functions when the page is read."""
        self._metrics.waiting.labels(self._model).set_function(waiting)
        self._metrics.running.labels(self._model).set_function(running)

    def statistics(self, version: str) -> ModelStatistics:
        """The same, as the Open Inference Protocol reports it."""
        success, queue, compute = (_duration(tally) for tally in (self._duration, self._queued, self._compute))
        hits, misses, joined = (self._cached(result) for result in ("hit", "miss", "joined"))
        success.count += hits + joined
        none = Duration()
        stats = InferenceStatistics(
            success=success,
            fail=Duration(self._batches.refused, 0),
            queue=queue,
            compute_input=none,
            compute_infer=compute,
            compute_output=none,
            cache_hit=Duration(hits, 0),
            cache_miss=Duration(misses, 0),
        )
        return ModelStatistics(
            name=self._model,
            version=version,
            last_inference=int(self._batches.last * 1000),
            inference_count=int(self._rows.sum),
            execution_count=compute.count,
            inference_stats=stats,
            batch_stats=self._batches.describe(),
        )

    def _cached(self, result: str) -> int:
        labels = {"model": self._model, "result": result}
        return int(self._metrics.registry.get_sample_value("airworthy_cache_requests_total", labels) or 0)


def _duration(tally: FastHistogram) -> Duration:
    return Duration(tally.count, int(tally.sum * 1e9))

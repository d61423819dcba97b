"""What the service counts, for Prometheus. One registry a service; label values come from settings, never clients."""

from __future__ import annotations

import sys
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from airworthy.serve.statistics import Batches, Duration, InferenceStatistics, ModelStatistics

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


class Meters:
    """The service's counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counts: dict[tuple[str, int], Callable[[], None]] = {}
        self.requests = Counter(
            "airworthy_http_requests", "HTTP requests by answer.", ["route", "status"], registry=self.registry
        )
        self._calls = Counter(
            "airworthy_grpc_requests", "gRPC calls by answer.", ["method", "code"], registry=self.registry
        )
        self.duration = Histogram(
            "airworthy_request_duration_seconds",
            "From admission to the model's answer.",
            ["model"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.queued = Histogram(
            "airworthy_queue_duration_seconds", "Time in the queue.", ["model"], buckets=SECONDS, registry=self.registry
        )
        self.compute = Histogram(
            "airworthy_batch_duration_seconds",
            "Time that the runtime took for a batch.",
            ["model"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.rows = Histogram(
            "airworthy_batch_rows", "Rows of a batch.", ["model"], buckets=ROWS, registry=self.registry
        )
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
        self.load = Gauge("airworthy_load_seconds", "Time that the last load took.", ["model"], registry=self.registry)
        self.waiting = Gauge("airworthy_requests_waiting", "Requests in the queue.", ["model"], registry=self.registry)
        self.running = Gauge("airworthy_requests_running", "Requests in workers.", ["model"], registry=self.registry)

    def answered(self, route: str, status: int) -> None:
        """An HTTP request was answered; 499 where the client had gone."""
        key = (route, status)
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = self.requests.labels(route, str(status)).inc
        count()

    def called(self, method: str, code: str) -> None:
        """A gRPC call was answered."""
        self._calls.labels(method, code).inc()

    def page(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)


class ModelMeters:
    """One model's counters, with their labels looked up once."""

    def __init__(self, meters: Meters, model: str) -> None:
        self._meters = meters
        self._model = model
        self._duration = meters.duration.labels(model).observe
        self._queued = meters.queued.labels(model).observe
        self._compute = meters.compute.labels(model).observe
        self._rows = meters.rows.labels(model).observe
        self._batches = Batches()

    def answered(self, queued: float, total: float) -> None:
        """A request got its answer; times in seconds."""
        self._queued(queued)
        self._duration(total)

    def batch(self, rows: int, seconds: float) -> None:
        """A batch came back."""
        if rows >= sys.maxsize:  # a request that shares its run with nobody, whatever its shape
            rows = 1
        self._rows(rows)
        self._compute(seconds)
        self._batches.add(rows, seconds)

    def rejected(self, reason: str) -> None:
        """A request ended without a result."""
        self._meters.refused.labels(self._model, reason).inc()
        self._batches.refused += 1

    def asked(self, result: str) -> None:
        """The cache was asked: `hit`, `miss` or `joined`."""
        self._meters.cached.labels(self._model, result).inc()

    def started(self, seconds: float) -> None:
        """A worker is ready, so many seconds after its start."""
        self._meters.starts.labels(self._model).inc()
        self._meters.load.labels(self._model).set(seconds)

    def ended(self) -> None:
        """A worker is gone."""
        self._meters.ends.labels(self._model).inc()

    def stalled(self) -> None:
        """A worker was killed because it gave no answer."""
        self._meters.stalls.labels(self._model).inc()

    def watch(self, waiting: Callable[[], float], running: Callable[[], float]) -> None:
        """Read the two gauges from functions when the page is asked for."""
        self._meters.waiting.labels(self._model).set_function(waiting)
        self._meters.running.labels(self._model).set_function(running)

    def statistics(self, version: str) -> ModelStatistics:
        """The same, as the Open Inference Protocol tells it."""
        success, queue, compute = (self._sum(each) for each in ("request_duration", "queue_duration", "batch_duration"))
        hits, misses, joined = (int(self._sample("cache_requests_total", result=r)) for r in ("hit", "miss", "joined"))
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
            inference_count=int(self._sample("batch_rows_sum")),
            execution_count=compute.count,
            inference_stats=stats,
            batch_stats=self._batches.describe(),
        )

    def _sum(self, name: str) -> Duration:
        return Duration(int(self._sample(f"{name}_seconds_count")), int(self._sample(f"{name}_seconds_sum") * 1e9))

    def _sample(self, name: str, **labels: str) -> float:
        return self._meters.registry.get_sample_value(f"airworthy_{name}", {"model": self._model, **labels}) or 0.0

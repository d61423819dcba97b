"""What is counted of upstreams: tries, retries, breakers, and where token counts come from."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter, Gauge

from airworthy.serve.metrics.metrics import Metrics


class UpstreamMetrics:
    """The counters of all upstreams of a service. The labels are names and URLs of the settings."""

    def __init__(self, metrics: Metrics) -> None:
        labels, registry = ["model", "upstream"], metrics.registry
        self._tries = Counter(
            "airworthy_upstream_tries", "Requests to upstreams by result.", [*labels, "result"], registry=registry
        )
        self._retries = Counter("airworthy_upstream_retries", "Requests sent again.", ["model"], registry=registry)
        self._usage = Counter(
            "airworthy_upstream_usage",
            "Answers by where their token counts are from: reported, counted or estimated.",
            [*labels, "source"],
            registry=registry,
        )
        self._state = Gauge(
            "airworthy_upstream_state", "1 for the state that an upstream is in.", [*labels, "state"], registry=registry
        )
        self._expires = Gauge(
            "airworthy_upstream_expires_seconds",
            "Seconds until an upstream's breaker lets a request through; 0 where it does.",
            labels,
            registry=registry,
        )

    def tried(self, model: str, upstream: str, result: str) -> None:
        """A try ended."""
        self._tries.labels(model, upstream, result).inc()

    def retried(self, model: str) -> None:
        """A request is sent again."""
        self._retries.labels(model).inc()

    def counted(self, model: str, upstream: str, source: str) -> None:
        """An answer's tokens were reported, counted or estimated."""
        self._usage.labels(model, upstream, source).inc()

    def watch(
        self, model: str, upstream: str, states: tuple[str, ...], state: Callable[[], str], left: Callable[[], float]
    ) -> None:
        """Read an upstream's state at each scrape."""
        for each in states:
            self._state.labels(model, upstream, each).set_function(lambda each=each: float(state() == each))  # type: ignore[misc]
        self._expires.labels(model, upstream).set_function(left)

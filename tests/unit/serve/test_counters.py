"""Our counts, held against the client library's own."""

from __future__ import annotations

import prometheus_client as prometheus
from hypothesis import given
from hypothesis import strategies as st

from airworthy.serve.metrics.counters import HistogramFamily, ResponseCounter

BOUNDS = (0.001, 0.5, 1, 2.5, 30)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 100) | st.sampled_from(BOUNDS))))
def test_a_histogram_is_the_librarys(observed: list[tuple[str, float]]) -> None:
    ours, theirs = prometheus.CollectorRegistry(), prometheus.CollectorRegistry()
    own = HistogramFamily("t_seconds", "Time.", BOUNDS, ours)
    other = prometheus.Histogram("t_seconds", "Time.", ["model"], buckets=BOUNDS, registry=theirs)
    for model, value in observed:
        own.of(model).observe(value)
        other.labels(model).observe(value)
    assert _page(ours) == _page(theirs)
    assert own.of("a").count == sum(model == "a" for model, _ in observed)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([200, 404]))))
def test_a_counter_is_the_librarys(observed: list[tuple[str, int]]) -> None:
    ours, theirs = prometheus.CollectorRegistry(), prometheus.CollectorRegistry()
    own = ResponseCounter("r", "Requests.", ["route", "status"], ours)
    other = prometheus.Counter("r", "Requests.", ["route", "status"], registry=theirs)
    for route, status in observed:
        own.add(route, status)
        other.labels(route, str(status)).inc()
    assert _page(ours) == _page(theirs)


def _page(registry: prometheus.CollectorRegistry) -> list[str]:
    """The page without the times at which the library made its counters, in any order of label values."""
    lines = prometheus.generate_latest(registry).decode().splitlines()
    return sorted(line for line in lines if "_created" not in line)

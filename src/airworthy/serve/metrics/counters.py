"""Counts of the hot path: plain numbers of one event loop, made into Prometheus' types when the page is requested.

The client library's own take a lock and walk all buckets for each observation, a tenth of what a small request costs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class FastHistogram:
    """The observations of one label value."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """How many fell into each bucket, the last one for all above the last bound."""
        self.sum = 0.0
        """The sum of what was observed."""

    def observe(self, value: float) -> None:
        """Count one."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many were observed."""
        return sum(self.counts)


class HistogramFamily(Collector):
    """A histogram by model."""

    def __init__(self, name: str, doc: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._name = name
        self._doc = doc
        self._bounds = bounds
        self._tallies: dict[str, FastHistogram] = {}
        registry.register(self)

    def of(self, model: str) -> FastHistogram:
        """The tally of a model; the same one each time."""
        return self._tallies.setdefault(model, FastHistogram(self._bounds))

    def collect(self) -> Iterable[Metric]:
        """What Prometheus reads."""
        family = HistogramMetricFamily(self._name, self._doc, labels=["model"])
        for model, tally in self._tallies.items():
            family.add_metric([model], list(self._buckets(tally)), tally.sum)
        yield family

    def _buckets(self, tally: FastHistogram) -> Iterator[tuple[str, float]]:
        total = 0
        for bound, count in zip((*self._bounds, float("inf")), tally.counts, strict=True):
            total += count
            yield floatToGoString(bound), total  # type: ignore[no-untyped-call]


class ResponseCounter(Collector):
    """Requests by their answer."""

    def __init__(self, name: str, doc: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name = name
        self._doc = doc
        self._labels = labels
        self._counts: dict[tuple[str, int | str], int] = {}
        registry.register(self)

    def add(self, where: str, answer: int | str) -> None:
        """Count one."""
        key = (where, answer)
        self._counts[key] = self._counts.get(key, 0) + 1

    def collect(self) -> Iterable[Metric]:
        """What Prometheus reads."""
        family = CounterMetricFamily(self._name, self._doc, labels=self._labels)
        for (where, answer), count in self._counts.items():
            family.add_metric([where, str(answer)], count)
        yield family

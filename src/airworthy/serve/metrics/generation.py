"""What is counted of generations: tokens, the time to the first one, and the time between two."""

from __future__ import annotations

from prometheus_client import Counter

from airworthy.engines.generation import Finished
from airworthy.serve.metrics.metrics import Metrics, ModelMetrics

FIRST_TOKEN_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class GenerationMetrics:
    """The counters of all generators of a service."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        registry = metrics.registry
        self.prompt_tokens = Counter(
            "airworthy_prompt_tokens", "Tokens of prompts that were read.", ["model"], registry=registry
        )
        self.tokens = Counter("airworthy_generated_tokens", "Tokens that were generated.", ["model"], registry=registry)
        self.unwanted = Counter(
            "airworthy_unwanted_tokens",
            "Tokens that were generated for clients that had left.",
            ["model"],
            registry=registry,
        )
        self.first_token = metrics.histogram(
            "airworthy_first_token_seconds", "From a request's arrival to its first token.", FIRST_TOKEN_S
        )
        self.endings = Counter(
            "airworthy_generations", "Generations by how they ended.", ["model", "reason"], registry=registry
        )


class GeneratorMetrics:
    """One generator's counters."""

    def __init__(self, metrics: GenerationMetrics, model: str, version: str = "") -> None:
        self.model = ModelMetrics(metrics.metrics, model, version)
        """Those that it shares with every other model."""
        self._all = metrics
        self._name = model
        self._first_token = metrics.first_token.of(model)

    def first_token(self, seconds: float) -> None:
        """The first piece of an answer came, so many seconds after the request."""
        self._first_token.observe(seconds)

    def ended(self, finished: Finished) -> None:
        """A generation ended."""
        self._all.prompt_tokens.labels(self._name).inc(finished.prompt_tokens - finished.cached_tokens)
        self._all.tokens.labels(self._name).inc(finished.completion_tokens)
        self._all.endings.labels(self._name, finished.reason).inc()
        if finished.reason == "cancelled":
            self._all.unwanted.labels(self._name).inc(finished.completion_tokens)

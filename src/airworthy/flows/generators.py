"""How a language model is to be loaded: the slots and the context that fit, worked out before anything is read."""

from __future__ import annotations

from airworthy.core.facts import Facts
from airworthy.core.keys import MEMORY_AVAILABLE, MEMORY_LIMIT, MODEL_CACHE, MODEL_WEIGHTS
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.core.settings import Settings
from airworthy.engines.interface import RunnerOptions
from airworthy.fit.generation import compute_buffers, plan
from airworthy.serve.service import Plan

UNKNOWN_VOCABULARY = 152_064
"""Tokens that a vocabulary is taken to have where nothing says: Qwen's, among the largest in use."""


def plan_generator(model: ModelInfo, engine: str, facts: Facts, settings: Settings, threads: int) -> Plan:
    """The plan of a model that generates text.

    Raises:
        DoesNotFit: it needs more memory than there is; the message says what would fit.
    """
    asked = settings.serve.generation
    options = RunnerOptions(threads=threads, slots=asked.slots, context=asked.context, cache_type=asked.cache_type)
    cache = facts.get_value(MODEL_CACHE, None)
    if cache is None:
        return Plan(model=model, engine=engine, options=options, generates=True)
    bill = plan(
        model.name,
        weights=facts.get_value(MODEL_WEIGHTS, None) or model.size,
        cache=cache,
        compute=compute_buffers(*_widths(model)),
        available=_available(facts),
        slots=asked.slots,
        context=asked.context,
        cache_type=asked.cache_type,
    )
    options = RunnerOptions(threads=threads, slots=bill.slots, context=bill.context, cache_type=asked.cache_type)
    notes = tuple(
        say("  memory   {line}", line=line) if not i else f"           {line}" for i, line in enumerate(bill.lines())
    )
    return Plan(model=model, engine=engine, options=options, generates=True, notes=notes)


def _available(facts: Facts) -> int | None:
    known = (facts.get_value(MEMORY_AVAILABLE, None), facts.get_value(MEMORY_LIMIT, None))
    return min((size for size in known if size is not None), default=None)


def _widths(model: ModelInfo) -> tuple[int, int, int]:
    """Embedding, feed-forward and vocabulary, as the file says them."""
    architecture = model.metadata.get("general.architecture", "")

    def number(key: str) -> int:
        text = model.metadata.get(f"{architecture}.{key}", "")
        return int(text) if text.isdigit() else 0

    embedding = number("embedding_length")
    return embedding, number("feed_forward_length") or 4 * embedding, number("vocab_size") or UNKNOWN_VOCABULARY

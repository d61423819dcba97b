"""The memory of a language model in llama.cpp: weights, keys and values of each slot, buffers; and what of it fits.

Sizes are in bytes, contexts in tokens of one slot. Weights are mapped from the file; keys and values are allocated
whole when the model is loaded (llama.cpp, src/llama-kv-cache.cpp).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.messages import say
from airworthy.core.values import AttentionCache
from airworthy.knowledge import cache as attention

DEFAULT_SLOTS = 4
"""Requests at a time, where memory allows."""
DEFAULT_CONTEXT = 8192
"""Tokens of one request, where the model takes so many and no client asks for more."""
MIN_CONTEXT = 512
"""Tokens below which a conversation makes no sense."""
USABLE_SHARE = 0.85
"""The share of the available memory that is planned with; the rest is for what no header reports."""
PROCESS = 40 << 20
"""A worker process with the library, before the model: 37 MiB measured (xllamacpp 2026.10, x86-64)."""
UBATCH = 256
"""Tokens that are computed at once, whose activations the buffers hold."""


class MemoryBill(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes, by its parts."""

    weights: int
    """The weights, mapped from the file."""
    cache_per_slot: int
    """Keys and values of one slot."""
    slots: int
    """Requests at a time."""
    context: int
    """Tokens of one slot."""
    compute: tuple[int, int]
    """Buffers of a computation, from at least to at most."""
    available: int | None
    """Memory that a new process can have; None where that is not known."""
    trained: int
    """Tokens that the model was made for; 0 where nothing says."""

    @property
    def total(self) -> int:
        """All of it, the buffers at their most."""
        return PROCESS + self.weights + self.slots * self.cache_per_slot + self.compute[1]

    def lines(self) -> Iterator[str]:
        """The bill for a person."""
        yield say(
            "{weights:bytes} weights + {slots} x {cache:bytes} for {context} tokens each + {low:bytes} to {high:bytes}",
            weights=self.weights,
            slots=self.slots,
            cache=self.cache_per_slot,
            context=self.context,
            low=PROCESS + self.compute[0],
            high=PROCESS + self.compute[1],
        )
        room = say("{total:bytes} at most", total=self.total)
        if self.available is not None:
            room = say("{room} of {available:bytes} available", room=room, available=self.available)
        yield room


class DoesNotFit(AirworthyError):
    """A model that needs more memory than there is."""

    code = "does-not-fit"
    message = "{name} needs {needed:bytes} for one request of {context} tokens, and {available:bytes} are available"
    hint = "{way_out}"
    exit = Exit.FINDINGS


def compute_buffers(embedding: int, feed_forward: int, vocabulary: int) -> tuple[int, int]:
    """The least and the most that the buffers of one computation take.

    The least holds a micro-batch's activations as they pass through a layer, the most its logits besides. Measured:
    SmolLM2-135M (576, 1536, 49152) takes 30 to 38 MiB, of 5 to 53 here.
    """
    low = UBATCH * 4 * (4 * embedding + 2 * feed_forward)
    return low, low + UBATCH * 4 * vocabulary


def plan(
    name: str,
    *,
    weights: int,
    cache: AttentionCache,
    compute: tuple[int, int],
    available: int | None,
    slots: int = 0,
    context: int = 0,
    cache_type: str = "f16",
) -> MemoryBill:
    """How to load a model: what is requested, else as many slots and as long a context as fit.

    Args:
        name: the model's name, for messages.
        weights: bytes of its weights.
        cache: what it keeps of each token.
        compute: the bounds of its buffers.
        available: memory that a new process can have; None where that is not known, and nothing is refused.
        slots: requests at a time; 0 to choose.
        context: tokens of each; 0 to choose.
        cache_type: the type of keys and values.

    Raises:
        DoesNotFit: not even one slot of the least context, or not what was requested, fits.
    """
    trained = cache.longest
    longest = context or min(trained or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
    contexts = [longest] if context else _halves(longest)
    choices = [(count, size) for size in contexts for count in ([slots] if slots else _down(DEFAULT_SLOTS))]
    bill = None
    for count, size in choices:
        bill = MemoryBill(
            weights=weights,
            cache_per_slot=attention.size(cache, size, cache_type),
            slots=count,
            context=size,
            compute=compute,
            available=available,
            trained=trained,
        )
        if available is None or bill.total <= available * USABLE_SHARE:
            return bill
    assert bill is not None
    assert available is not None
    raise DoesNotFit(
        name=name,
        needed=bill.total,
        context=bill.context,
        available=available,
        way_out=_way_out(bill, cache, cache_type),
    )


def _halves(longest: int) -> list[int]:
    sizes = []
    while longest >= MIN_CONTEXT:
        sizes.append(longest)
        longest //= 2
    return sizes or [longest or MIN_CONTEXT]


def _down(most: int) -> list[int]:
    return [count for count in (most, 2, 1) if count <= most]


def _way_out(bill: MemoryBill, cache: AttentionCache, cache_type: str) -> str:
    """What would fit instead."""
    room = int((bill.available or 0) * USABLE_SHARE) - PROCESS - bill.weights - bill.compute[1]
    if room <= 0:
        return say("take a file with fewer bits a weight, or a smaller model: the weights alone do not fit")
    fits = attention.longest(cache, room // bill.slots, cache_type)
    if fits >= MIN_CONTEXT:
        return say("set serve.generation.context to {fits} or less, or serve.generation.slots lower", fits=fits)
    return say("set serve.generation.slots to 1, or keep the cache in q8_0 (serve.generation.cache_type)")

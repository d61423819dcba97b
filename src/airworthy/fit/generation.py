"""How to load a language model in llama.cpp: as many slots and as long a context as fit by the estimate of memory."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.messages import say
from airworthy.fit.choice import USABLE_SHARE
from airworthy.fit.engines import llamacpp
from airworthy.fit.parts import HOST, MemoryEstimate
from airworthy.fit.question import DEFAULT_CONTEXT, FitModel, Use
from airworthy.knowledge import cache as attention

DEFAULT_SLOTS = 4
"""Requests at a time, where memory allows."""
MIN_CONTEXT = 512
"""Tokens below which a conversation makes no sense."""
UBATCH = 256
"""Tokens that our worker has computed at once."""


class MemoryBill(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes with so many slots of such a context."""

    estimate: MemoryEstimate
    """All parts."""
    slots: int
    """Requests at a time."""
    context: int
    """Tokens of one slot."""
    available: int | None
    """Memory that a new process can have; None where that is not known."""

    @property
    def total(self) -> int:
        """The most that it takes."""
        return int(self.estimate.peak(HOST).high)

    def lines(self) -> Iterator[str]:
        """The bill for a person."""
        kept = self.estimate.of("kv").point / self.slots
        others = self.estimate.of("compute", "outputs", "runtime")
        yield say(
            "{weights:bytes} weights + {slots} x {cache:bytes} for {context} tokens each + {low:bytes} to {high:bytes}",
            weights=self.estimate.of("weights").point,
            slots=self.slots,
            cache=kept,
            context=self.context,
            low=others.low,
            high=others.high,
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


def plan(
    model: FitModel, *, available: int | None, slots: int = 0, context: int = 0, cache_type: str = "f16"
) -> MemoryBill:
    """How to load a model: what is requested, else as many slots and as long a context as fit.

    Args:
        model: the model, whose `cache` is known.
        available: memory that a new process can have; None where that is not known, and nothing is refused.
        slots: requests at a time; 0 to choose.
        context: tokens of each; 0 to choose.
        cache_type: the type of keys and values.

    Raises:
        DoesNotFit: not even one slot of the least context, or not what was requested, fits.
    """
    trained = model.cache.longest if model.cache is not None else 0
    longest = context or min(trained or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
    contexts = [longest] if context else _halves(longest)
    choices = [(count, size) for size in contexts for count in ([slots] if slots else _down(DEFAULT_SLOTS))]
    bill = None
    for count, size in choices:
        use = Use(
            context=size, users=count, key_type=cache_type, value_type=cache_type, ubatch=UBATCH, all_outputs=False
        )
        bill = MemoryBill(estimate=llamacpp.memory(model, use), slots=count, context=size, available=available)
        if available is None or bill.total <= available * USABLE_SHARE:
            return bill
    assert bill is not None
    assert available is not None
    raise DoesNotFit(
        name=model.name,
        needed=bill.total,
        context=bill.context,
        available=available,
        way_out=_way_out(bill, model, cache_type),
    )


def _halves(longest: int) -> list[int]:
    sizes = []
    while longest >= MIN_CONTEXT:
        sizes.append(longest)
        longest //= 2
    return sizes or [longest or MIN_CONTEXT]


def _down(most: int) -> list[int]:
    return [count for count in (most, 2, 1) if count <= most]


def _way_out(bill: MemoryBill, model: FitModel, cache_type: str) -> str:
    """What would fit instead."""
    assert model.cache is not None
    kept = bill.estimate.of("kv").high
    room = int((bill.available or 0) * USABLE_SHARE - (bill.total - kept))
    if room <= 0:
        return say("take a file with fewer bits a weight, or a smaller model: the weights alone do not fit")
    fits = attention.longest(model.cache, room // bill.slots, cache_type) // attention.BLOCK * attention.BLOCK
    if fits >= MIN_CONTEXT:
        return say("set serve.generation.context to {fits} or less, or serve.generation.slots lower", fits=fits)
    return say("set serve.generation.slots to 1, or keep the cache in q8_0 (serve.generation.cache_type)")

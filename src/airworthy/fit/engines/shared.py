"""Parts that several engines have alike."""

from __future__ import annotations

from airworthy.core.messages import say
from airworthy.fit.parts import DEVICE, HOST, Interval, Part, around, exactly
from airworthy.fit.question import FitModel, Use
from airworthy.knowledge import cache as attention

CUDA_CONTEXT = Interval(150 << 20, 309 << 20, 600 << 20)
"""What a process takes of a device before it stores anything: 309 MiB seen, 457 MiB set apart by Ollama."""


def weights(model: FitModel, *, place: str, mapped: bool = False, share: float = 1.0, why: str = "") -> Part:
    """The weights, whole or divided among devices."""
    size = model.weights or Interval(0.0, 0.0, 0.0)
    return Part(name="weights", place=place, size=size.times(share), basis=why or model.weights_basis, mapped=mapped)


def cache_bytes(model: FitModel, use: Use, *, block: int, rounding: int = 0) -> attention.CacheBytes:
    """Keys, values and states of all requests."""
    assert model.cache is not None
    return attention.parts(
        model.cache,
        use.context,
        use.key_type,
        use.value_type,
        sequences=max(1, use.users),
        unified=use.unified,
        batch=rounding or use.ubatch,
        block=block,
    )


def cache(model: FitModel, use: Use, *, place: str, block: int, share: float = 1.0) -> list[Part]:
    """The part of keys and values; none for a model without."""
    if model.cache is None:
        return []
    found = cache_bytes(model, use, block=block)
    kind = use.key_type if use.key_type == use.value_type else f"{use.key_type}/{use.value_type}"
    basis = say("{users} x {context} tokens in {kind}", users=max(1, use.users), context=use.context, kind=kind)
    named = (say("windows"), found.window), (say("states"), found.recurrent), (say("of the encoder"), found.cross)
    others = tuple(say("{size:bytes} {what}", size=size, what=what) for what, size in named if size)
    if others:
        basis = say("{basis}, {others} among it", basis=basis, others=others)
    return [Part(name="kv", place=place, size=exactly(found.total * share), basis=basis)]


def context_of_device() -> Part:
    """The runtime's own memory on an accelerator."""
    return Part(
        name="runtime",
        place=DEVICE,
        size=CUDA_CONTEXT,
        basis=say("what a CUDA process takes of a device: 309 MiB seen with llama.cpp, up to 600 with more libraries"),
    )


def process(size: float, basis: str, below: float = 0.3, above: float = 0.4) -> Part:
    """The program itself, before it has a model."""
    return Part(name="runtime", place=HOST, size=around(size, below, above), basis=basis)

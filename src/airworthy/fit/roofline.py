"""How long each phase takes: the larger of the time for its bytes and of that for its operations.

Source: Williams, Waterman and Patterson, "Roofline: an insightful visual performance model", 2009.

Reading a prompt computes a product with each weight for each of its tokens; writing reads all weights, and the keys and
values of each request, once a token for all requests together.
"""

from __future__ import annotations

import msgspec

from airworthy.core.messages import say
from airworthy.fit.devices import FitDevice, Rate, reached
from airworthy.fit.parts import Interval
from airworthy.fit.question import FitModel, Use
from airworthy.knowledge import cache as attention

READING = 0.75
"""The share of a memory's bandwidth that writing tokens reaches, of one that was not measured with the engine."""
COMPUTING = 0.5
"""The share of the arithmetic that reading a prompt reaches, likewise."""
STEP = {True: 3e-4, False: 5e-5}
"""Seconds that starting one step takes, on an accelerator and on a processor."""


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a model is on a device, with so many requests at a time."""

    first_token: Interval
    """Seconds until the first token of a prompt of half the context; of an encoder, those of one pass."""
    token: Interval
    """Seconds between two tokens of one request; 0 for a model that writes none."""
    tokens: Interval
    """Tokens a second of all requests together; of an encoder, rows."""
    bound: str
    """What limits it: `memory` or `arithmetic`."""
    sources: tuple[str, ...]
    """Where its numbers are from."""


def speed(
    model: FitModel, use: Use, device: FitDevice, *, bits: float, dtype: str, prompt: int = 0, split: int = 1
) -> Speed | None:
    """The speed by the roofline; None where a number is missing.

    Args:
        model: the model.
        use: requests at a time, and their context.
        device: where it runs.
        bits: bits of a weight.
        dtype: the type of the products.
        prompt: tokens of a prompt; half the context when 0.
        split: devices that share each layer.
    """
    arithmetic, bandwidth = device.rate(dtype), device.bandwidth
    if arithmetic is None or bandwidth is None or not model.parameters:
        return None
    active = active_parameters(model)
    computing = _times(reached(arithmetic, COMPUTING), split)
    reading = _times(reached(bandwidth, READING), split)
    step = STEP[device.accelerator]
    sources = (_source(say("memory"), bandwidth), _source(dtype, arithmetic))
    if not model.generates:
        rows = max(1, use.users)
        operations = rows * (model.operations or 2.0 * _without_words(model, active) * use.context)
        once = _longest(operations, computing, active * bits / 8, reading, step)
        rate = _rate(rows, once)
        bound = _bound(operations, computing, active * bits / 8, reading)
        return Speed(first_token=once, token=Interval(0, 0, 0), tokens=rate, bound=bound, sources=sources)
    prompt = prompt or max(1, use.context // 2)
    operations = 2.0 * active * prompt + _looking(model, prompt)
    first = _longest(operations, computing, active * bits / 8, reading, step)
    users = max(1, use.users)
    bytes_ = active * bits / 8 * _experts(model, users) + users * _kept(model, use, prompt)
    operations = 2.0 * active * users
    each = _longest(operations, computing, bytes_, reading, step)
    bound = _bound(operations, computing, bytes_, reading)
    return Speed(first_token=first, token=each, tokens=_rate(users, each), bound=bound, sources=sources)


def active_parameters(model: FitModel) -> float:
    """Parameters that one token is multiplied with: of a mixture those of the experts that it passes through."""
    total, shape = model.parameters or 0.0, model.shape
    if shape is None or not shape.experts or not shape.experts_used:
        return total
    experts = 3.0 * shape.layers * shape.embedding * shape.feed_forward * shape.experts
    return max(0.02 * total, total - experts * (1 - shape.experts_used / shape.experts))


def _experts(model: FitModel, users: int) -> float:
    """How much more of a mixture several requests read than one, whose tokens pass through different experts."""
    shape = model.shape
    if shape is None or not shape.experts or not shape.experts_used or not model.parameters:
        return 1.0
    share = shape.experts_used / shape.experts
    seen = 1 - (1 - share) ** users
    active = active_parameters(model)
    experts = (model.parameters - active) / max(1e-9, 1 - share)
    return (active + experts * (seen - share)) / active


def _without_words(model: FitModel, active: float) -> float:
    """Parameters without the table of words, which an encoder looks up."""
    shape = model.shape
    return active - min(0.7 * active, shape.vocabulary * shape.embedding) if shape is not None else active


def _looking(model: FitModel, prompt: int) -> float:
    shape = model.shape
    if shape is None:
        return 0.0
    return 2.0 * shape.layers * shape.heads * shape.head_size * prompt * prompt


def _kept(model: FitModel, use: Use, prompt: int) -> float:
    """Bytes of keys, values and states that one request reads for a token, at the middle of its answer."""
    if model.cache is None:
        return 0.0
    return attention.parts(model.cache, prompt + (use.context - prompt) // 2, use.key_type, use.value_type).total


def _longest(operations: float, computing: Interval, bytes_: float, reading: Interval, step: float) -> Interval:
    """The larger of both times; rates are at most what is reached, so the shortest time is with the highest."""
    return Interval(
        max(operations / computing.high, bytes_ / reading.high) + step / 3,
        max(operations / computing.point, bytes_ / reading.point) + step,
        max(operations / computing.low, bytes_ / reading.low) + 3 * step,
    )


def _bound(operations: float, computing: Interval, bytes_: float, reading: Interval) -> str:
    return "arithmetic" if operations / computing.point > bytes_ / reading.point else "memory"


def _rate(count: float, seconds: Interval) -> Interval:
    return Interval(count / seconds.high, count / seconds.point, count / seconds.low)


def _times(interval: Interval, count: int) -> Interval:
    """Several devices together; what they tell each other costs some of it."""
    return interval if count <= 1 else interval.times(count * 0.85)


def _source(name: str, rate: Rate) -> str:
    return say("{name}: {basis}, {source}", name=name, basis=rate.basis, source=rate.source or say("no page"))

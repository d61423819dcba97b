"""What to do when a model does not fit: each way with what it saves and what it costs in speed."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from airworthy.core.messages import say
from airworthy.fit import engines
from airworthy.fit.choice import USABLE_SHARE, Choice, adapted, requantised
from airworthy.fit.devices import FitDevice
from airworthy.fit.parts import DEVICE, HOST
from airworthy.fit.question import FitModel, Use
from airworthy.knowledge import cache as attention
from airworthy.knowledge.precisions import precision, precisions

SMALLEST_CONTEXT = 512
"""Tokens below which a conversation makes no sense."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way."""

    what: str
    """What to do."""
    name: str
    """`quantise`, `context`, `kv`, `slots`, `split`, `offload`, `map`."""
    saves: float
    """Bytes of the device that it saves."""
    fits: bool
    """Whether the model fits then."""
    speed: float
    """The speed of writing tokens as a share of that before; 1 where it stays."""
    cost: str
    """What it costs, one line."""


def ways(model: FitModel, choice: Choice, *, devices: int = 1) -> tuple[Way, ...]:
    """All ways, those that suffice first, the cheapest in speed first among them."""
    if choice.room is None:
        return ()
    found = [
        *_quantise(model, choice),
        *_context(model, choice),
        *_cache(model, choice),
        *_slots(model, choice),
        *_split(model, choice, devices),
        *_offload(model, choice),
        *_map(model, choice),
    ]
    return tuple(sorted(found, key=lambda way: (not way.fits, -way.speed, -way.saves)))


def _peak(model: FitModel, choice: Choice, use: Use) -> float:
    place = DEVICE if choice.device.accelerator else HOST
    return engines.memory(choice.engine, model, use).peak(place).high


def _usable(choice: Choice) -> float:
    return (choice.room or 0) * USABLE_SHARE


def _quantise(model: FitModel, choice: Choice) -> Iterator[Way]:
    own = precision(choice.precision)
    bits = own.bits if own is not None else 8 * choice.estimate.of("weights").point / (model.parameters or 1)
    taken = _peak(model, choice, choice.use)
    names = {"llamacpp": ("Q8_0", "Q6_K", "Q4_K_M", "Q3_K_M"), "vllm": ("FP8", "AWQ")}.get(choice.engine, ("INT8",))
    for row in precisions():
        if row.name not in names or row.bits > 0.9 * bits or not model.parameters:
            continue
        changed = requantised(model, row)
        amount = _peak(changed, choice, choice.use)
        before = choice.estimate.of("weights").point
        after = changed.weights.point if changed.weights is not None else before
        yield Way(
            name="quantise",
            what=say("store the weights in {name}", name=row.name),
            saves=taken - amount,
            fits=amount <= _usable(choice),
            speed=max(1.0, before / max(after, 1.0)),
            cost=say("quality: {loss} ({evidence})", loss=row.loss, evidence=row.measure),
        )


def _context(model: FitModel, choice: Choice) -> Iterator[Way]:
    if model.cache is None:
        return
    taken, low, high = _peak(model, choice, choice.use), 0, choice.use.context
    while low < high:
        middle = (low + high + 1) // 2
        fits = _peak(model, choice, msgspec.structs.replace(choice.use, context=middle)) <= _usable(choice)
        low, high = (middle, high) if fits else (low, middle - 1)
    size = low // 256 * 256 if low >= 256 else low
    if size < SMALLEST_CONTEXT:
        size = SMALLEST_CONTEXT
    if size >= choice.use.context:
        return
    amount = _peak(model, choice, msgspec.structs.replace(choice.use, context=size))
    yield Way(
        name="context",
        what=say("a context of {tokens} tokens", tokens=size),
        saves=taken - amount,
        fits=amount <= _usable(choice),
        speed=1.0,
        cost=say("longer requests are refused"),
    )


def _cache(model: FitModel, choice: Choice) -> Iterator[Way]:
    if model.cache is None or choice.use.key_type not in ("f16", "bf16"):
        return
    taken = _peak(model, choice, choice.use)
    kinds = {"llamacpp": ("q8_0", "q4_0"), "vllm": ("fp8",)}.get(choice.engine, ())
    for kind in kinds:
        amount = _peak(model, choice, msgspec.structs.replace(choice.use, key_type=kind, value_type=kind))
        if amount < taken:
            yield Way(
                name="kv",
                what=say("keep keys and values in {kind}", kind=kind),
                saves=taken - amount,
                fits=amount <= _usable(choice),
                speed=0.95,
                cost=say("quality: negligible with q8_0 and fp8, visible with q4_0 in long contexts"),
            )


def _slots(model: FitModel, choice: Choice) -> Iterator[Way]:
    users = choice.use.users
    if users < 2 or model.cache is None:
        return
    taken = _peak(model, choice, choice.use)
    for count in sorted({users // 2, 1}, reverse=True):
        amount = _peak(model, choice, msgspec.structs.replace(choice.use, users=count))
        yield Way(
            name="slots",
            what=say("{count} requests at a time", count=count),
            saves=taken - amount,
            fits=amount <= _usable(choice),
            speed=1.0,
            cost=say("the others wait: {share:.0%} of the tokens a second in all", share=count / users),
        )


def _split(model: FitModel, choice: Choice, devices: int) -> Iterator[Way]:
    if not choice.device.accelerator or choice.engine not in ("llamacpp", "vllm"):
        return
    taken = _peak(model, choice, choice.use)
    for count in (2, 4, 8, 16):
        if count <= choice.split:
            continue
        amount = _peak(model, choice, adapted(choice.use, choice.device, choice.engine, count))
        if amount <= _usable(choice) or count == 16:
            here = say("there are {devices} here", devices=devices) if count > devices else say("they are here")
            yield Way(
                name="split",
                what=say("divide it among {count} such devices", count=count),
                saves=taken - amount,
                fits=amount <= _usable(choice),
                speed=0.85 * count / choice.split if choice.engine == "vllm" else 0.95,
                cost=here,
            )
            return


def _offload(model: FitModel, choice: Choice) -> Iterator[Way]:
    """Layers that stay with the processor, whose memory is read more slowly."""
    shape = model.shape
    if not choice.device.accelerator or choice.engine != "llamacpp" or shape is None or not shape.layers:
        return
    taken = _peak(model, choice, choice.use)
    layer = (choice.estimate.of("weights", place=DEVICE).point + choice.estimate.of("kv").point) / shape.layers
    over = taken - _usable(choice)
    moved = min(shape.layers, max(0, int(-(-over // layer)))) if layer else 0
    if not moved:
        return
    slow, fast = 4.0e10, choice.device.bandwidth.value if choice.device.bandwidth is not None else 5.0e11
    share = moved / shape.layers
    yield Way(
        name="offload",
        what=say(
            "leave {moved} of {layers} layers to the processor: -ngl {left}",
            moved=moved,
            layers=shape.layers,
            left=shape.layers - moved,
        ),
        saves=moved * layer,
        fits=taken - moved * layer <= _usable(choice),
        speed=1 / (1 - share + share * fast / slow),
        cost=say("those layers are read at the speed of the host's memory, about {slow:.0f} GB/s", slow=slow / 1e9),
    )


def _map(model: FitModel, choice: Choice) -> Iterator[Way]:
    """A processor reads what does not fit from the file, again for each token."""
    device: FitDevice = choice.device
    if device.accelerator or choice.engine != "llamacpp" or model.weights is None:
        return
    other = _peak(model, choice, choice.use) - model.weights.high
    left = _usable(choice) - other
    missing = max(0.0, model.weights.point - max(0.0, left))
    disk = device.disk.value if device.disk is not None else 1.0e9
    memory = device.bandwidth.value if device.bandwidth is not None else 2.0e10
    before, after = model.weights.point / memory, model.weights.point / memory + missing / disk
    yield Way(
        name="map",
        what=say("map the file: {missing:bytes} of the weights are read from the disk for each token", missing=missing),
        saves=missing,
        fits=left > 0,
        speed=before / after,
        cost=say(
            "{seconds:seconds} more for each token, from a disk of {disk:.1f} GB/s",
            seconds=after - before,
            disk=disk / 1e9,
        ),
    )


def longest_context(model: FitModel, choice: Choice) -> int:
    """The longest context that fits with the same number of requests; 0 where none does."""
    if model.cache is None or choice.room is None:
        return 0
    limit = model.cache.longest or choice.use.context
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        fits = _peak(model, choice, msgspec.structs.replace(choice.use, context=middle)) <= _usable(choice)
        low, high = (middle, high) if fits else (low, middle - 1)
    return low // attention.BLOCK * attention.BLOCK if low >= attention.BLOCK else low

"""The matrix of engines, precisions and devices: what fits, how fast it is, what it loses, in which order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Optional

import msgspec

from airworthy.core.messages import say
from airworthy.fit import engines
from airworthy.fit.devices import FitDevice
from airworthy.fit.parts import DEVICE, HOST, Interval, MemoryEstimate, around
from airworthy.fit.question import FitModel, Use
from airworthy.fit.roofline import Speed, speed
from airworthy.knowledge import format_hardware
from airworthy.knowledge.precisions import Precision, precision, precisions

USABLE_SHARE = 0.85
"""The share of the available memory that is planned with; the rest is for what no header reports."""
PREFERENCES = ("latency", "throughput", "quality", "cost")
"""What choices are ranked by."""
MAX_SPLIT = 8
"""Devices that one model is divided among at the most."""
LOSSES = ("none", "negligible", "small", "visible", "heavy")
"""Classes of what a precision costs in quality, the best first."""


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """A program that runs models."""

    name: str
    """`airworthy`, `ollama`, `llama.cpp`, `vllm`, …"""
    memory: str
    """The engine whose memory it has."""
    formats: tuple[str, ...]
    """Formats that it loads as they are."""
    kinds: tuple[str, ...]
    """Networks that it runs; empty for all."""
    accelerators: tuple[str, ...]
    """Makers of accelerators that it runs on."""
    processor: bool
    """Whether it runs on a processor."""
    table: str = ""
    """Its name in the table of formats and hardware."""


LANGUAGE = ("decoder",)
PROGRAMS = (
    Serving(
        name="airworthy",
        memory="llamacpp",
        formats=("gguf",),
        kinds=LANGUAGE,
        accelerators=(),
        processor=True,
        table="llamacpp",
    ),
    Serving(
        name="airworthy",
        memory="onnxruntime",
        formats=("onnx",),
        kinds=("encoder", "cnn", "unknown"),
        accelerators=("nvidia",),
        processor=True,
    ),
    Serving(
        name="llama.cpp",
        memory="llamacpp",
        formats=("gguf",),
        kinds=LANGUAGE,
        accelerators=("nvidia", "amd", "apple", "intel", "ascend"),
        processor=True,
        table="llamacpp",
    ),
    Serving(
        name="ollama",
        memory="llamacpp",
        formats=("gguf",),
        kinds=LANGUAGE,
        accelerators=("nvidia", "amd", "apple"),
        processor=True,
        table="llamacpp",
    ),
    Serving(
        name="vllm",
        memory="vllm",
        formats=("safetensors", "pytorch"),
        kinds=("decoder", "encoder", "encoder-decoder"),
        accelerators=("nvidia", "amd"),
        processor=False,
        table="vllm",
    ),
    Serving(
        name="sglang",
        memory="vllm",
        formats=("safetensors", "pytorch"),
        kinds=LANGUAGE,
        accelerators=("nvidia", "amd"),
        processor=False,
        table="sglang",
    ),
    Serving(
        name="vllm-ascend",
        memory="vllm",
        formats=("safetensors", "pytorch"),
        kinds=LANGUAGE,
        accelerators=("ascend",),
        processor=False,
        table="vllm",
    ),
    Serving(
        name="mindie",
        memory="vllm",
        formats=("safetensors",),
        kinds=LANGUAGE,
        accelerators=("ascend",),
        processor=False,
    ),
    Serving(
        name="transformers",
        memory="pytorch",
        formats=("safetensors", "pytorch"),
        kinds=(),
        accelerators=("nvidia", "amd"),
        processor=True,
    ),
    Serving(
        name="openvino",
        memory="openvino",
        formats=("openvino", "gguf", "safetensors"),
        kinds=(),
        accelerators=(),
        processor=True,
    ),
)
"""Programs, ours first: among equals the earlier one is chosen."""
_MAKES = {"llamacpp": ("Q8_0", "Q4_K_M"), "vllm": ("FP8", "AWQ"), "openvino": ("INT8",), "onnxruntime": ("INT8",)}
"""Precisions that a model can be brought to for an engine."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One way to run a model."""

    program: str
    """What runs it."""
    engine: str
    """The engine whose memory it has."""
    precision: str
    """How its weights are stored."""
    device: FitDevice
    """Where it runs."""
    split: int
    """Devices that it is divided among."""
    use: Use
    """Context and requests at a time."""
    estimate: MemoryEstimate
    """What it takes."""
    needed: Interval
    """Bytes of each device's memory, at the peak."""
    room: Optional[int]
    """Bytes that can be planned with on each; None where that is not known."""
    fits: str
    """`yes`, `maybe` where only the likely amount fits, `no`, or `unknown`."""
    speed: Optional[Speed]
    """How fast; None where a number is missing."""
    loss: str
    """The class of what the precision costs in quality; empty where it is not known."""
    loss_basis: str
    """The measure behind it."""
    lost: tuple[str, ...]
    """What has to be converted first, or is not certain, one line each."""


def choices(model: FitModel, use: Use, devices: Sequence[FitDevice], *, prefer: str = "latency") -> tuple[Choice, ...]:
    """All ways to run a model on some devices, the best first."""
    found = [each for device in devices for each in _on(model, use, device)]
    return tuple(sorted(found, key=lambda each: _rank(each, prefer)))


def _on(model: FitModel, use: Use, device: FitDevice) -> Iterator[Choice]:
    kind = model.shape.kind if model.shape is not None else "unknown"
    for program in PROGRAMS:
        runs_here = device.vendor in program.accelerators if device.accelerator else program.processor
        if not runs_here or (program.kinds and kind not in program.kinds):
            continue
        for wanted, lost in _precisions(model, program):
            answer, _ = _support(program, wanted, device)
            if answer == format_hardware.NO:
                continue
            notes = list(lost)
            if answer == format_hardware.WEIGHTS_ONLY:
                notes.append(say("widened while it computes: saves memory, not arithmetic"))
            elif answer == format_hardware.UNKNOWN and program.table and wanted is not None and wanted.bits < 16:
                notes.append(say("no source says that this device has a kernel for it"))
            yield _choice(model, use, device, program, wanted, tuple(notes))


def _support(
    program: Serving, wanted: Precision | None, device: FitDevice
) -> tuple[str, format_hardware.FormatSupport | None]:
    if wanted is None or wanted.bits >= 16 or not program.table:
        return format_hardware.YES, None
    return format_hardware.support(program.table, wanted.name, device.vendor, device.capability)


def _precisions(model: FitModel, program: Serving) -> Iterator[tuple[Precision | None, tuple[str, ...]]]:
    """How its weights may be stored for a program: as they are, and what they can be made into."""
    own = precision(model.quantization)
    loads = model.format in program.formats or not model.format
    if loads:
        yield own, ()
    elif program.memory == "llamacpp" and model.format in ("safetensors", "pytorch", "huggingface"):
        pass
    elif program.memory in ("onnxruntime", "openvino") and model.format in ("safetensors", "pytorch"):
        yield precision("fp32"), (say("export it first"),)
    else:
        return
    wide = own is None or own.bits >= 16
    if not wide:
        return
    for name in _MAKES.get(program.memory, ()):
        row = next((each for each in precisions() if each.name == name), None)
        if row is not None and row is not own:
            yield row, (say("quantise it to {name} first", name=row.name),)


def _choice(
    model: FitModel,
    use: Use,
    device: FitDevice,
    program: Serving,
    wanted: Precision | None,
    lost: tuple[str, ...],
) -> Choice:
    changed = requantised(model, wanted)
    split, used, estimate, needed, fits = 1, use, None, Interval(0, 0, 0), "unknown"
    for count in _splits(device, program):
        split = count
        used = adapted(use, device, program.memory, count)
        estimate = engines.memory(program.memory, changed, used)
        needed = estimate.peak(DEVICE if device.accelerator else HOST)
        fits = verdict(needed, device.room)
        if fits in ("yes", "unknown"):
            break
    assert estimate is not None
    bits = wanted.bits if wanted is not None else _bits(changed)
    dtype = wanted.arithmetic if wanted is not None else "float32"
    if not device.accelerator and dtype not in ("int8", "float32"):
        dtype = "float32"
    measured = speed(changed, used, device, bits=bits, dtype=dtype, split=split) if bits else None
    return Choice(
        program=program.name,
        engine=program.memory,
        precision=wanted.name if wanted is not None else (model.quantization or say("as stored")),
        device=device,
        split=split,
        use=used,
        estimate=estimate,
        needed=needed,
        room=device.room,
        fits=fits,
        speed=measured,
        loss=_loss(model, wanted),
        loss_basis=wanted.measure if wanted is not None else say("as stored"),
        lost=lost,
    )


def adapted(use: Use, device: FitDevice, engine: str, split: int) -> Use:
    """A use as an engine has it on a device."""
    return msgspec.structs.replace(
        use,
        accelerator=device.accelerator,
        devices=split if engine == "llamacpp" else 1,
        parallel=split,
        all_outputs=False if use.all_outputs is None else use.all_outputs,
        ubatch=use.ubatch if device.accelerator else min(use.ubatch, 256),
        sequences=use.sequences or (max(1, use.users) if engine == "vllm" else 0),
        unified=use.unified and engine == "llamacpp",
    )


def requantised(model: FitModel, wanted: Precision | None) -> FitModel:
    """A model with its weights stored in another way."""
    own = precision(model.quantization)
    if wanted is None or wanted is own or model.weights is None or not model.parameters:
        return model
    bits, basis = (
        wanted.bits,
        say("{count:count} parameters of {bits:g} bits", count=model.parameters, bits=wanted.bits),
    )
    size = model.parameters * bits / 8
    if wanted.ends and model.shape is not None:
        ends = model.shape.vocabulary * model.shape.embedding * (1 if model.shape.tied else 2)
        size += max(0.0, ends * (wanted.ends - bits) / 8)
    spread = 0.005 if wanted.exact else 0.06
    return msgspec.structs.replace(
        model,
        weights=around(size, spread, spread),
        weights_basis=basis,
        quantization=wanted.name,
        format=model.format if wanted.bits >= 16 else "",
        largest_shard=int(min(model.largest_shard or size, size)),
    )


def verdict(needed: Interval, room: int | None) -> str:
    """Whether an amount fits into a device with so much room."""
    if room is None:
        return "unknown"
    usable = room * USABLE_SHARE
    return "yes" if needed.high <= usable else "maybe" if needed.point <= room else "no"


def _splits(device: FitDevice, program: Serving) -> list[int]:
    if not device.accelerator or program.memory in ("onnxruntime", "openvino"):
        return [1]
    return [count for count in (1, 2, 4, 8) if count <= min(device.count, MAX_SPLIT)] or [1]


def _bits(model: FitModel) -> float:
    if model.weights is None or not model.parameters:
        return 0.0
    return 8 * model.weights.point / model.parameters


def _loss(model: FitModel, wanted: Precision | None) -> str:
    if wanted is None:
        return ""
    own = precision(model.quantization)
    return "none" if own is not None and wanted.bits >= own.bits and own.bits >= 16 else wanted.loss


_FITS = {"yes": 0, "unknown": 1, "maybe": 2, "no": 3}


def _rank(choice: Choice, prefer: str) -> tuple[float, ...]:
    """The lower, the better: what fits comes first, whatever is preferred."""
    quick = choice.speed
    loss = LOSSES.index(choice.loss) if choice.loss in LOSSES else len(LOSSES)
    token = (quick.token.point or quick.first_token.point) if quick is not None else math.inf
    first = quick.first_token.point if quick is not None else math.inf
    tokens = -quick.tokens.point if quick is not None else 0.0
    order = next((index for index, each in enumerate(PROGRAMS) if each.name == choice.program), 99)
    bytes_ = choice.needed.point * choice.split
    # A model of less quality is not the better one for being faster: heavy losses come last.
    heavy = 1.0 if loss >= LOSSES.index("visible") and loss < len(LOSSES) else 0.0
    worked = float(bool(choice.lost))
    by = {
        "latency": (heavy, token, first, loss),
        "throughput": (heavy, tokens, loss, token),
        "quality": (loss, worked, token, tokens),
        "cost": (heavy, choice.device.accelerator * choice.split, bytes_, loss),
    }[prefer]
    # The model as it is comes before one that has to be made first, where it fits.
    return (_FITS[choice.fits], worked, *by, float(order))

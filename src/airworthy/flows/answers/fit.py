"""The answer of `fit`."""

from __future__ import annotations

from typing import Any, Literal, Optional

import msgspec

from airworthy.core.report import VerbAnswer


class FitPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One part of the memory of the first choice."""

    name: str
    """`weights`, `kv`, `compute`, `runtime`, `load` and others."""
    place: Literal["host", "device"]
    """Where it lies."""
    mib: tuple[float, float, float]
    """At least, most likely, at most, in MiB."""
    basis: str
    """What it was worked out from."""
    mapped: bool = False
    """Whether it is mapped from a file."""
    passing: bool = False
    """Whether it is there only while the model loads."""


class FitChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One way to run the model."""

    program: str
    """What runs it."""
    engine: str
    """The engine whose memory it has."""
    precision: str
    """How its weights are stored."""
    device: str
    """Where it runs."""
    devices: int = 1
    """Devices that it is divided among."""
    context: int
    """Tokens of one request."""
    users: int
    """Requests at a time."""
    fits: Literal["yes", "maybe", "no", "unknown"]
    """Whether it fits; `maybe` where only the likely amount does."""
    memory_mib: tuple[float, float, float]
    """What each device needs: at least, most likely, at most, in MiB."""
    room_mib: Optional[float] = None
    """What each has available, in MiB."""
    headroom_mib: Optional[float] = None
    """What is left of it at the most that is needed, in MiB; below 0 where it does not fit."""
    first_token_seconds: Optional[tuple[float, float, float]] = None
    """Seconds to the first token of a prompt of half the context, or of one pass of an encoder."""
    token_seconds: Optional[tuple[float, float, float]] = None
    """Seconds between two tokens of one request."""
    tokens_per_second: Optional[tuple[float, float, float]] = None
    """Tokens a second of all requests together; rows of an encoder."""
    bound: str = ""
    """What limits the speed: `memory` or `arithmetic`."""
    loss: str = ""
    """What the precision costs in quality: `none`, `negligible`, `small`, `visible`, `heavy`."""
    loss_basis: str = ""
    """The measure behind it, from the literature."""
    lost: tuple[str, ...] = ()
    """What has to be converted first, and what is not certain."""
    sources: tuple[str, ...] = ()
    """Where the numbers of the speed are from."""
    commands: tuple[str, ...] = ()
    """What to type."""


class FitWay(msgspec.Struct, frozen=True, kw_only=True):
    """What to do where it does not fit."""

    name: str
    """`quantise`, `context`, `kv`, `slots`, `split`, `offload` or `map`."""
    what: str
    """In words."""
    saves_mib: float
    """What it saves of each device, in MiB."""
    fits: bool
    """Whether the model fits then."""
    speed: float
    """The speed of writing tokens as a share of that before."""
    cost: str
    """What it costs."""


class FitAnswer(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `fit`."""

    verdict: Literal["fits", "does-not-fit", "unknown"]
    """Whether the first choice fits."""
    model: dict[str, Any]
    """What the model is: `name`, `format`, `kind`, `parameters`, `quantization`, `longest_context`."""
    engine: str
    """The engine of the figures below."""
    device: str
    """Where those figures are for."""
    weights_mib: Optional[float]
    """Its weights in MiB; null where they can't be worked out."""
    kv_mib: Optional[float]
    """Keys, values and states of all requests in MiB; null for a model that keeps none, or where that is not known."""
    compute_mib: tuple[float, float]
    """Buffers of a computation in MiB, from at least to at most."""
    total_mib: tuple[float, float, float]
    """What it takes of the device in all: at least, most likely, at most, in MiB."""
    host_mib: tuple[float, float, float]
    """What the process takes of the host, likewise."""
    kv_tokens: Optional[int] = None
    """Tokens that the cache holds, of an engine that gives it what is left of a device."""
    parts: tuple[FitPart, ...] = ()
    """What those are made of."""
    assumed: tuple[str, ...] = ()
    """What was assumed because nothing reports it."""
    choices: tuple[FitChoice, ...] = ()
    """Ways to run it, the best first."""
    prefer: str = "latency"
    """What they are ranked by."""
    ways: tuple[FitWay, ...] = ()
    """What to do where the first choice does not fit, or fits only maybe."""
    calibration: Optional[dict[str, Any]] = None
    """What was measured of this machine: rates in bytes and operations a second, with the day."""
    load: Optional[dict[str, Any]] = None
    """How many machines a load takes, with `--load`."""

"""The frames between gateway and worker: a typed header in MessagePack, then the tensors' bytes.

    length of the rest (u32) · length of the header (u32) · header · data of the tensors, one after the other

Both sides are ours and of one version; a frame that doesn't decode ends the link.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Optional, Union

import msgspec

from airworthy.core.model import ModelInfo, TensorSpec
from airworthy.engines.generation import AnyEvent, GenerationRequest, GeneratorInfo
from airworthy.engines.interface import RunnerOptions
from airworthy.serve.tensors import Buffer, Tensor, TensorMeta
from airworthy.serve.workers.row_checks import GraphProof, PaddedTexts, RowTrials, TrialOutcome

MOST_FRAME = 1 << 30
"""The largest frame in bytes; a larger length means that the stream is damaged."""

_LENGTHS = struct.Struct("<II")


class WireMessage(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The base of all headers."""


class Load(WireMessage, frozen=True, array_like=True, tag=True):
    """Gateway → worker, first: load this."""

    engine: str
    """The engine's name in the registry."""
    model: ModelInfo
    """The model."""
    options: RunnerOptions
    """How to run it."""
    texts: Optional[PaddedTexts] = None
    """What its texts are padded with, where it takes texts."""
    version: str = ""
    """The model's version, for the log."""


class Ready(WireMessage, frozen=True, array_like=True, tag=True):
    """Worker → gateway: the model is loaded."""

    inputs: tuple[TensorSpec, ...]
    """What the runtime says it takes."""
    outputs: tuple[TensorSpec, ...]
    """What the runtime says it gives."""
    lanes: int
    """How many runs it takes at the same time."""
    seconds: float
    """Time from the process's start to here."""
    generator: Union[GeneratorInfo, None] = None
    """What it is, where it generates text; None for a runner of batches."""
    proof: Optional[GraphProof] = None
    """What its graph says of its rows, where only the worker can read it."""


class Run(WireMessage, frozen=True, array_like=True, tag=True):
    """Gateway → worker: run this batch."""

    id: int
    """A number that the reply carries."""
    inputs: tuple[TensorMeta, ...]
    """The tensors whose data follows."""
    budget: float
    """Seconds until no client waits for the outputs any more."""
    wanted: tuple[str, ...] = ()
    """The outputs to send back; empty for all."""
    exclusive: bool = False
    """Whether nothing else runs, so that it may have all threads."""


class RunResult(WireMessage, frozen=True, array_like=True, tag=True):
    """Worker → gateway: the outputs of a batch."""

    id: int
    """The number of the `Run`."""
    outputs: tuple[TensorMeta, ...]
    """The tensors whose data follows."""
    seconds: float
    """Time that the runtime took."""


class Generate(WireMessage, frozen=True, array_like=True, tag=True):
    """Gateway → worker: generate this text; chunks come back until one ends with `Finished`, or a failure."""

    id: int
    """A number that the chunks carry."""
    request: GenerationRequest
    """What to generate."""
    budget: float
    """Seconds until no client waits for it any more."""
    tenant: str = ""
    """Who asks: a link to other servers keeps their caches apart by it."""


class Chunk(WireMessage, frozen=True, array_like=True, tag=True):
    """Worker → gateway: what happened since the last chunk."""

    id: int
    """The number of the `Generate`."""
    events: tuple[AnyEvent, ...]
    """In their order; `Finished` is the last one of all."""


class Tokenize(WireMessage, frozen=True, array_like=True, tag=True):
    """Gateway → worker: the tokens of a text, or how many a request's prompt has."""

    id: int
    """A number that the reply carries."""
    text: str = ""
    """The text, where there is no request."""
    request: Union[GenerationRequest, None] = None
    """The request whose prompt is counted."""


class Tokens(WireMessage, frozen=True, array_like=True, tag=True):
    """Worker → gateway: the answer to `Tokenize`."""

    id: int
    """The number of the `Tokenize`."""
    count: int
    """How many tokens there are."""
    ids: tuple[int, ...] = ()
    """The tokens of a text."""


class RunFailure(WireMessage, frozen=True, array_like=True, tag=True):
    """Worker → gateway: a run or the load failed; the worker lives on after a failed run."""

    id: int
    """The number of the `Run`; 0 for the load."""
    code: str
    """The error's code."""
    params: dict[str, Any]
    """The parameters of its message."""


class TrialRequest(WireMessage, frozen=True, array_like=True, tag=True):
    """Gateway → worker: find by trial runs whether requests may share a run."""

    id: int
    """A number that the reply carries."""
    trials: RowTrials
    """What to try."""


class TrialReply(WireMessage, frozen=True, array_like=True, tag=True):
    """Worker → gateway: what the trial runs found."""

    id: int
    """The number of the `TrialRequest`."""
    outcome: TrialOutcome
    """What was found."""


class Cancel(WireMessage, frozen=True, array_like=True, tag=True):
    """Gateway → worker: no client waits for the outputs any more."""

    id: int
    """The number of the `Run`."""


class Stop(WireMessage, frozen=True, array_like=True, tag=True):
    """Gateway → worker: close the model and exit."""


_ToWorker = Union[Load, Run, Generate, Tokenize, TrialRequest, Cancel, Stop]
_ToGateway = Union[Ready, RunResult, Chunk, Tokens, RunFailure, TrialReply]
AnyMessage = Union[_ToWorker, _ToGateway]
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)


class WireError(Exception):
    """The stream is damaged; the link must be closed."""


def encode(message: AnyMessage, data: Sequence[Buffer] = ()) -> list[Buffer]:
    """A frame as parts to write one after the other; the data is not copied.

    Raises:
        WireError: it is too large, or holds an integer of more than 64 bits.
    """
    try:
        header = _encoder.encode(message)
    except (OverflowError, RecursionError) as error:  # what a client sent has no bounds of its own
        raise WireError(f"a message can't be encoded: {error}") from None
    rest = 4 + len(header) + sum(map(len, data))
    if rest > MOST_FRAME:
        raise WireError(f"a frame of {rest} bytes is over the limit")
    return [_LENGTHS.pack(rest, len(header)) + header, *data]


def decode(frame: Buffer) -> tuple[AnyMessage, memoryview]:
    """A frame without its first length: the header and the data behind it.

    Raises:
        WireError: it doesn't decode.
    """
    view = memoryview(frame)
    try:
        (length,) = struct.unpack_from("<I", view)
        return _decoder.decode(view[4 : 4 + length]), view[4 + length :]
    except (struct.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WireError(f"a frame does not decode: {error}") from None


def split(metas: Sequence[TensorMeta], data: memoryview) -> Iterator[Tensor]:
    """The tensors of a frame, as views of its data.

    Raises:
        WireError: the sizes disagree with the data.
    """
    position = 0
    for meta in metas:
        end = position + meta.size
        if meta.size < 0 or end > len(data):
            raise WireError(f"tensor {meta.name} is cut short")
        yield Tensor(meta, data[position:end])
        position = end
    if position != len(data):
        raise WireError("data is left over behind the tensors")


class Reader:
    """Takes bytes as they come and gives whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: Buffer) -> Iterator[tuple[AnyMessage, memoryview]]:
        """Add bytes; give the frames that they complete.

        Raises:
            WireError: the stream is damaged.
        """
        self._buffer += data
        position = 0
        while len(self._buffer) - position >= 4:
            (rest,) = struct.unpack_from("<I", self._buffer, position)
            if not 4 <= rest <= MOST_FRAME:
                raise WireError(f"a frame says it has {rest} bytes")
            if len(self._buffer) - position - 4 < rest:
                break
            start = position + 4
            position = start + rest
            yield decode(bytes(self._buffer[start:position]))
        if position:
            del self._buffer[:position]

"""Requests that a version answers before it gets traffic: those of clients, as they come, or made up ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.core.model import TensorSpec
from airworthy.engines.generation import Finished, GenerationRequest, Sampling
from airworthy.serve.models.catalogue import Served
from airworthy.serve.models.releases.comparison import all_finite, difference
from airworthy.serve.models.served import UNSEEN, ServedModel
from airworthy.serve.models.served_generator import ServedGenerator
from airworthy.serve.models.text_inputs import TokenIds, token_request
from airworthy.serve.scheduling.requests import InferenceRequest
from airworthy.serve.tensors import BYTE_WIDTH, Tensor, TensorMeta, element_count, pack, pack_strings

MAX_RECORDED = 32
"""Requests of clients that are kept for the comparison; the latest."""
MAX_RECORDED_BYTES = 4 * 1024 * 1024
"""Bytes of a request's tensors beyond which it is not kept."""
MAX_VARYING = 4
"""What a size that varies is taken to be in a request that is made up."""
MAX_ELEMENTS = 1 << 22
"""Values of an input beyond which no request is made up."""
TEXT = "An aircraft is airworthy if it is fit to fly."
"""The text of requests that are made up."""
PROMPT_TOKENS = 16
"""Tokens that a generator answers a made-up request with."""


class SmokeTestFailed(AirworthyError):
    """A version whose answers are not usable."""

    code = "smoke-test-failed"
    message = "its smoke test failed: {reason}"
    hint = "{way_out}"


class Warmed(NamedTuple):
    """What the answers before the traffic said."""

    requests: int
    """Requests that it answered."""
    recorded: int
    """Those of them that clients had sent."""
    largest: float | None
    """The largest difference from the version before; None where no answer could be compared."""
    incomparable: int
    """Answers of other names, types or shapes."""


class Recorder:
    """Keeps the latest requests of clients while another version loads."""

    def __init__(self, served: Served | None) -> None:
        self._served = served if isinstance(served, ServedModel) else None
        self.requests: deque[InferenceRequest] = deque(maxlen=MAX_RECORDED)
        """The requests."""
        if self._served is not None:
            self._served.tap = self._keep

    def _keep(self, request: InferenceRequest, _: object) -> None:
        if sum(len(tensor.data) for tensor in request.tensors) <= MAX_RECORDED_BYTES:
            copied = [Tensor(tensor.meta, bytes(tensor.data)) for tensor in request.tensors]
            self.requests.append(request._replace(tensors=copied, wanted=()))

    def stop(self) -> None:
        """Keep no more."""
        if self._served is not None and self._served.tap == self._keep:
            self._served.tap = None


async def warm(
    new: Served, old: Served | None, recorded: Sequence[InferenceRequest], count: int, *, allow_nonfinite: bool
) -> Warmed:
    """Let a version answer requests that no client sees the answers of, and compare them with those of the one before.

    Args:
        new: the version, loaded.
        old: the version before; None where there is none, or it can't answer.
        recorded: requests of clients.
        count: requests at least; made up where fewer were recorded.
        allow_nonfinite: whether answers may hold NaN and infinity.

    Raises:
        SmokeTestFailed: an answer is an error or not usable.
    """
    if isinstance(new, ServedGenerator):
        return await _warm_generator(new, old if isinstance(old, ServedGenerator) else None, count)
    before = old if isinstance(old, ServedModel) else None
    fitting = [request for request in recorded if _fits(new, request)]
    made = made_up(new)
    if not fitting and made is None:
        way_out = say("send it a request while it loads, or give its inputs fixed sizes")
        raise SmokeTestFailed(reason=say("no request can be made up for its inputs"), way_out=way_out)
    missing = [made] * max(0, count - len(fitting)) if made is not None else []
    requests = [*fitting, *missing]
    differences: list[float] = []
    incomparable = 0
    for request in requests:
        outputs = await _answer(new, request)
        theirs = None if before is None or not _fits(before, request) else await _answer_or_none(before, request)
        if not allow_nonfinite and not all_finite(outputs) and (theirs is None or all_finite(theirs)):
            way_out = say("`airworthy inspect --health` on its file names tensors that hold NaN")
            raise SmokeTestFailed(reason=say("an answer holds NaN or infinity"), way_out=way_out)
        if theirs is not None:
            apart = difference(theirs, outputs)
            incomparable += apart is None
            differences += [] if apart is None else [apart]
    return Warmed(len(requests), len(fitting), max(differences, default=None), incomparable)


async def _answer(served: ServedModel, request: InferenceRequest) -> Sequence[Tensor]:
    try:
        return await served.run(request)
    except AirworthyError as error:
        raise SmokeTestFailed(reason=error.text, way_out=error.way_out) from None


async def _answer_or_none(served: ServedModel, request: InferenceRequest) -> Sequence[Tensor] | None:
    try:
        return await served.run(request)
    except AirworthyError:
        return None


def _fits(served: ServedModel, request: InferenceRequest) -> bool:
    try:
        served.validate(request.tensors)
    except AirworthyError:
        return False
    return True


def made_up(served: ServedModel) -> InferenceRequest | None:
    """A request for a model; None where its inputs are of types or sizes that can't be made up."""
    output = served.embedding or served.score
    if served.codec is not None and output is not None:
        ids = served.codec.encode_inline(TEXT)
        return token_request(served.inputs, TokenIds(ids), output, None)
    tensors = [_made_up(spec) for spec in served.inputs]
    if any(tensor is None for tensor in tensors):
        return None
    return InferenceRequest([tensor for tensor in tensors if tensor is not None])


def _made_up(spec: TensorSpec) -> Tensor | None:
    shape = tuple(size if size >= 0 else (1 if place == 0 else MAX_VARYING) for place, size in enumerate(spec.shape))
    count = element_count(shape)
    if count > MAX_ELEMENTS:
        return None
    if spec.datatype == "BYTES":
        data = pack_strings([TEXT.encode()] * count)
    elif spec.datatype in ("FP16", "FP32", "FP64", "BF16"):
        data = pack(spec.name, spec.datatype, [(place % 7) / 7 for place in range(count)], count)
    elif spec.datatype in BYTE_WIDTH:
        # Ones: a mask of zeros divides by zero, and an index of one is one that nearly every table has.
        data = pack(spec.name, spec.datatype, [1] * count, count)
    else:
        return None
    return Tensor(TensorMeta(spec.name, spec.datatype, shape, len(data)), data)


async def _warm_generator(new: ServedGenerator, old: ServedGenerator | None, count: int) -> Warmed:
    request = GenerationRequest(prompt=TEXT, max_tokens=PROMPT_TOKENS, sampling=Sampling(temperature=0.0))
    equal: list[float] = []
    for _ in range(min(count, 2)):
        text = await generated(new, request)
        try:
            theirs = await generated(old, request) if old is not None else None
        except AirworthyError:
            theirs = None
        if theirs is not None:
            equal.append(0.0 if text == theirs else 1.0)
    return Warmed(min(count, 2), 0, max(equal, default=None), 0)


async def generated(served: ServedGenerator, request: GenerationRequest) -> str:
    """The text that a model answers a request with.

    Raises:
        SmokeTestFailed: it ends with an error, or has no token.
    """
    parts, tokens = [], 0
    try:
        stream = served.dispatcher.submit(request, UNSEEN)
        try:
            async for event in stream:
                parts.append(getattr(event, "text", ""))
                if isinstance(event, Finished):
                    tokens = event.completion_tokens
        finally:
            stream.cancel()
    except AirworthyError as error:
        raise SmokeTestFailed(reason=error.text, way_out=error.way_out) from None
    if not tokens:
        raise SmokeTestFailed(reason=say("its answer has no token"), way_out=say("try it alone with `airworthy chat`"))
    return "".join(parts)

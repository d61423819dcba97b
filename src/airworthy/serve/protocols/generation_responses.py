"""From an engine's request to a response of any dialect: admission, the whole answer, or the pieces of a stream."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol, Union

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.engines.generation import AnyEvent, GenerationRequest
from airworthy.serve import errors
from airworthy.serve.http.messages import JSON, Header, Request, Response
from airworthy.serve.http.streaming import EVENT_STREAM, UNBUFFERED, StreamingResponse
from airworthy.serve.models.served_generator import ServedGenerator
from airworthy.serve.protocols.generations import Generations, Usage
from airworthy.serve.scheduling.request_options import RequestOptions
from airworthy.serve.scheduling.streams import GenerationStream

_log = logging.getLogger("airworthy.serve")


class AnswerForm(Protocol):
    """How a dialect writes an answer."""

    def whole(self, generations: Sequence[Sequence[AnyEvent]], used: Usage) -> bytes:
        """A whole answer; `used` are the tokens of the prompt and of the answers."""

    def first(self, prompt_tokens: int) -> bytes:
        """What a stream begins with; the prompt's tokens are 0 where they are not known yet."""

    def piece(self, index: int, event: AnyEvent) -> bytes:
        """What one event of a stream becomes."""

    def silence(self) -> bytes:
        """What is sent where nothing happens, for proxies that close what is silent."""

    def last(self, used: Usage) -> bytes:
        """What a stream ends with, once all generations have."""

    def error(self, error: AirworthyError) -> bytes:
        """What a stream ends with instead, where it breaks: no client may take half an answer for a whole one."""


async def respond(
    request: Request,
    served: ServedGenerator,
    asked: GenerationRequest,
    form: AnswerForm,
    *,
    streams: bool,
    count: int = 1,
    kind: Header = EVENT_STREAM,
    headers: Sequence[Header] = (),
) -> Union[Response, StreamingResponse]:
    """Generate, and answer in a dialect's form.

    Args:
        request: the HTTP request.
        served: the model.
        asked: what is generated.
        form: the dialect's form.
        streams: whether the answer comes in pieces.
        count: generations side by side.
        kind: the content type of a stream.
        headers: further headers.

    Raises:
        RequestError: what ended a generation before any of it came.
    """
    generations = Generations(_submit(request, served, asked, count))
    try:
        await generations.begin()
        if not streams:
            found = await generations.finished()
            return Response(200, form.whole(found, generations.usage), (JSON, *headers))
    except BaseException:
        generations.cancel()
        raise
    return StreamingResponse(stream(generations, form), (kind, *UNBUFFERED, *headers))


def _submit(request: Request, served: ServedGenerator, asked: GenerationRequest, count: int) -> list[GenerationStream]:
    """Submit as many generations as there are to be answers; all are admitted, or none."""
    options = RequestOptions(request.watch, request.principal.tenant, request_id=request.request_id)
    streams: list[GenerationStream] = []
    try:
        for index in range(count):
            seed = asked.sampling.seed
            own = asked
            if index and seed is not None:
                sampling = msgspec.structs.replace(asked.sampling, seed=seed + index)
                own = msgspec.structs.replace(asked, sampling=sampling)
            streams.append(served.generate(own, options))
    except AirworthyError:
        for each in streams:
            each.cancel()
        raise
    return streams


async def stream(generations: Generations, form: AnswerForm) -> AsyncGenerator[bytes, None]:
    """The pieces of a stream: each event as it comes. Once the first is out, an error is a piece as well."""
    try:
        yield form.first(generations.prompt_tokens)
        while True:
            try:
                event = await generations.next()
            except StopAsyncIteration:
                break
            yield form.silence() if event is None else form.piece(*event)
        yield form.last(generations.usage)
    except AirworthyError as error:
        yield form.error(error)
    except Exception:  # noqa: BLE001 - whatever breaks, the client learns of it
        _log.exception("a stream failed")
        yield form.error(errors.internal_error())
    finally:
        generations.cancel()


def server_event(document: object, name: str = "") -> bytes:
    """A server-sent event. It has no `id` and no `retry`: with those, OpenAI's client trips over an empty line."""
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"data: " + msgspec.json.encode(document) + b"\n\n"

"""`/v1/chat/completions` and `/v1/completions`: texts, whole or as a stream."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any, Union

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings
from airworthy.engines.generation import GenerationRequest
from airworthy.serve import errors
from airworthy.serve.http.messages import Request, Response, decode
from airworthy.serve.http.streaming import EVENT_STREAM, UNBUFFERED, StreamingResponse
from airworthy.serve.models.catalogue import Models
from airworthy.serve.models.served_generator import ServedGenerator
from airworthy.serve.protocols.generations import Generations
from airworthy.serve.protocols.openai.bodies import error_body
from airworthy.serve.protocols.openai.generation_answers import DONE, ChatForm, Form, TextForm, usage
from airworthy.serve.protocols.openai.generation_requests import (
    ChatRequest,
    CompletionRequest,
    choices_of,
    of_chat,
    of_completion,
)
from airworthy.serve.scheduling.request_options import RequestOptions

_chat = msgspec.json.Decoder(ChatRequest)
_completion = msgspec.json.Decoder(CompletionRequest)
_log = logging.getLogger("airworthy.serve")
_INTERNAL = "the service failed on this request; its log says more"


class TextGeneration:
    """The handlers."""

    def __init__(self, models: Models, settings: ServeSettings) -> None:
        self._models = models
        self._settings = settings

    async def chat(self, request: Request) -> Union[Response, StreamingResponse]:
        """`POST /v1/chat/completions`: the next message of a conversation."""
        given: ChatRequest = decode(_chat, await self._body(request))
        served = self._models.generator(given.model, say("chat"))
        asked = of_chat(given, served.known_info(), self._settings.generation.max_tokens)
        return await self._answer(request, served, given, asked, ChatForm(served.name))

    async def complete(self, request: Request) -> Union[Response, StreamingResponse]:
        """`POST /v1/completions`: the continuation of a prompt."""
        given: CompletionRequest = decode(_completion, await self._body(request))
        served = self._models.generator(given.model, say("completions"))
        asked = of_completion(given, served.known_info(), self._settings.generation.max_tokens)
        return await self._answer(request, served, given, asked, TextForm(served.name))

    async def _body(self, request: Request) -> bytes:
        return await request.body(self._settings.max_body, self._settings.body_timeout)

    async def _answer(
        self,
        request: Request,
        served: ServedGenerator,
        given: Union[ChatRequest, CompletionRequest],
        asked: GenerationRequest,
        form: Form,
    ) -> Union[Response, StreamingResponse]:
        generations = Generations(_submit(request, served, asked, choices_of(given)))
        try:
            await generations.begin()
            if not given.stream:
                found = await generations.finished()
                return Response(200, form.whole(found, usage(*generations.usage)))
        except BaseException:
            generations.cancel()
            raise
        told = given.stream_options is not None and given.stream_options.include_usage
        pieces = stream(generations, form, tells_usage=told)
        return StreamingResponse(pieces, (EVENT_STREAM, *UNBUFFERED))


def _submit(request: Request, served: ServedGenerator, asked: GenerationRequest, count: int) -> list[Any]:
    """Submit as many generations as there are to be answers; all are admitted, or none."""
    options = RequestOptions(request.watch, request.principal.tenant)
    streams: list[Any] = []
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


async def stream(generations: Generations, form: Form, *, tells_usage: bool) -> AsyncGenerator[bytes, None]:
    """The chunks of a stream: each event as it comes, the usage where it is asked for, and `[DONE]`.

    Once the first chunk is out, an error is a chunk as well, without choices and without `[DONE]` behind it, so that
    no client takes half an answer for a whole one.
    """
    untold: Any = None if tells_usage else msgspec.UNSET
    try:
        while True:
            try:
                event = await generations.next()
            except StopAsyncIteration:
                break
            choices = form.silence() if event is None else form.chunks(*event)
            yield b"".join(form.frame([choice], untold) for choice in choices)
        if tells_usage:
            yield form.frame([], usage(*generations.usage))
        yield DONE
    except AirworthyError as error:
        yield _error(error)
    except Exception:  # noqa: BLE001 - whatever breaks, the client is told
        _log.exception("a stream failed")
        yield _error(errors.InferenceFailed(detail=_INTERNAL))
    finally:
        generations.cancel()


def _error(error: AirworthyError) -> bytes:
    return b"data: " + error_body(error) + b"\n\n"

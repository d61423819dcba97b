"""`/v1/chat/completions` and `/v1/completions`: texts, whole or as a stream."""

from __future__ import annotations

from typing import Union

import msgspec

from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings
from airworthy.engines.generation import GenerationRequest
from airworthy.serve.http.messages import Request, Response, read_json
from airworthy.serve.http.streaming import StreamingResponse
from airworthy.serve.models.catalogue import Models
from airworthy.serve.models.served_generator import ServedGenerator
from airworthy.serve.protocols.generation_responses import respond
from airworthy.serve.protocols.openai.generation_answers import ChatForm, TextForm
from airworthy.serve.protocols.openai.generation_requests import (
    ChatRequest,
    CompletionRequest,
    choices_of,
    of_chat,
    of_completion,
)

_chat = msgspec.json.Decoder(ChatRequest)
_completion = msgspec.json.Decoder(CompletionRequest)


class TextGeneration:
    """The handlers."""

    def __init__(self, models: Models, settings: ServeSettings) -> None:
        self._models = models
        self._settings = settings

    async def chat(self, request: Request) -> Union[Response, StreamingResponse]:
        """`POST /v1/chat/completions`: the next message of a conversation."""
        given: ChatRequest = await read_json(request, _chat, self._settings)
        served = self._models.generator(given.model, say("chat"), request.sticky_key)
        asked = of_chat(given, served.known_info(), self._settings.generation.max_tokens)
        return await self._answer(request, served, given, asked, ChatForm(served.name))

    async def complete(self, request: Request) -> Union[Response, StreamingResponse]:
        """`POST /v1/completions`: the continuation of a prompt."""
        given: CompletionRequest = await read_json(request, _completion, self._settings)
        served = self._models.generator(given.model, say("completions"), request.sticky_key)
        asked = of_completion(given, served.known_info(), self._settings.generation.max_tokens)
        return await self._answer(request, served, given, asked, TextForm(served.name))

    async def _answer(
        self,
        request: Request,
        served: ServedGenerator,
        given: Union[ChatRequest, CompletionRequest],
        asked: GenerationRequest,
        form: Union[ChatForm, TextForm],
    ) -> Union[Response, StreamingResponse]:
        form.reports_usage = given.stream_options is not None and given.stream_options.include_usage
        return await respond(request, served, asked, form, streams=given.stream, count=choices_of(given))

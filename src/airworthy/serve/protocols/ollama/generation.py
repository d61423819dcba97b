"""`/api/chat`, `/api/generate` and `/api/embed`."""

from __future__ import annotations

import time
from typing import Union, cast

import msgspec

from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings
from airworthy.engines.generation import GenerationRequest
from airworthy.serve.http.messages import Header, Request, Response, read_json
from airworthy.serve.http.streaming import NDJSON, StreamingResponse
from airworthy.serve.models.catalogue import Models
from airworthy.serve.models.served_generator import ServedGenerator
from airworthy.serve.protocols.generation_fields import refuse_given
from airworthy.serve.protocols.generation_responses import respond
from airworthy.serve.protocols.ollama.bodies import Embedded, EmbedRequest
from airworthy.serve.protocols.ollama.catalogue import named
from airworthy.serve.protocols.ollama.generation_answers import OllamaForm
from airworthy.serve.protocols.ollama.generation_requests import (
    GenerateRequest,
    OllamaChatRequest,
    of_chat,
    of_generate,
    without_effect,
)
from airworthy.serve.protocols.text_vectors import embed, embedding_model
from airworthy.serve.protocols.truncation import Cut

IGNORED = b"x-ignored-fields"
"""The header that names fields of a request that changed nothing."""
_chat = msgspec.json.Decoder(OllamaChatRequest)
_generate = msgspec.json.Decoder(GenerateRequest)
_embed = msgspec.json.Decoder(EmbedRequest)
_encode = msgspec.json.Encoder().encode
Answer = Union[Response, StreamingResponse]


class OllamaGeneration:
    """The handlers."""

    def __init__(self, models: Models, settings: ServeSettings) -> None:
        self._models = models
        self._settings = settings

    async def chat(self, request: Request) -> Answer:
        """`POST /api/chat`: the next message of a conversation."""
        given: OllamaChatRequest = await read_json(request, _chat, self._settings)
        served = self._models.generator(named(self._models, given.model), say("chat"), request.sticky_key)
        form = OllamaForm(given.model, "chat")
        if not given.messages:
            return Response(200, form.loaded())
        asked = of_chat(given, served.known_info(), self._settings.generation.max_tokens, served.model.chat_template)
        return await self._answer(request, served, given, asked, form)

    async def generate(self, request: Request) -> Answer:
        """`POST /api/generate`: the answer to a prompt."""
        given: GenerateRequest = await read_json(request, _generate, self._settings)
        served = self._models.generator(named(self._models, given.model), say("completions"), request.sticky_key)
        form = OllamaForm(given.model, "generate")
        if not given.prompt:
            return Response(200, form.loaded())
        asked = of_generate(
            given, served.known_info(), self._settings.generation.max_tokens, served.model.chat_template
        )
        return await self._answer(request, served, given, asked, form)

    async def embed(self, request: Request) -> Response:
        """`POST /api/embed`: the vectors of texts."""
        began = time.monotonic_ns()
        given: EmbedRequest = await read_json(request, _embed, self._settings)
        refuse_given(
            {f"options.{name}": value for name, value in (given.options or {}).items()}, say("not for embeddings")
        )
        served = embedding_model(self._models, named(self._models, given.model), request)
        vectors, tokens = await embed(
            request, served, given.input, given.dimensions, cut=Cut(given.truncate is not False)
        )
        told = Embedded(given.model, cast("list[list[float]]", vectors), time.monotonic_ns() - began, 0, tokens)
        return Response(200, _encode(told))

    async def _answer(
        self,
        request: Request,
        served: ServedGenerator,
        given: Union[OllamaChatRequest, GenerateRequest],
        asked: GenerationRequest,
        form: OllamaForm,
    ) -> Answer:
        ignored = without_effect(given)
        headers: tuple[Header, ...] = ((IGNORED, ", ".join(ignored).encode()),) if ignored else ()
        return await respond(
            request, served, asked, form, streams=given.stream is not False, kind=NDJSON, headers=headers
        )

"""OpenAI's interface as a member of the family: its paths and what each takes, gives and refuses."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.core.errors import AirworthyError
from airworthy.serve.access.principal import Role
from airworthy.serve.errors import UnknownModel
from airworthy.serve.protocols.interface import MODEL_RUN, Operation, ProtocolContext, RouteEndpoint
from airworthy.serve.protocols.openai import (
    bodies,
    embeddings,
    generation,
    generation_answers,
    generation_requests,
    models,
    rerank,
)

RERANK_PATHS = ("/v1/rerank", "/v2/rerank", "/rerank")
"""Where the clients of Jina, Cohere and TEI expect it."""
_EMBED = Operation(Role.USER, gives=embeddings.EmbeddingResponse, takes=embeddings.EmbeddingRequest, refuses=MODEL_RUN)
_RERANK = Operation(Role.USER, gives=rerank.RerankResponse, takes=rerank.RerankRequest, refuses=MODEL_RUN)
_CHAT = Operation(
    Role.USER,
    gives=generation_answers.ChatCompletion,
    takes=generation_requests.ChatRequest,
    refuses=MODEL_RUN,
    streams="text/event-stream",
)
_COMPLETE = _CHAT._replace(gives=generation_answers.Completion, takes=generation_requests.CompletionRequest)


class OpenAIProtocol:
    """Models, embeddings, and reranking as its neighbours have it."""

    name = "openai"
    prefixes = ("/v1", "/v2/rerank", "/rerank")
    error_type: type = bodies.OpenAIErrorBody

    def __init__(self, context: ProtocolContext) -> None:
        self._models = models.ModelCards(context.models)
        self._embeddings = embeddings.Embeddings(context.models, context.settings)
        self._generation = generation.TextGeneration(context.models, context.settings)
        self._rerank = rerank.Rerank(context.models, context.settings)

    def endpoints(self) -> Sequence[RouteEndpoint]:
        """Its part of the table of paths."""
        listed = Operation(Role.USER, gives=models.ModelList)
        card = Operation(Role.USER, gives=models.ModelCard, refuses=(UnknownModel,))
        return (
            RouteEndpoint("/v1/models", "GET", self._models.list_models, listed),
            RouteEndpoint("/v1/models/{name}", "GET", self._models.get_model, card),
            RouteEndpoint("/v1/embeddings", "POST", self._embeddings.embeddings, _EMBED),
            RouteEndpoint("/v1/chat/completions", "POST", self._generation.chat, _CHAT),
            RouteEndpoint("/v1/completions", "POST", self._generation.complete, _COMPLETE),
            *(RouteEndpoint(path, "POST", self._rerank.rerank, _RERANK) for path in RERANK_PATHS),
        )

    def error_body(self, error: AirworthyError) -> bytes:
        """An error in OpenAI's shape."""
        return bodies.error_body(error)

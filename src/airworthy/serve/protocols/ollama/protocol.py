"""Ollama's interface as a member of the family: its paths and what each takes, gives and refuses."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.core.errors import AirworthyError
from airworthy.serve.access.principal import Role
from airworthy.serve.errors import UnknownModel
from airworthy.serve.protocols.interface import BODY, MODEL_RUN, Operation, ProtocolContext, RouteEndpoint
from airworthy.serve.protocols.ollama import bodies, catalogue, generation, generation_answers, generation_requests

_CHAT = Operation(
    Role.USER,
    gives=generation_answers.OllamaChatAnswer,
    takes=generation_requests.OllamaChatRequest,
    refuses=MODEL_RUN,
    streams="application/x-ndjson",
)
_GENERATE = _CHAT._replace(gives=generation_answers.GenerateAnswer, takes=generation_requests.GenerateRequest)
_EMBED = Operation(Role.USER, gives=bodies.Embedded, takes=bodies.EmbedRequest, refuses=MODEL_RUN)
_SHOW = Operation(Role.USER, gives=bodies.Shown, takes=bodies.ShowRequest, refuses=(UnknownModel, *BODY))


class OllamaProtocol:
    """Models, text and embeddings, as Ollama's clients ask for them."""

    name = "ollama"
    prefixes = ("/api",)
    error_type: type = bodies.OllamaError

    def __init__(self, context: ProtocolContext) -> None:
        self._catalogue = catalogue.OllamaCatalogue(context.models, context.settings)
        self._generation = generation.OllamaGeneration(context.models, context.settings)

    def endpoints(self) -> Sequence[RouteEndpoint]:
        """Its part of the table of paths."""
        models, texts = self._catalogue, self._generation
        return (
            RouteEndpoint("/api/version", "GET", models.version, Operation(Role.PUBLIC, gives=bodies.OllamaVersion)),
            RouteEndpoint("/api/tags", "GET", models.tags, Operation(Role.USER, gives=bodies.Tags)),
            RouteEndpoint("/api/ps", "GET", models.processes, Operation(Role.USER, gives=bodies.Processes)),
            RouteEndpoint("/api/show", "POST", models.show, _SHOW),
            RouteEndpoint("/api/chat", "POST", texts.chat, _CHAT),
            RouteEndpoint("/api/generate", "POST", texts.generate, _GENERATE),
            RouteEndpoint("/api/embed", "POST", texts.embed, _EMBED),
        )

    def error_body(self, error: AirworthyError) -> bytes:
        """An error in Ollama's shape."""
        return bodies.error_body(error)

"""`/v1/models`: the served models as OpenAI's clients list them."""

from __future__ import annotations

import time
from typing import Union

import msgspec

from airworthy.serve.http.messages import Request, Response
from airworthy.serve.models.catalogue import Models
from airworthy.serve.models.served_generator import ServedGenerator


class ModelCard(msgspec.Struct):
    """A served model."""

    id: str
    """Its name."""
    object: str
    """`model`."""
    created: int
    """When it was first served, in seconds since 1970."""
    owned_by: str
    """`airworthy`."""
    max_model_len: Union[int, msgspec.UnsetType] = msgspec.UNSET
    """Tokens of one request, prompt and answer together, as vLLM names them."""
    capabilities: Union[list[str], msgspec.UnsetType] = msgspec.UNSET
    """`chat`, `completion`, `tools`, `json_schema`, `logprobs`, `embeddings`, `rerank`, `tensors`."""


class ModelList(msgspec.Struct):
    """The models."""

    object: str
    """`list`."""
    data: list[ModelCard]
    """The models."""


_encode = msgspec.json.Encoder().encode


class ModelCards:
    """The handlers."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._created = int(time.time())

    async def list_models(self, request: Request) -> Response:
        """`GET /v1/models`: the models."""
        return Response(200, _encode(ModelList("list", [self._describe(name) for name in self._models])))

    async def get_model(self, request: Request) -> Response:
        """`GET /v1/models/{name}`: one model."""
        return Response(200, _encode(self._describe(request.model)))

    def _describe(self, name: str) -> ModelCard:
        served = self._models[name]
        card = ModelCard(name, "model", self._created, "airworthy")
        if isinstance(served, ServedGenerator) and served.dispatcher.info is not None:
            info = served.dispatcher.info
            card.max_model_len = info.context
            able = {"chat": info.chat, "completion": True, "tools": info.tools, "json_schema": info.schemas}
            able["logprobs"] = info.logprobs is not None
            card.capabilities = [capability for capability, has in able.items() if has]
        return card

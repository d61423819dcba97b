"""`/v1/models`: the served models as OpenAI's clients list them."""

from __future__ import annotations

import time

import msgspec

from airworthy.serve.http.messages import Request, Response
from airworthy.serve.models.catalogue import Models


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
        return ModelCard(name, "model", self._created, "airworthy")

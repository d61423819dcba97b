"""The Open Inference Protocol's model repository: the index for everyone, load and unload for the administrator."""

from __future__ import annotations

from typing import Any

import msgspec

from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.http.messages import Request, Response, decode
from airworthy.serve.models.catalogue import Models

MOST_BODY = 64 * 1024
"""Bytes that the bodies of these requests may have."""


class IndexRequest(msgspec.Struct):
    """A request for the index; the body may be left out."""

    ready: bool = False
    """Whether models are left out that don't take requests."""


class ChangeRequest(msgspec.Struct):
    """A request to load or unload; the body may be left out."""

    parameters: dict[str, Any] = {}
    """`unload_dependents` changes nothing: no model depends on another. Others are refused."""


_index = msgspec.json.Decoder(IndexRequest)
_change = msgspec.json.Decoder(ChangeRequest)
_encode = msgspec.json.Encoder().encode
_HARMLESS = frozenset({"unload_dependents"})


class Repository:
    """The handlers."""

    def __init__(self, models: Models, settings: ServeSettings) -> None:
        self._models = models
        self._settings = settings

    async def index(self, request: Request) -> Response:
        """`POST /v2/repository/index`: the state of every model."""
        body = await self._body(request)
        wanted = decode(_index, body) if body else IndexRequest()
        return Response(200, _encode(self._models.index(ready_only=wanted.ready)))

    async def load(self, request: Request) -> Response:
        """`POST /v2/repository/models/{name}/load`: load a model, or load its file again."""
        name = await self._model_of(request)
        await self._models[name].load()
        return Response(200, b"")

    async def unload(self, request: Request) -> Response:
        """`POST /v2/repository/models/{name}/unload`: take a model out of service."""
        name = await self._model_of(request)
        await self._models[name].unload()
        return Response(200, b"")

    async def _model_of(self, request: Request) -> str:
        """The name of the model, once the body is known to ask for nothing else."""
        body = await self._body(request)
        if body:
            check_parameters(decode(_change, body).parameters)
        return request.model

    async def _body(self, request: Request) -> bytes:
        return await request.body(min(MOST_BODY, self._settings.limits.max_body), self._settings.limits.body_timeout)


def check_parameters(parameters: Any) -> None:
    """Refuse what a load request may contain and is not supported: a configuration or files of the client's own.

    Raises:
        InvalidRequest: a parameter that would have to change something.
    """
    unknown = [name for name in parameters if name not in _HARMLESS]
    if unknown:
        detail = say("load and unload take the model as it is; they know no parameter {name!r}", name=unknown[0])
        raise errors.InvalidRequest(detail=detail)

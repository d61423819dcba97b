"""The ASGI application: finds the handler of a path, and turns every ending into one response.

Paths are looked up whole in a table made at start, one row for each model and version; what is not in the table is
not there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from airworthy.core.errors import AirworthyError
from airworthy.core.settings import ServeSettings
from airworthy.serve import refusals
from airworthy.serve.gateway import openai, v2
from airworthy.serve.gateway.health import Health
from airworthy.serve.gateway.http import JSON, Header, Receive, Request, Response, Scope, Send, headers_of, status_of
from airworthy.serve.meters import Meters
from airworthy.serve.served import VERSION, Served

Handler = Callable[[Request], Awaitable[Response]]
ErrorBody = Callable[[AirworthyError], bytes]

MOST_REQUEST_ID = 128
"""Bytes of a request id that are echoed."""

OTHER = "other"
"""The metrics' name for paths that don't exist; what clients make up must not become a label."""

_log = logging.getLogger("airworthy.serve")
_INTERNAL = "the service failed on this request; its log says more"


class Route(NamedTuple):
    """What answers at a path."""

    name: str
    """Its name in the metrics."""
    handlers: Mapping[str, Handler]
    """Method → handler."""
    error_body: ErrorBody
    """How its protocol tells errors."""


class App:
    """The application."""

    def __init__(self, models: Mapping[str, Served], settings: ServeSettings, meters: Meters) -> None:
        self.health = Health(models, meters)
        self._openai = openai.OpenAI(models, settings)
        self._v2 = v2.OpenInference(models, settings)
        self._meters = meters
        self.routes = self._table(models)

    def _table(self, models: Mapping[str, Served]) -> dict[str, Route]:
        """Every path there is."""
        health, open_ai, inference = self.health, self._openai, self._v2
        own: dict[str, Handler] = {
            "/": health.front,
            "/health": health.components,
            "/health/live": health.live,
            "/health/ready": health.ready,
            "/metrics": health.metrics,
            "/v2": inference.server,
            "/v2/models": inference.list_models,
            "/v2/health/live": health.live,
            "/v2/health/ready": health.ready,
        }
        table = {path: _get(path, handler, v2.error_body) for path, handler in own.items()}
        table["/v1/models"] = _get("/v1/models", open_ai.list_models, openai.error_body)
        table["/v1/embeddings"] = Route("/v1/embeddings", {"POST": open_ai.embeddings}, openai.error_body)
        for name in models:
            table[f"/v1/models/{name}"] = _get("/v1/models/{id}", open_ai.get_model, openai.error_body)
            for base in (f"/v2/models/{name}", f"/v2/models/{name}/versions/{VERSION}"):
                table[base] = _get("/v2/models/{name}", inference.model, v2.error_body)
                table[f"{base}/ready"] = _get("/v2/models/{name}/ready", inference.model_ready, v2.error_body)
                infer = Route("/v2/models/{name}/infer", {"POST": inference.infer}, v2.error_body)
                table[f"{base}/infer"] = infer
        return table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the server calls it."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        route = self.routes.get(request.path)
        try:
            response = await self._answer(request, route)
        except refusals.ClientGone:
            self._meters.answered(route.name if route else OTHER, 499)
            return
        headers: list[Header] = [*response.headers, (b"content-length", str(len(response.body)).encode())]
        given = request.header(b"x-request-id")
        if given is not None and len(given) <= MOST_REQUEST_ID:
            headers.append((b"x-request-id", given))
        self._meters.answered(route.name if route else OTHER, response.status)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _answer(self, request: Request, route: Route | None) -> Response:
        error_body = route.error_body if route else _shape_for(request.path)
        try:
            if route is None:
                raise self._missing(request.path)
            handler = route.handlers.get(request.scope["method"])
            if handler is None:
                allowed = tuple(route.handlers)
                raise refusals.MethodNotAllowed(path=request.path, method=request.scope["method"], allowed=allowed)
            return await handler(request)
        except AirworthyError as error:
            return Response(status_of(error), error_body(error), headers_of(error))
        except (refusals.ClientGone, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001 - whatever breaks, the client gets an answer in its protocol's shape
            _log.exception("a handler failed")
            return Response(500, error_body(refusals.Failed(detail=_INTERNAL)), (JSON,))

    def _missing(self, path: str) -> AirworthyError:
        """Why nothing is at a path; under a model's name it is the model that is unknown."""
        if path.startswith("/v2/models/"):
            try:
                self._v2.find(path)
            except refusals.UnknownModel as error:
                return error
        if path.startswith("/v1/models/"):
            name = path.removeprefix("/v1/models/")
            return refusals.UnknownModel(name=name, served=self._v2.names)
        return refusals.NotFound(path=path)


def _get(name: str, handler: Handler, error_body: ErrorBody) -> Route:
    return Route(name, {"GET": handler, "HEAD": handler}, error_body)


def _shape_for(path: str) -> ErrorBody:
    return openai.error_body if path.startswith("/v1") else v2.error_body

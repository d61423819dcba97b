"""The application: finds the route of a path, and turns every ending into one response."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.access.stages import AccessStages
from airworthy.serve.access.unparsed_queue import UnparsedQueues
from airworthy.serve.http import compression
from airworthy.serve.http.body_budget import BodyBudget
from airworthy.serve.http.cors import Cors
from airworthy.serve.http.messages import JSON, MAX_REQUEST_ID_BYTES, Header, Request, Response, headers_of, status_of
from airworthy.serve.http.streaming import StreamingResponse
from airworthy.serve.metrics.metrics import Metrics
from airworthy.serve.models.catalogue import Models
from airworthy.serve.models.served import ServedModel
from airworthy.serve.protocols.interface import ProtocolContext
from airworthy.serve.protocols.open_inference import rest
from airworthy.serve.protocols.openapi import describe
from airworthy.serve.protocols.registry import PROTOCOLS
from airworthy.serve.protocols.routes import Route, Routes
from airworthy.serve.scheduling.capacity import BASE_QUEUE_REQUESTS

OTHER = "other"
"""The metrics' name for paths that don't exist; what clients make up must not become a label."""

_log = logging.getLogger("airworthy.serve")


class Application:
    """Answers requests of all protocols."""

    def __init__(self, models: Models, settings: ServeSettings, metrics: Metrics, access: AccessStages) -> None:
        self._settings = settings
        self._metrics = metrics
        self._models = models
        self._access = access
        self._cors = Cors(settings.cors_origins) if settings.cors_origins else None
        self._bodies = BodyBudget(settings.limits.max_bodies)
        self._description = b""
        context = ProtocolContext(models, settings, metrics, self._describe)
        self._protocols = tuple(make(context) for make in PROTOCOLS)
        self.routes = Routes(self._protocols, models)
        """The table of paths."""
        self._gate: UnparsedQueues | None = None
        models.on_change(self._model_changed)

    def _model_changed(self, name: str) -> None:
        """Follow a model of which another version takes the requests, or can be named."""
        self.routes.refresh()
        self._description = b""
        served = self._models[name]
        if self._gate is not None and isinstance(served, ServedModel):
            self._gate.switch(served)

    def early_gate(self) -> UnparsedQueues | None:
        """Where requests of busy models wait unparsed; None where the settings ask to inspect each request."""
        if self._access.limits_callers or self._cors is not None:
            return None
        places = {
            path.encode(): (route.name, served)
            for path, route in self.routes.parking()
            if not route.version and isinstance(served := self._models[route.model], ServedModel)
        }
        self._gate = UnparsedQueues(places, rest.error_body, self._metrics, BASE_QUEUE_REQUESTS)
        return self._gate

    def _describe(self) -> bytes:
        if not self._description:
            versions = {name: self._models.versions(name) for name in self._models}
            document = describe(self._protocols, versions, admin=self._access.key.is_set)
            self._description = msgspec.json.encode(document)
        return self._description

    async def answer(self, request: Request) -> Response | StreamingResponse | None:
        """The response to a request, whatever happens; None where the client is gone."""
        route = self.routes.find(request.path)
        if route is not None:
            request.model, request.version = route.model, route.version
        request.bodies = self._bodies
        try:
            response = await self._respond(request, route)
        except errors.ClientGone:
            self._metrics.requests.add(route.name if route else OTHER, 499)
            return None
        finally:
            if request.reserved:
                self._bodies.release(request.reserved)
        self._metrics.requests.add(route.name if route else OTHER, response.status)
        if isinstance(response, StreamingResponse):
            response.headers = (*response.headers, *self._common_headers(request))
            return response
        given = request.header(b"x-request-id")
        compresses = 0 < self._settings.compress_from <= len(response.body)
        if given is None and not compresses and self._cors is None:
            return response
        body = response.body
        headers: list[Header] = [*response.headers]
        if compresses:
            body = await self._compressed(request, body, headers)
        return Response(response.status, body, (*headers, *self._common_headers(request)))

    def _common_headers(self, request: Request) -> Iterator[Header]:
        """What every response gets: the request's id, and what browsers ask for."""
        given = request.header(b"x-request-id")
        if given is not None and len(given) <= MAX_REQUEST_ID_BYTES:
            yield (b"x-request-id", given)
        if self._cors is not None:
            yield from self._cors.headers(request)

    async def _respond(self, request: Request, route: Route | None) -> Response | StreamingResponse:
        error_body = route.error_body if route else self.routes.shape_for(request.path)
        try:
            self._access.check_size(request)
            if self._cors is not None and (preflight := self._cors.preflight(request)) is not None:
                return preflight
            if route is None:
                raise self.routes.missing(request.path)
            handler = route.handlers.get(request.method)
            if handler is None:
                allowed = tuple(route.handlers)
                raise errors.MethodNotAllowed(path=request.path, method=request.method, allowed=allowed)
            return await self._access.answer(request, handler, route.role, limited=route.limited)
        except AirworthyError as error:
            return Response(status_of(error), error_body(error), headers_of(error))
        except (errors.ClientGone, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001 - whatever breaks, the client gets an answer in its protocol's shape
            _log.exception("a handler failed")
            return Response(500, error_body(errors.internal_error()), (JSON,))

    async def _compressed(self, request: Request, body: bytes, headers: list[Header]) -> bytes:
        """The body as the client asks for it; the headers say what was done."""
        accept = request.header(b"accept-encoding")
        chosen = compression.wanted(accept) if accept else None
        headers.append((b"vary", b"accept-encoding"))
        if chosen is None:
            return body
        headers.append((b"content-encoding", chosen))
        return await compression.pack(body, chosen)

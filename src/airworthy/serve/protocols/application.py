"""The application: finds the handler of a path, and turns every ending into one response.

Paths are looked up whole in a table made at start, one row for each model and version; what is not in the table is
not there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import chain
from typing import NamedTuple

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.access.admin import Admin
from airworthy.serve.access.admission import Admission
from airworthy.serve.access.unparsed_queue import UnparsedQueues
from airworthy.serve.http import compression
from airworthy.serve.http.body_budget import BodyBudget
from airworthy.serve.http.cors import Cors
from airworthy.serve.http.messages import JSON, Header, Request, Response, headers_of, status_of
from airworthy.serve.metrics.metrics import Metrics
from airworthy.serve.models.catalogue import Models
from airworthy.serve.models.served import VERSION
from airworthy.serve.protocols.health import HealthRoutes
from airworthy.serve.protocols.open_inference import rest
from airworthy.serve.protocols.open_inference.repository import Repository
from airworthy.serve.protocols.openai import embeddings
from airworthy.serve.protocols.openai.rerank import Rerank
from airworthy.serve.protocols.openapi import Endpoint, describe
from airworthy.serve.protocols.routes import rows

Handler = Callable[[Request], Awaitable[Response]]
ErrorBody = Callable[[AirworthyError], bytes]

MOST_HEADERS = 100
"""Headers that a request may have."""
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
    model: str = ""
    """The model that the path names."""
    limited: bool = False
    """Whether its callers' limits hold, which probes and scrapers are not held against."""


class App:
    """The application."""

    def __init__(
        self, models: Models, settings: ServeSettings, meters: Metrics, admin: Admin, admission: Admission
    ) -> None:
        self._settings = settings
        self._meters = meters
        self._models = models
        self._admin = admin
        self._admission = admission
        self._cors = Cors(settings.cors_origins) if settings.cors_origins else None
        self._bodies = BodyBudget(settings.max_bodies)
        self._rows = rows(
            HealthRoutes(models, meters),
            rest.OpenInference(models, settings),
            Repository(models, settings, admin),
            embeddings.OpenAI(models, settings),
            Rerank(models, settings),
            self.describe,
        )
        self._description = b""
        self.routes = _table(self._rows, models)

    def doors(self) -> UnparsedQueues | None:
        """Where requests of busy models wait before they are read; None where the settings ask for a look at each."""
        if self._admission.on or self._cors is not None:
            return None
        places = {
            path.encode(): (route.name, self._models[route.model])
            for path, route in self.routes.items()
            if route.model and path.endswith("/infer")
        }
        return UnparsedQueues(places, rest.error_body, self._meters)

    @property
    def operations(self) -> tuple[Endpoint, ...]:
        """The table of paths, with their parameters in braces."""
        return self._rows

    async def describe(self, request: Request) -> Response:
        """`GET /openapi.json`: this description."""
        if not self._description:
            document = describe(self._rows, tuple(self._models), admin=self._admin.on)
            self._description = msgspec.json.encode(document)
        return Response(200, self._description)

    async def answer(self, request: Request) -> Response | None:
        """The response to a request, whatever happens; None where the client is gone."""
        route = self.routes.get(request.path)
        if route is not None:
            request.model = route.model
        request.bodies = self._bodies
        try:
            response = await self._answer(request, route)
        except errors.ClientGone:
            self._meters.requests.add(route.name if route else OTHER, 499)
            return None
        finally:
            if request.reserved:
                self._bodies.release(request.reserved)
        self._meters.requests.add(route.name if route else OTHER, response.status)
        given = request.header(b"x-request-id")
        compresses = 0 < self._settings.compress_from <= len(response.body)
        if given is None and not compresses and self._cors is None:
            return response
        body = response.body
        headers: list[Header] = [*response.headers]
        if compresses:
            body = await self._compressed(request, body, headers)
        if given is not None and len(given) <= MOST_REQUEST_ID:
            headers.append((b"x-request-id", given))
        if self._cors is not None:
            headers.extend(self._cors.headers(request))
        return Response(response.status, body, headers)

    async def _answer(self, request: Request, route: Route | None) -> Response:
        error_body = route.error_body if route else _shape_for(request.path)
        try:
            self._check_head(request)
            if self._cors is not None and (preflight := self._cors.preflight(request)) is not None:
                return preflight
            if route is None:
                raise self._missing(request.path)
            handler = route.handlers.get(request.method)
            if handler is None:
                allowed = tuple(route.handlers)
                raise errors.MethodNotAllowed(path=request.path, method=request.method, allowed=allowed)
            request.tenant = self._admission.tenant(request)
            if self._admission.on and route.limited:
                return await self._admission.answer(request, handler)
            return await handler(request)
        except AirworthyError as error:
            return Response(status_of(error), error_body(error), headers_of(error))
        except (errors.ClientGone, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001 - whatever breaks, the client gets an answer in its protocol's shape
            _log.exception("a handler failed")
            return Response(500, error_body(errors.InferenceFailed(detail=_INTERNAL)), (JSON,))

    def _check_head(self, request: Request) -> None:
        """Refuse a head that is out of proportion; the server below has already bounded it in memory."""
        if len(request.target) > self._settings.max_url:
            raise errors.UrlTooLong(most=self._settings.max_url)
        headers, most = request.headers, self._settings.max_headers
        is_large = request.most_head > most and sum(map(len, chain.from_iterable(headers))) > most
        if is_large or len(headers) > MOST_HEADERS:
            raise errors.HeadersTooLarge(most=most, count=MOST_HEADERS)

    async def _compressed(self, request: Request, body: bytes, headers: list[Header]) -> bytes:
        """The body as the client asks for it; the headers say what was done."""
        accept = request.header(b"accept-encoding")
        chosen = compression.wanted(accept) if accept else None
        headers.append((b"vary", b"accept-encoding"))
        if chosen is None:
            return body
        headers.append((b"content-encoding", chosen))
        return await compression.pack(body, chosen)

    def _missing(self, path: str) -> AirworthyError:
        """Why nothing is at a path; under a model's name it is the model that is unknown."""
        parts = path.split("/")
        at = next((len(head) for head in _NAMED if tuple(parts[: len(head)]) == head and len(parts) > len(head)), 0)
        if at:
            version = parts[at + 2] if len(parts) > at + 2 and parts[at + 1] == "versions" else ""
            try:
                self._models.find(parts[at], version)
            except errors.UnknownModel as error:
                return error
        return errors.NotFound(path=path)


_NAMED = (("", "v2", "models"), ("", "v1", "models"), ("", "v2", "repository", "models"))
"""What stands before a model's name in paths."""


def _table(every: Iterable[Endpoint], models: Iterable[str]) -> dict[str, Route]:
    """Every path there is, with its methods."""
    names = tuple(models)
    table: dict[str, Route] = {}
    for row in every:
        error_body = embeddings.error_body if row.operation.error is embeddings.ErrorBody else rest.error_body
        handlers = {"GET": row.handler, "HEAD": row.handler} if row.method == "GET" else {row.method: row.handler}
        label = row.template.replace("/versions/{version}", "")
        for name in names if "{name}" in row.template else ("",):
            path = row.template.replace("{name}", name).replace("{version}", VERSION)
            table[path] = Route(label, handlers, error_body, name, row.operation.limited)
    return table


def _shape_for(path: str) -> ErrorBody:
    return embeddings.error_body if path.startswith("/v1") else rest.error_body

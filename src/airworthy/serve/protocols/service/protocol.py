"""The service's own pages as a member of the family of protocols; errors have the Open Inference Protocol's shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.serve.access.principal import Role
from airworthy.serve.http.messages import Request, Response
from airworthy.serve.protocols.interface import Operation, ProtocolContext, RouteEndpoint
from airworthy.serve.protocols.open_inference import rest
from airworthy.serve.protocols.service import pages

PROBE = Operation(Role.PUBLIC, limited=False)
"""A page that probes read, without limits."""
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class ServicePages:
    """Health, metrics, front page, description."""

    name = "service"
    prefixes = ("/",)
    error_type: type = rest.InferenceErrorBody

    def __init__(self, context: ProtocolContext) -> None:
        self._describe = context.describe
        self._pages = pages.PageHandlers(context.models, context.metrics)

    def endpoints(self) -> Sequence[RouteEndpoint]:
        """Its part of the table of paths."""
        served = self._pages
        components = PROBE._replace(gives=pages.Components, not_ready=True)
        scrape = Operation(Role.DEVELOPER, limited=False, text=_TEXT)
        return (
            RouteEndpoint(
                "/", "GET", served.front, PROBE._replace(gives=pages.Front, text="text/plain; charset=utf-8")
            ),
            RouteEndpoint("/health", "GET", served.components, components),
            RouteEndpoint("/health/live", "GET", served.live, PROBE._replace(gives=pages.Live)),
            RouteEndpoint("/health/ready", "GET", served.ready, PROBE._replace(gives=pages.Readiness, not_ready=True)),
            RouteEndpoint("/metrics", "GET", served.metrics, scrape),
            RouteEndpoint("/openapi.json", "GET", self.describe, PROBE._replace(gives=dict[str, Any])),
            RouteEndpoint("/v2/health/live", "GET", served.live, PROBE._replace(gives=pages.Live)),
            RouteEndpoint(
                "/v2/health/ready", "GET", served.ready, PROBE._replace(gives=pages.Readiness, not_ready=True)
            ),
        )

    def error_body(self, error: AirworthyError) -> bytes:
        """An error in the Open Inference Protocol's shape."""
        return rest.error_body(error)

    async def describe(self, request: Request) -> Response:
        """`GET /openapi.json`: this description."""
        return Response(200, self._describe())

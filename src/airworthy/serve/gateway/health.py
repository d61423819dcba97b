"""Health, metrics and the front page: what probes, scrapers and people ask of the service itself."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec

import airworthy
from airworthy.serve.gateway.http import Request, Response
from airworthy.serve.meters import Meters
from airworthy.serve.served import Served

_encode = msgspec.json.Encoder().encode


class Health:
    """The handlers. Live: this process answers. Ready: every model takes requests now."""

    def __init__(self, models: Mapping[str, Served], meters: Meters) -> None:
        self._models = models
        self._meters = meters
        self._began = time.monotonic()

    @property
    def is_ready(self) -> bool:
        """Whether every model takes requests."""
        return all(served.dispatcher.ready for served in self._models.values())

    async def live(self, request: Request) -> Response:
        """`GET /health/live`: 200 as long as the event loop turns, whatever the models do."""
        return Response(200, b'{"live":true}')

    async def ready(self, request: Request) -> Response:
        """`GET /health/ready`: 200 when every model takes requests, else 503."""
        return Response(200, b'{"ready":true}') if self.is_ready else Response(503, b'{"ready":false}')

    async def components(self, request: Request) -> Response:
        """`GET /health`: the state of each model and worker; the status is that of `/health/ready`."""
        document = {
            "status": "ready" if self.is_ready else "not-ready",
            "version": airworthy.__version__,
            "uptime_seconds": round(time.monotonic() - self._began, 1),
            "models": {name: served.dispatcher.describe() for name, served in self._models.items()},
        }
        return Response(200 if self.is_ready else 503, _encode(document))

    async def metrics(self, request: Request) -> Response:
        """`GET /metrics`: Prometheus text."""
        return Response(200, self._meters.page(), ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),))

    async def front(self, request: Request) -> Response:
        """`GET /`: what is here."""
        paths = {name: f"/v2/models/{name}" for name in self._models}
        document = {"name": "airworthy", "version": airworthy.__version__, "models": paths, "health": "/health"}
        return Response(200, _encode(document))

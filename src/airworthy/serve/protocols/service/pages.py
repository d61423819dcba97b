"""Health, metrics and the front page: what probes, scrapers and people ask of the service itself."""

from __future__ import annotations

import time

import msgspec

import airworthy
from airworthy.serve.http.messages import Request, Response
from airworthy.serve.metrics.metrics import Metrics
from airworthy.serve.models.catalogue import Models

_encode = msgspec.json.Encoder().encode


class Live(msgspec.Struct):
    """Whether the process answers."""

    live: bool
    """True."""


class Readiness(msgspec.Struct):
    """Whether the service takes requests."""

    ready: bool
    """Whether every model does that was not unloaded on purpose."""


class Worker(msgspec.Struct):
    """A worker process."""

    state: str
    """`starting`, `ready`, `waiting`, `failed` or `stopped`."""
    starts: int
    """How often it was started."""
    pid: int
    """Its process number; 0 while there is none."""


class UpstreamHealth(msgspec.Struct):
    """A server behind a model."""

    url: str
    """Where it is."""
    kind: str
    """Which server it is, `vllm`."""
    state: str
    """`closed` takes requests, `open` failed, `paused` asked for a pause, `half-open` is tried, `absent` lacks it."""
    reason: str
    """Why it takes none."""
    expires_seconds: float
    """Seconds until it is tried again."""
    running: int
    """Requests that it has."""
    priority: int
    """The lower, the sooner it is taken."""
    weight: int
    """Its share among those of its priority."""


class ModelHealth(msgspec.Struct):
    """A model."""

    state: str
    """As a worker's, or `draining`, or `unloaded`."""
    waiting: int
    """Requests in the queue."""
    running: int
    """Requests in workers."""
    workers: list[Worker]
    """Its workers."""
    upstreams: list[UpstreamHealth] = []
    """The servers behind it, where it is served by others."""
    signer: str = ""
    """Who signed it, where signatures are requested: a certificate's subject, or the hash of a public key."""
    batches_rows: str = ""
    """Whether rows of several requests run together: `yes`, or `no, because …`."""
    version: str = ""
    """The version that takes requests."""
    releases: dict[str, str] = {}
    """Versions that are loaded, and what each is: `serving`, `previous`, `canary`, `shadow`; empty without releases."""


class Components(msgspec.Struct):
    """The state of everything."""

    status: str
    """`ready` or `not-ready`."""
    version: str
    """The service's release."""
    uptime_seconds: float
    """Since the start."""
    models: dict[str, ModelHealth]
    """The models by name."""


class Front(msgspec.Struct):
    """What is here."""

    name: str
    """`airworthy`."""
    version: str
    """The service's release."""
    models: dict[str, str]
    """The path of each model, by name."""
    batches_rows: dict[str, str]
    """Whether rows of several requests run together, by model: `yes`, or `no, because …`."""
    health: str
    """The path of the health page."""
    openapi: str
    """The path of the description of all paths."""


class PageHandlers:
    """The handlers. Live: this process answers. Ready: every model takes requests now."""

    def __init__(self, models: Models, metrics: Metrics) -> None:
        self._models = models
        self._metrics = metrics
        self._began = time.monotonic()

    async def live(self, request: Request) -> Response:
        """`GET /health/live`: 200 as long as the event loop turns, whatever the models do."""
        return Response(200, b'{"live":true}')

    async def ready(self, request: Request) -> Response:
        """`GET /health/ready`: 200 when every model takes requests, else 503."""
        return Response(200, b'{"ready":true}') if self._models.ready else Response(503, b'{"ready":false}')

    async def components(self, request: Request) -> Response:
        """`GET /health`: the state of each model and worker; the status is that of `/health/ready`."""
        document = Components(
            status="ready" if self._models.ready else "not-ready",
            version=airworthy.__version__,
            uptime_seconds=round(time.monotonic() - self._began, 1),
            models={name: msgspec.convert(served.describe(), ModelHealth) for name, served in self._models.items()},
        )
        return Response(200 if self._models.ready else 503, _encode(document))

    async def metrics(self, request: Request) -> Response:
        """`GET /metrics`: Prometheus text."""
        return Response(200, self._metrics.page(), ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),))

    async def front(self, request: Request) -> Response:
        """`GET /`: what is here; as text, the line by which Ollama's clients know that it runs."""
        if (request.header(b"accept") or b"").startswith(b"text/plain"):
            return Response(200, b"Ollama is running", ((b"content-type", b"text/plain; charset=utf-8"),))
        paths = {name: f"/v2/models/{name}" for name in self._models}
        joins = {name: served.joining.text for name, served in self._models.items()}
        front = Front("airworthy", airworthy.__version__, paths, joins, "/health", "/openapi.json")
        return Response(200, _encode(front))

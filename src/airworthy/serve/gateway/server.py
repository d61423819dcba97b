"""The HTTP server under the gateway; the one file that knows which one it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import uvicorn

from airworthy.core.settings import ServeSettings

IDLE = 30
"""Seconds that an idle connection is kept."""
MARGIN = 2
"""Seconds beyond the drain after which what is left is cut off."""


class Server(uvicorn.Server):
    """uvicorn without its own signal handling: the service drains before it stops."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def make_server(app: Any, settings: ServeSettings) -> Server:
    """A server for an ASGI application; it is given its sockets when it serves."""
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=2048,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=int(settings.drain) + MARGIN,
    )
    return Server(config)

"""The HTTP server under the gateway; the one file that knows which one it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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


class _Gathering:
    """A transport that writes what one turn of the loop gives it in one call to the kernel.

    uvicorn writes a response's head and body apart, and each call costs as much as reading a whole request.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep it until the end of this turn."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Write what was kept, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            data = b"".join(self._parts)
            self._parts.clear()
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Protocol(HttpToolsProtocol):
    def connection_made(self, transport: Any) -> None:
        super().connection_made(_Gathering(transport))  # type: ignore[arg-type]


def make_server(app: Any, settings: ServeSettings) -> Server:
    """A server for an ASGI application; it is given its sockets when it serves."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
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

"""The HTTP server under the gateway; the one file that knows which one it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from airworthy.core.settings import ServeSettings

IDLE = 30
"""Seconds that a connection is kept whose client neither asks nor reads."""
MARGIN = 2
"""Seconds beyond the drain after which what is left is cut off."""
MOST_CHUNKS = 1 << 16
"""Chunks that a body sent in chunks may have."""
FRAMING = 8
"""Bytes on the wire for each byte of a body, at the most: chunks of one byte take six."""
_NOWHERE: Any = deque(maxlen=0)
"""Takes the headers behind a body, which nobody reads."""


class TooMuch(Exception):
    """A request out of proportion; raised inside of the parser, which ends the connection."""


class Protocol(HttpToolsProtocol):
    """One connection, bounded where the parser isn't: in time and size of the head, in chunks, in what isn't read.

    The parser keeps a header's bytes until the header is whole, so they are counted before it sees them.
    """

    max_head = 64 * 1024
    max_wire = 32 * 1024 * 1024 * FRAMING + 1
    head_timeout = 10.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bound = 0
        self._size = 0
        self._chunks = 0
        self._slow: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is here; its first request must follow."""
        super().connection_made(_Gathering(transport))  # type: ignore[arg-type]
        self._slow = self.loop.call_later(self.head_timeout, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._on_time()
        self._read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came; where a request goes on that has begun before, they are counted."""
        bound = self._bound
        if bound:
            self._size += len(data)
            if self._size > bound:
                self._refuse(431 if bound == self.max_head else 413)
                return
        super().data_received(data)
        if self._bound == self.max_head and self._slow is None and not self.transport.is_closing():
            self._slow = self.loop.call_later(self.head_timeout, self._too_slow)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._bound, self._size, self._chunks = self.max_head, 0, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._bound, self._size = self.max_wire, 0
        if self._slow is not None:
            self._on_time()
        super().on_headers_complete()
        self.headers = _NOWHERE

    def on_chunk_header(self) -> None:
        """One more chunk of the body."""
        self._chunks += 1
        if self._chunks > MOST_CHUNKS:
            raise TooMuch

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._bound = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client reads slower than it is answered."""
        super().pause_writing()
        self._watch_reader(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        self._read()

    def on_response_complete(self) -> None:
        """A response is written; where it was the last one, the client gets a while to read it."""
        super().on_response_complete()
        if self.transport.is_closing() and self._unread is None and (left := self.transport.get_write_buffer_size()):
            self._watch_reader(left)

    def timeout_keep_alive_handler(self) -> None:
        """Nobody asks for more; a client that has not read its answer by now doesn't hold it any longer."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _watch_reader(self, left: int) -> None:
        self._read()
        self._unread = self.loop.call_later(IDLE, self._check_reader, left)

    def _check_reader(self, before: int) -> None:
        self._unread = None
        left = self.transport.get_write_buffer_size()
        if left and left < before:
            self._watch_reader(left)
        elif left:
            self.transport.abort()

    def _read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _on_time(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _too_slow(self) -> None:
        self._slow = None
        if self._bound == self.max_head:
            self._refuse(408)
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        """Answer and close, where there is no request yet that the application could answer."""
        if getattr(self.cycle, "response_complete", True):
            self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()
        else:
            self.transport.abort()


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
            # A client that reset the connection within this turn has left nothing that could be written to.
            if not self._transport.is_closing():
                self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def make_server(app: Any, settings: ServeSettings) -> Server:
    """A server for an ASGI application; it is given its sockets when it serves."""
    # One even and one odd, so that a connection tells by its bound alone what it is in the middle of.
    bounds = {
        "max_head": (settings.max_headers + settings.max_url) & ~1,
        "max_wire": (settings.max_body * FRAMING + settings.max_headers) | 1,
        "head_timeout": settings.header_timeout,
    }
    config = uvicorn.Config(
        app,
        http=type("BoundedProtocol", (Protocol,), bounds),
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

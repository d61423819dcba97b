"""Responses that are sent piece by piece: chunked on the wire, and never ahead of what their client reads."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from airworthy.serve.http.messages import Header

EVENT_STREAM: Header = (b"content-type", b"text/event-stream; charset=utf-8")
NDJSON: Header = (b"content-type", b"application/x-ndjson")
UNBUFFERED: tuple[Header, ...] = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))
"""What keeps proxies from collecting the pieces."""

_END = b"0\r\n\r\n"
_log = logging.getLogger("airworthy.serve")


class StreamingResponse:
    """A response whose body comes in pieces. What was taken for the request is given back when the last one is sent."""

    __slots__ = ("_on_end", "headers", "pieces", "status")

    def __init__(self, pieces: AsyncGenerator[bytes, None], headers: Sequence[Header], status: int = 200) -> None:
        self.pieces = pieces
        """The body; closed when the client leaves, which ends what makes it."""
        self.headers = tuple(headers)
        """Headers but for the framing."""
        self.status = status
        """HTTP status."""
        self._on_end: list[Callable[[], None]] = []

    def when_ended(self, call: Callable[[], None]) -> None:
        """Call this once when the stream has ended, whichever way."""
        self._on_end.append(call)

    async def close(self) -> None:
        """End the stream and give back what was taken for it; calling it twice is harmless."""
        calls, self._on_end = self._on_end, []
        try:
            await self.pieces.aclose()
        finally:
            for call in reversed(calls):
                call()


class StreamSink(Protocol):
    """Where a stream is written to."""

    @property
    def is_closed(self) -> bool:
        """Whether the client is gone."""

    def write(self, data: bytes) -> None:
        """Write; the client may read it later."""

    async def writable(self) -> None:
        """Wait until the client has caught up, or is gone."""


async def send_stream(response: StreamingResponse, sink: StreamSink, *, chunked: bool) -> bool:
    """Write a response's pieces as they come; whether all of them were.

    Args:
        response: the response, whose head was written; it is closed at the end.
        sink: the client.
        chunked: whether pieces are framed, as they are for clients of HTTP/1.1.
    """
    is_whole = False
    try:
        async for piece in response.pieces:
            if sink.is_closed:
                break
            if piece:
                sink.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                await sink.writable()
        else:
            is_whole = not sink.is_closed
    except Exception:  # noqa: BLE001 - the head is out: all that is left is to let the client see an unfinished body
        _log.exception("a stream failed")
    finally:
        with contextlib.suppress(RuntimeError):  # already closing, where the task itself was cancelled
            await response.close()
    if is_whole and chunked:
        sink.write(_END)
    return is_whole

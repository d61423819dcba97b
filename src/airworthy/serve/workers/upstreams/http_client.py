"""A small HTTP/1.1 client for answers that come in pieces: one request a connection, no redirects, no encodings.

A connection is closed as soon as its answer is not wanted any more, which is what makes a server stop generating.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from airworthy.serve.workers.upstreams.time_limits import within

READ_SIZE = 64 * 1024
"""Bytes that are read at a time."""
MAX_HEADER_BYTES = 64 * 1024
"""Bytes of a response's headers."""
MAX_BODY = 8 * 1024 * 1024
"""Bytes of a body that is read whole."""


class ConnectFailed(Exception):
    """No connection: nothing was sent."""


class ConnectionLost(Exception):
    """The connection ended within a response."""


class BadResponse(Exception):
    """What came is no HTTP response."""


class Target(NamedTuple):
    """Where a server is."""

    host: str
    port: int
    secure: bool
    base: str
    """The path before `/v1`."""

    @classmethod
    def of(cls, url: str) -> Target:
        """The target of a URL that settings have checked."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        base = parts.path.rstrip("/").removesuffix("/v1")
        return cls(parts.hostname or "", parts.port or (443 if secure else 80), secure, base)

    @property
    def authority(self) -> str:
        """What the `Host` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


class HttpResponse:
    """A response whose headers are there and whose body comes in pieces. Its owner must close it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        import httptools

        self._reader = reader
        self._writer = writer
        self._parser: Any = httptools.HttpResponseParser(self)
        self._error: type[Exception] = httptools.HttpParserError
        self._headers_done = False
        self._complete = False
        self._pieces: list[bytes] = []
        self._header_bytes = 0
        self.status = 0
        """Its status."""
        self.headers: dict[str, str] = {}
        """Its headers, names in lower case."""

    # --- called by the parser ---------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A response begins; informational ones come before the one that counts."""
        self._headers_done = self._complete = False
        self.headers.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header came."""
        self._header_bytes += len(name) + len(value)
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """All headers came."""
        self.status = self._parser.get_status_code()
        self._headers_done = self.status >= 200

    def on_body(self, data: bytes) -> None:
        """A piece of the body came."""
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        """The body is whole."""
        self._complete = self.status >= 200

    # --- called by the requester ------------------------------------------------------------------------------------

    async def read_headers(self) -> None:
        """Wait for the headers.

        Raises:
            BadResponse: it is no HTTP.
            ConnectionLost: the connection ended before.
        """
        while not self._headers_done:
            if not await self._more():
                raise ConnectionLost
            if self._header_bytes > MAX_HEADER_BYTES:
                raise BadResponse

    async def read(self) -> bytes:
        """The next piece of the body; empty at its end.

        Raises:
            BadResponse: it is no HTTP.
            ConnectionLost: the connection ended before the body did.
        """
        while not self._pieces:
            if self._complete:
                return b""
            if not await self._more():
                has_end = "content-length" in self.headers or "transfer-encoding" in self.headers
                if has_end:
                    raise ConnectionLost
                return b""  # without a length the end of the connection is the end of the body
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data

    async def read_all(self) -> bytes:
        """The whole body.

        Raises:
            BadResponse: it is no HTTP, or too large.
            ConnectionLost: the connection ended before the body did.
        """
        body = bytearray()
        while data := await self.read():
            body += data
            if len(body) > MAX_BODY:
                raise BadResponse
        return bytes(body)

    async def _more(self) -> bool:
        try:
            data = await self._reader.read(READ_SIZE)
        except (OSError, ssl.SSLError):
            raise ConnectionLost from None
        if not data:
            return False
        try:
            self._parser.feed_data(data)
        except self._error:
            raise BadResponse from None
        return True

    def close(self) -> None:
        """Close the connection at once, whatever is still to come."""
        # `abort` drops what the kernel holds: a server that is writing learns of it with its next piece.
        self._writer.transport.abort()


async def send(
    target: Target, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout: float
) -> HttpResponse:
    """Connect and send a request; its response is not read yet.

    Args:
        target: where.
        method: `GET` or `POST`.
        path: below the target's base.
        headers: beside those of the connection.
        body: the JSON body, or empty.
        timeout: seconds for the connection.

    Raises:
        ConnectFailed: there is no connection.
    """
    context = _tls() if target.secure else None
    name = target.host if target.secure else None
    try:
        connecting = asyncio.open_connection(target.host, target.port, ssl=context, server_hostname=name)
        reader, writer = await within(connecting, timeout, lambda streams: streams[1].transport.abort())
    except asyncio.TimeoutError:
        raise ConnectFailed(f"no connection within {timeout:g} s") from None
    except ssl.SSLError as error:
        raise ConnectFailed(f"TLS: {error.reason or error}") from None
    except OSError as error:
        raise ConnectFailed(error.strerror or type(error).__name__) from None
    response = HttpResponse(reader, writer)
    lines = [
        f"{method} {target.base}{path} HTTP/1.1",
        f"Host: {target.authority}",
        "Connection: close",
        "Accept-Encoding: identity",
        *(f"{field}: {value}" for field, value in headers.items()),
    ]
    if body or method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    try:
        # A server that refuses early may close before it has read all; its answer is what counts then.
        with contextlib.suppress(OSError):
            await writer.drain()
    except BaseException:
        response.close()
        raise
    return response

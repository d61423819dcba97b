"""A request and a response on ASGI, without a framework: what every handler is given and gives."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, NamedTuple

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.words import say
from airworthy.serve import refusals
from airworthy.serve.gateway import encoding

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON: Header = (b"content-type", b"application/json")


class Response(NamedTuple):
    """A whole response."""

    status: int
    """HTTP status."""
    body: bytes
    """The body."""
    headers: Sequence[Header] = (JSON,)
    """Headers but for the length."""


class Request:
    """A request whose body is read on demand, within bounds."""

    __slots__ = ("_headers", "model", "path", "receive", "scope", "tenant")

    def __init__(self, scope: Scope, receive: Receive, model: str = "", tenant: str = "") -> None:
        self.scope = scope
        self.model = model
        self.tenant = tenant
        self.path: str = scope["path"]
        self.receive = receive
        self._headers: dict[bytes, bytes] | None = None

    def header(self, name: bytes) -> bytes | None:
        """The value of a header by its name in lower case; the last one where it stands twice."""
        if self._headers is None:
            self._headers = dict(self.scope["headers"])
        return self._headers.get(name)

    def length(self, name: bytes) -> int | None:
        """A header that holds a number of bytes.

        Raises:
            Refusal: it holds something else.
        """
        value = self.header(name)
        if value is None:
            return None
        if not value.isdigit() or len(value) > 18:
            raise refusals.InvalidRequest(detail=say("the header {name} is not a length", name=name.decode()))
        return int(value)

    async def body(self, limit: int, timeout: float) -> bytes:
        """The whole body.

        Args:
            limit: the most bytes.
            timeout: seconds for it to arrive.

        Raises:
            Refusal: too large, too slow, or compressed in a way that can't be undone.
            ClientGone: the client left; a `refusals.ClientGone`.
        """
        declared = self.length(b"content-length")
        if declared is not None and declared > limit:
            raise refusals.BodyTooLarge(limit=limit)
        loop = asyncio.get_running_loop()
        alarm = _Alarm()
        timer = loop.call_later(timeout, alarm.ring, asyncio.current_task())
        try:
            body = await self._read(limit)
        except asyncio.CancelledError:
            if alarm.rang:
                raise refusals.BodyTooSlow(limit=timeout) from None
            raise
        finally:
            timer.cancel()
        packed = self.header(b"content-encoding")
        if packed is None or packed == b"identity" or not body:
            return body
        return await encoding.unpack(body, packed, limit)

    async def _read(self, limit: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                raise refusals.ClientGone
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise refusals.BodyTooLarge(limit=limit)
            if not message.get("more_body", False):
                return b"".join((*chunks, chunk)) if chunks else chunk
            chunks.append(chunk)

    async def gone(self) -> None:
        """Wait until the client is gone; only after the body was read."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


class _Alarm:
    """Cancels a task and remembers that it did."""

    rang = False

    def ring(self, task: asyncio.Task[Any] | None) -> None:
        self.rang = True
        if task is not None:
            task.cancel()


def decode(decoder: msgspec.json.Decoder[Any], body: bytes | memoryview) -> Any:
    """A JSON body as the decoder's type.

    Raises:
        Refusal: not JSON, or not of that type; the message says where.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise refusals.InvalidRequest(detail=str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = say("the body is not JSON: {error}", error=error)
        if b"NaN" in bytes(body[:]) or b"Infinity" in bytes(body[:]):
            detail = say("{detail}; JSON has no NaN or Infinity", detail=detail)
        raise refusals.InvalidRequest(detail=detail) from None
    except RecursionError:
        raise refusals.InvalidRequest(detail=say("the body is nested too deeply")) from None


def status_of(error: AirworthyError) -> int:
    """The HTTP status of an error: a refusal's own; what the client sent wrong is 400."""
    return error.http_status if isinstance(error, refusals.Refusal) else 400


def message_of(error: AirworthyError) -> str:
    """The error's message with its way out."""
    return f"{error.text}; {error.way_out}" if error.way_out else error.text


def headers_of(error: AirworthyError) -> tuple[Header, ...]:
    """The headers of an error's response."""
    headers = [JSON]
    if isinstance(error, refusals.Refusal) and error.retry_after:
        # The standard's header has whole seconds; OpenAI's clients look for theirs with milliseconds first.
        headers.append((b"retry-after", str(math.ceil(error.retry_after)).encode()))
        headers.append((b"retry-after-ms", str(math.ceil(1000 * error.retry_after)).encode()))
    if isinstance(error, refusals.MethodNotAllowed):
        headers.append((b"allow", ", ".join(error.params["allowed"]).encode()))
    if isinstance(error, refusals.Unauthorized):
        headers.append((b"www-authenticate", b"Bearer"))
    if status_of(error) in (408, 413):
        headers.append((b"connection", b"close"))  # what is left of the body would be taken for a request
    return tuple(headers)

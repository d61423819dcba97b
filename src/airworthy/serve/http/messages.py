"""A request and a response, without a framework: what every handler is given and gives."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.http import compression
from airworthy.serve.http.body_budget import BodyBudget

if TYPE_CHECKING:
    from airworthy.serve.access.principal import Principal

Header = tuple[bytes, bytes]

JSON: Header = (b"content-type", b"application/json")
MAX_REQUEST_ID_BYTES = 128
"""Bytes of a request id that are logged; a longer one is not echoed."""
HIGH_WATER = 64 * 1024
"""Bytes of a body that may come before anyone asks for it."""


class Response(NamedTuple):
    """A whole response."""

    status: int
    """HTTP status."""
    body: bytes
    """The body."""
    headers: Sequence[Header] = (JSON,)
    """Headers but for the length."""


class BodySource(Protocol):
    """What a request needs of its connection."""

    def go_on(self) -> None:
        """The body is wanted: read on, and answer a client that asked whether it may send."""

    def wait(self) -> None:
        """No client takes what comes: read no further for now."""

    def watch(self, gone: Callable[[], None]) -> None:
        """Call this should the client leave before it has its answer."""

    @property
    def address(self) -> str:
        """The IP address that the client connects from; empty where that can't be determined."""


class Request:
    """A request whose body is taken on demand, within bounds."""

    __slots__ = (
        "_chunks",
        "_damage",
        "_fields",
        "_grows",
        "_left",
        "_limit",
        "_line",
        "_size",
        "_waiter",
        "arrived",
        "asks_to_keep",
        "bodies",
        "complete",
        "headers",
        "keep",
        "method",
        "model",
        "most_head",
        "path",
        "principal",
        "reserved",
        "takes_chunks",
        "target",
        "version",
    )

    def __init__(
        self, line: BodySource, method: str, target: bytes, path: str, headers: list[Header], keep: bool
    ) -> None:
        self.method = method
        """The method, in capitals."""
        self.target = target
        """The URL as it was sent."""
        self.path = path
        """Its path, unquoted."""
        self.headers = headers
        """The headers, their names in lower case."""
        self.keep = keep
        """Whether the client wants the connection kept."""
        self.asks_to_keep = False
        """Whether it says so, and must get it back: clients of HTTP/1.0 do."""
        self.model = ""
        """The model that the path names."""
        self.version = ""
        """The version of it that the path names; empty for whichever is served."""
        self.principal: Principal
        """Who makes it; not set before the access stages have run, so that nothing is taken for an identity."""
        self.arrived = 0.0
        """When it came, on the event loop's clock, where it had to wait before it was read; else 0."""
        self.bodies: BodyBudget | None = None
        """Reserves room for a large body; None for nowhere."""
        self.reserved = 0
        """Bytes of room that it has there."""
        self.most_head = 0
        """Bytes that the head has at the most."""
        self.takes_chunks = True
        """Whether its client takes a body in chunks, as those of HTTP/1.1 do."""
        self.complete = False
        """Whether all of the body is here."""
        self._line = line
        self._fields: dict[bytes, bytes] | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._limit = -1
        self._left = False
        self._damage: Exception | None = None
        self._grows = False
        self._waiter: asyncio.Future[None] | None = None

    def request_id(self) -> str:
        """The client's own name for the request; empty where it gave none."""
        given = self.header(b"x-request-id")
        return given[:MAX_REQUEST_ID_BYTES].decode("latin-1") if given else ""

    def sticky_key(self) -> bytes:
        """What requests of one conversation, else of one caller, have in common."""
        conversation = self.header(b"x-conversation-id")
        if conversation:
            return b"conversation " + conversation
        name = self.principal.name
        if name:
            return b"caller " + name.encode()
        key = self.header(b"authorization") or self.header(b"x-api-key")
        return b"key " + key if key else b"address " + self.address.encode()

    def header(self, name: bytes) -> bytes | None:
        """The value of a header by its name in lower case; the last one where it stands twice."""
        if self._fields is None:
            self._fields = dict(self.headers)
        return self._fields.get(name)

    def length(self, name: bytes) -> int | None:
        """A header that holds a number of bytes.

        Raises:
            RequestError: it holds something else.
        """
        value = self.header(name)
        if value is None:
            return None
        if not value.isdigit() or len(value) > 18:
            raise errors.InvalidRequest(detail=say("the header {name} is not a length", name=name.decode()))
        return int(value)

    async def body(self, limit: int, timeout: float) -> bytes:
        """The whole body.

        Args:
            limit: the most bytes.
            timeout: seconds for it to arrive.

        Raises:
            RequestError: too large, too slow, or compressed in a way that can't be undone.
            ClientGone: the client left; a `errors.ClientGone`.
        """
        self._limit = limit
        if not self.complete:
            await self._rest(limit, timeout)
        if self._size > limit:
            raise errors.BodyTooLarge(limit=limit)
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        packed = self.header(b"content-encoding")
        if packed is None or packed == b"identity" or not body:
            return body
        unpacked = await compression.unpack(body, packed, limit)
        if len(unpacked) > HIGH_WATER:
            self._reserve(len(unpacked))
        return unpacked

    async def _rest(self, limit: int, timeout: float) -> None:
        declared = self.length(b"content-length")
        if (declared is not None and declared > limit) or self._size > limit:
            raise errors.BodyTooLarge(limit=limit)
        if self._damage is not None:
            raise self._damage
        if self._left:
            raise errors.ClientGone
        self._reserve(declared if declared is not None else self._size)
        self._grows = declared is None
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(timeout, self._fail, errors.BodyTooSlow(limit=timeout))
        self._line.go_on()
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _reserve(self, size: int) -> None:
        if self.bodies is not None:
            self.reserved += self.bodies.take(size)

    @property
    def size(self) -> int:
        """Bytes of the body that have come."""
        return self._size

    @property
    def address(self) -> str:
        """The IP address that the client connects from."""
        return self._line.address

    def watch(self, gone: Callable[[], None]) -> None:
        """Call this should the client leave before it has its answer."""
        self._line.watch(gone)

    # --- what the connection reports ----------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """A piece of the body came."""
        if self._left:
            return
        self._chunks.append(data)
        self._size += len(data)
        if self._limit >= 0:
            if self._size > self._limit:
                self._chunks.clear()
                self._fail(errors.BodyTooLarge(limit=self._limit))
            elif self._grows:
                self._grow(len(data))
        elif self._size > HIGH_WATER:
            self._line.wait()

    def _grow(self, size: int) -> None:
        try:
            self._reserve(size)
        except errors.RequestError as error:
            self._chunks.clear()
            self._fail(error)

    def end(self) -> None:
        """The body is whole."""
        self.complete = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def leave(self) -> None:
        """No client wants the rest of the body, because there is an answer or no client to answer any more."""
        self._left = True
        self._chunks.clear()
        self._fail(errors.ClientGone())

    def damage(self, error: errors.RequestError) -> None:
        """The rest of the body can't be read; the reader of the body gets the error."""
        self._left, self._damage = True, error
        self._chunks.clear()
        self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)


def decode(decoder: msgspec.json.Decoder[Any], body: bytes | memoryview) -> Any:
    """A JSON body as the decoder's type.

    Raises:
        RequestError: not JSON, or not of that type; the message says where.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise errors.InvalidRequest(detail=str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = say("the body is not JSON: {error}", error=error)
        if b"NaN" in bytes(body[:]) or b"Infinity" in bytes(body[:]):
            detail = say("{detail}; JSON has no NaN or Infinity", detail=detail)
        raise errors.InvalidRequest(detail=detail) from None
    except RecursionError:
        raise errors.InvalidRequest(detail=say("the body is nested too deeply")) from None


async def read_json(request: Request, decoder: msgspec.json.Decoder[Any], settings: ServeSettings) -> Any:
    """A request's body as the decoder's type, within the service's bounds of a body.

    Raises:
        RequestError: too large, too slow, not JSON, or not of that type.
    """
    return decode(decoder, await request.body(settings.limits.max_body, settings.limits.body_timeout))


def status_of(error: AirworthyError) -> int:
    """The HTTP status of an error: a refusal's own; what the client sent wrong is 400."""
    return error.http_status if isinstance(error, errors.RequestError) else 400


def message_of(error: AirworthyError) -> str:
    """The error's message with its way out."""
    return f"{error.text}; {error.way_out}" if error.way_out else error.text


def headers_of(error: AirworthyError) -> tuple[Header, ...]:
    """The headers of an error's response."""
    headers = [JSON]
    if isinstance(error, errors.RequestError) and error.retry_after:
        # The standard's header has whole seconds; OpenAI's clients look for theirs with milliseconds first.
        headers.append((b"retry-after", str(math.ceil(error.retry_after)).encode()))
        headers.append((b"retry-after-ms", str(math.ceil(1000 * error.retry_after)).encode()))
    if isinstance(error, errors.MethodNotAllowed):
        headers.append((b"allow", ", ".join(error.params["allowed"]).encode()))
    if isinstance(error, errors.Unauthorized):
        headers.append((b"www-authenticate", b"Bearer"))
    return tuple(headers)

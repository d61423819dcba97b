"""One HTTP/1.1 connection: its requests are read by httptools, answered one after the other, and bounded throughout.

What the parser does not bound is bounded here: time and size of a head, chunks of a body, requests in advance, what is
not read. The parser keeps a header's bytes until the header is whole, so they are counted before it sees them.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Coroutine
from enum import Enum
from http import HTTPStatus
from typing import Any, Optional, Protocol, Union, cast
from urllib.parse import unquote

import httptools

from airworthy.core.messages import say
from airworthy.serve import errors
from airworthy.serve.http.messages import Header, Request, Response
from airworthy.serve.http.streaming import StreamingResponse, send_stream

IDLE = 30.0
"""Seconds that a connection is kept whose client neither asks nor reads."""
LINGER = 2.0
"""Seconds that a client gets to read a last answer, and to stop sending what no client wants."""
RESPITE = 0.5
"""Seconds for which nothing more is read from a client that was turned away: its answer said when to come again."""
HELD = 64 * 1024
"""Bytes of a request that waits unread after which nothing more is taken from its client."""
LINGER_SIZE = 4 << 20
"""Bytes that it may still send in that time."""
MOST_CHUNKS = 1 << 16
"""Chunks that a body sent in chunks may have."""
MOST_AHEAD = 1000
"""Requests that a client may send before it has the answer to the first."""
FRAMING = 8
"""Bytes on the wire for each byte of a body, at the most: chunks of one byte take six."""

_NO_HEADERS: list[Header] = []
"""What a connection has between requests; nothing is added to it."""
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_CLOSE = b"connection: close\r\n"
_KEEP = b"connection: keep-alive\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


Handler = Callable[[Request], Coroutine[Any, Any, Union[Response, StreamingResponse, None]]]


class TooMuch(Exception):
    """A request out of proportion; raised inside of the parser, which ends the connection."""


class EarlyGate(Protocol):
    """What stands between the bytes that come and the requests that they are."""

    def park(self, connection: Connection, data: bytes) -> bool:
        """Whether a request that begins so waits unread, until `resume` is called."""

    def reject(self, target: bytes) -> Optional[Response]:
        """The answer to a URL at which no request is let in now; None to inspect the request."""

    def tick(self, now: float) -> None:
        """Time has passed."""


class ServerLimits(Protocol):
    """What a connection needs to know of its server."""

    max_head: int
    """Bytes of a request's head."""
    max_wire: int
    """Bytes of a request's body as it is sent, framing included."""
    head_timeout: float
    """Seconds for a connection's first bytes, and for a request's head."""
    stopping: bool
    """Whether connections end with their next answer."""

    def opened(self, connection: Connection) -> bool:
        """A connection is there; whether there is room for it."""

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""

    doors: Optional[EarlyGate]
    """Who must wait before anything is made of what came; None where none must."""
    answer: Handler
    """Gives the answer to a request; None where there is no client to answer any more."""


class ParseState(Enum):
    """What a connection is in the middle of receiving."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class Connection(asyncio.Protocol):
    """One client's connection."""

    __slots__ = (
        "__weakref__",
        "_ahead",
        "_answering",
        "_arrived",
        "_asks_to_keep",
        "_chunks",
        "_deaf",
        "_due",
        "_expects",
        "_head_due",
        "_headers",
        "_held",
        "_incoming",
        "_is_first",
        "_is_last",
        "_is_named",
        "_loop",
        "_parser",
        "_part",
        "_piece",
        "_reading_paused",
        "_respite",
        "_server",
        "_size",
        "_target",
        "_task",
        "_transport",
        "_turned_away",
        "_uncounted",
        "_unread",
        "_watchers",
        "_writable",
        "_writing_paused",
        "held_since",
    )

    def __init__(self, server: ServerLimits) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._parser: httptools.HttpRequestParser | None = None
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._part = ParseState.NOTHING
        self._size = 0
        self._piece = 0
        self._uncounted = 0
        self._is_first = False
        self._chunks = 0
        self._target = b""
        self._headers = _NO_HEADERS
        self._expects = self._asks_to_keep = self._is_named = False
        self._turned_away: Response | None = None
        self._respite = math.inf
        self._held = b""
        self.held_since = 0.0
        """When the request came that waits unread, on the event loop's clock; 0 for none."""
        self._arrived = 0.0
        self._incoming: Request | None = None
        self._ahead: list[Request] = []  # an empty deque takes a third of all that an idle connection does
        self._answering: Request | None = None
        self._task: asyncio.Task[None] | None = None
        self._watchers: list[Callable[[], None]] = []
        self._deaf = False
        self._is_last = False
        self._writing_paused = False
        self._writable: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._unread = 0
        self._head_due = math.inf
        self._due = math.inf

    # --- the transport's calls --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here; its first request must follow."""
        self._transport = cast("asyncio.Transport", transport)
        if self._server.opened(self):
            self._head_due = self._loop.time() + self._server.head_timeout
        else:
            self._refuse(503)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._deaf = True
        self._head_due = self._due = math.inf
        self._ahead.clear()
        self._held, self.held_since = b"", 0.0
        for request in (self._incoming, self._answering):
            if request is not None:
                request.leave()
        self._incoming = None
        self._release_writer()
        watchers, self._watchers = self._watchers, []
        for gone in watchers:
            gone()
        # The parser holds this connection's methods: only the collector would find them, and it seldom looks.
        self._parser = None
        self._server.closed(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came; those of a body are counted here, those of a head where they are parsed."""
        if self._deaf or self._is_last:
            self._size += len(data)
            if self._size > LINGER_SIZE:
                self.abort()
            return
        if self._part is ParseState.BODY:
            self._size += len(data)
            if self._size > self._server.max_wire:
                self._refuse(413)
                return
        if self.held_since:
            self._held += data
            if len(self._held) > HELD:
                self.wait()
        elif self._part is ParseState.NOTHING and self._is_held(data):
            self._held, self._head_due, self._due = data, math.inf, math.inf
        else:
            self._read(data)

    def _is_held(self, data: bytes) -> bool:
        doors = self._server.doors
        return doors is not None and self._answering is None and not self._writing_paused and doors.park(self, data)

    def resume(self) -> None:
        """Read what was held."""
        if not self.held_since:
            return
        data, self._held = self._held, b""
        self._arrived, self.held_since = self.held_since, 0.0
        self._read_on()
        self._read(data)

    def _read(self, data: bytes) -> None:
        if self._part is not ParseState.BODY and self._size + len(data) >= self._server.max_head:
            self._read_in_pieces(data)
        else:
            self._parse(data)
        if self._ahead:
            self.wait()

    def _read_in_pieces(self, data: bytes) -> None:
        """Parse no more of a head than it may have, so that where reads end decides nothing."""
        most = self._server.max_head
        while data and not self._deaf and not self._is_last:
            room = len(data) if self._part is ParseState.BODY else most - self._size
            piece, data = data[:room], data[room:]
            self._parse(piece)
            if self._part is ParseState.HEAD and self._size >= most and not self._deaf:
                self._refuse(431)

    def _parse(self, data: bytes) -> None:
        if self._part is ParseState.NOTHING and data[0] in b"\r\n":
            data = data.lstrip(b"\r\n")  # the parser passes over them too, and they belong to no head
        self._piece = len(data)
        self._is_first = self._part is ParseState.NOTHING
        if self._part is ParseState.HEAD:
            self._size += len(data)
        try:
            if self._parser is None:
                self._parser = httptools.HttpRequestParser(self)
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # We speak nothing else; the request is answered as it stands, and nothing can be read behind it.
            self._end_after_answers()
        except (httptools.HttpParserError, TooMuch):
            self._refuse(400)

    def pause_writing(self) -> None:
        """The client reads slower than it is answered: nothing more is answered until it has caught up."""
        self._writing_paused = True
        self._expect_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writing_paused = False
        self._release_writer()
        self._due = math.inf if self._answering is not None else self._loop.time() + IDLE
        self._next()

    # --- the parser's calls -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self._part, self._chunks = ParseState.HEAD, 0
        # Behind another request in the same bytes, the parser does not say where this one begins.
        self._size, self._uncounted = (self._piece, 0) if self._is_first else (0, self._piece)
        self._is_first = False
        self._target, self._headers = b"", []
        self._expects = self._asks_to_keep = self._is_named = False
        self._head_due = self._loop.time() + self._server.head_timeout
        if not self._writing_paused:
            self._due = math.inf

    def on_url(self, url: bytes) -> None:
        """A piece of the URL."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        name = name.lower()
        if name == b"expect":
            self._expects = value.lower() == b"100-continue"
        elif name == b"connection":
            self._asks_to_keep = value.lower() == b"keep-alive"
        elif name == b"x-request-id":
            self._is_named = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole: the request can be answered, its body will be read."""
        self._part = ParseState.BODY
        self._head_due = math.inf
        assert self._parser is not None
        keep = self._parser.should_keep_alive()
        if keep and self._server.doors is not None and self._may_turn_away(self._parser.get_method()):
            self._turned_away = self._server.doors.reject(self._target)
            if self._turned_away is not None:
                self._size, self._due = 0, self._loop.time() + IDLE
                return
        method = self._parser.get_method().decode("ascii")
        request = Request(self, method, self._target, _path(self._target), self._headers, keep)
        self._target, self._headers = b"", _NO_HEADERS  # which an idle connection would keep
        request.asks_to_keep = self._asks_to_keep and keep
        request.arrived, self._arrived = self._arrived, 0.0
        request.most_head = self._size + self._uncounted
        request.takes_chunks = self._parser.get_http_version() == "1.1"
        self._incoming, self._size = request, 0
        if self._answering is not None or self._ahead or self._writing_paused:
            if len(self._ahead) >= MOST_AHEAD:
                raise TooMuch
            self._ahead.append(request)
        else:
            self._begin(request)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._incoming is not None:
            self._incoming.feed(body)

    def on_chunk_header(self) -> None:
        """One more chunk of the body."""
        self._chunks += 1
        if self._chunks > MOST_CHUNKS:
            raise TooMuch

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._part, self._size = ParseState.NOTHING, 0
        if self._incoming is not None:
            self._incoming.end()
            self._incoming = None
        elif self._turned_away is not None:
            self._transport.write(_bytes_of("POST", self._turned_away, keep=True, asks_to_keep=self._asks_to_keep))
            self._turned_away = None
            self._expect_reading()
            self._respite = self._loop.time() + RESPITE
            self.wait()

    def _may_turn_away(self, method: bytes) -> bool:
        """Whether nothing hangs on the request itself: its turn, its id, or being asked to go on."""
        busy = self._answering is not None or self._ahead or self._writing_paused
        return not busy and not self._expects and not self._is_named and method == b"POST"

    # --- what requests ask for --------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """The body of the request that is being answered is wanted."""
        if self._expects and not self._writing_paused:
            self._expects = False
            self._transport.write(_CONTINUE)
        self._read_on()

    def wait(self) -> None:
        """Read no further for now."""
        if not self._reading_paused and not self._deaf:
            self._reading_paused = True
            self._transport.pause_reading()

    def watch(self, gone: Callable[[], None]) -> None:
        """Call this should the client leave before the request that is being answered has its answer."""
        if self._deaf or self._transport.is_closing():
            self._loop.call_soon(gone)
        else:
            self._watchers.append(gone)

    @property
    def address(self) -> str:
        """The IP address that the client connects from."""
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) and peer else ""

    # --- answers ----------------------------------------------------------------------------------------------------

    def _begin(self, request: Request) -> None:
        self._answering = request
        self._task = self._loop.create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        try:
            response = await self._server.answer(request)
        except BaseException:
            self.abort()
            raise
        if isinstance(response, StreamingResponse):
            await self._stream(request, response)
            return
        self._answering = self._task = None
        self._watchers.clear()
        if response is None or self._deaf:
            self._transport.abort()
            return
        keep = request.keep and not (self._server.stopping and not self._ahead)
        if not request.complete:
            request.leave()
            # A body that is refused, or answered before it came, is not waited for: its client may never send it.
            keep = keep and response.status < 400
        self._transport.write(_bytes_of(request.method, response, keep=keep, asks_to_keep=request.asks_to_keep))
        self._go_on_or_end(request, keep=keep)

    def _go_on_or_end(self, request: Request, *, keep: bool) -> None:
        """A response is written: wait for the next request, or close."""
        if not keep:
            self._end(lingers=not request.complete)
        else:
            if self._part is ParseState.NOTHING and not self._ahead:
                self._parser = None  # it takes more memory than making it takes time
            self._expect_reading()
            self._next()

    async def _stream(self, request: Request, response: StreamingResponse) -> None:
        """Send a response piece by piece; the request is being answered until the last one is out."""
        keep = request.keep and request.takes_chunks and request.complete and not self._server.stopping
        is_whole = False
        try:
            if not self.is_closed:
                self._transport.write(_stream_head(response, keep=keep, chunked=request.takes_chunks))
            is_whole = await send_stream(response, self, chunked=request.takes_chunks)
        finally:
            self._answering = self._task = None
            self._watchers.clear()
            if not is_whole:
                self.abort()
        if is_whole:
            self._go_on_or_end(request, keep=keep and not self._server.stopping)

    # --- what streams ask for ---------------------------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        """Whether the client is gone."""
        return self._deaf or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Write a piece."""
        self._transport.write(data)

    async def writable(self) -> None:
        """Wait until the client has caught up, or is gone; one that does not read at all is closed by the clock."""
        if self._writing_paused and not self.is_closed:
            self._writable = self._loop.create_future()
            await self._writable

    def _release_writer(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def _next(self) -> None:
        """Begin with the next request that came ahead, or wait for one."""
        if self._writing_paused or self._answering is not None or self._deaf:
            return
        if self._ahead:
            self._begin(self._ahead.pop(0))
        if not self._ahead:
            self._read_on()

    def _read_on(self) -> None:
        if self._reading_paused and not self._transport.is_closing():
            self._reading_paused = False
            self._transport.resume_reading()

    # --- ends -------------------------------------------------------------------------------------------------------

    def _end(self, *, lingers: bool = False) -> None:
        """Close, once what was written is read; where the client still sends, let it read first.

        Closing a socket with bytes that were not read resets the connection, and takes the answer from the client.
        """
        self._ahead.clear()
        self._deaf = True
        self._size = 0
        self._head_due = math.inf
        if lingers and self._transport.can_write_eof():
            self._read_on()
            try:
                self._transport.write_eof()
            except OSError:  # the client has gone, which the transport is about to learn
                self.abort()
                return
            self._due, self._unread = self._loop.time() + LINGER, 0
        else:
            self._transport.close()
            if self._transport.get_write_buffer_size():
                self._expect_reading()

    def _end_after_answers(self) -> None:
        """Take nothing more; close behind the last answer."""
        self._is_last = True
        last = self._ahead[-1] if self._ahead else self._answering
        if last is None:
            self._end()
        else:
            last.keep = False

    def _refuse(self, status: int) -> None:
        """Answer and close, where there is no request yet that the application could answer."""
        if self._answering is None:
            self._transport.write(_STATUS_LINES[status] + b"content-length: 0\r\n" + _CLOSE + b"\r\n")
            self._end(lingers=True)
        elif self._incoming is self._answering:
            # Its answer is still to come, and says what is wrong with the body.
            is_large = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            self._incoming.damage(
                errors.BodyTooLarge(limit=self._server.max_wire)
                if is_large
                else errors.InvalidRequest(detail=say("the body is not in valid chunks, or in too many"))
            )
            self._incoming, self._size = None, 0
            self._end_after_answers()
        else:
            self.abort()

    def retire(self) -> None:
        """The server stops: close where nothing is under way."""
        is_idle = (
            self._answering is None and not self._ahead and self._part is ParseState.NOTHING and not self.held_since
        )
        if is_idle and not self._deaf:
            self._end()

    def abort(self) -> None:
        """Close at once."""
        self._deaf = True
        self._transport.abort()

    # --- time -------------------------------------------------------------------------------------------------------

    def _expect_reading(self) -> None:
        """The client gets a while to read what was written, or to ask for more."""
        self._unread = self._transport.get_write_buffer_size()
        self._due = self._loop.time() + IDLE

    def tick(self, now: float) -> None:
        """End what has taken too long; the server calls it again and again."""
        if now >= self._respite:
            self._respite = math.inf
            self._read_on()
        if now >= self._head_due:
            self._head_due = math.inf
            if self._part is ParseState.HEAD:
                self._refuse(408)
            else:
                self._end()
        if now >= self._due:
            left = self._transport.get_write_buffer_size()
            if left and left < self._unread:
                self._expect_reading()  # slow, and not stuck
            elif left or self._deaf:
                self.abort()
            else:
                self._end()


def _path(target: bytes) -> str:
    """The path of a URL, unquoted; without a path, the URL itself, at which nothing is."""
    if not target.startswith(b"/"):
        with contextlib.suppress(httptools.HttpParserInvalidURLError):
            target = httptools.parse_url(target).path or target
    path = target.partition(b"?")[0].decode("latin-1")
    return unquote(path) if "%" in path else path


def _stream_head(response: StreamingResponse, *, keep: bool, chunked: bool) -> bytes:
    """The head of a response whose length is not known."""
    parts = [_STATUS_LINES[response.status], *[b"%b: %b\r\n" % header for header in response.headers]]
    if chunked:
        parts.append(b"transfer-encoding: chunked\r\n")
    if not keep:
        parts.append(_CLOSE)
    return b"".join((*parts, b"\r\n"))


def _bytes_of(method: str, response: Response, *, keep: bool, asks_to_keep: bool) -> bytes:
    """A response as it is sent."""
    status, body, headers = response
    parts = [_STATUS_LINES[status], *[b"%b: %b\r\n" % header for header in headers]]
    if status != HTTPStatus.NO_CONTENT:
        parts.append(b"content-length: %d\r\n" % len(body))
    if not keep:
        parts.append(_CLOSE)
    elif asks_to_keep:
        parts.append(_KEEP)
    parts.append(b"\r\n")
    if method != "HEAD":
        parts.append(body)
    return b"".join(parts)

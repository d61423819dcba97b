"""The bound of a request's head: where the reads of a socket end decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.serve import errors
from airworthy.serve.access.size import HeadLimits
from airworthy.serve.http.connection import Connection
from airworthy.serve.http.messages import Request, Response
from airworthy.serve.http.server import Server
from serve_settings import serve_settings

SETTINGS = serve_settings(limits={"max_headers": 40, "max_url": 40})
MOST = SETTINGS.limits.max_headers + SETTINGS.limits.max_url
START = b"GET /%b HTTP/1.1\r\n" % (b"q" * 24)


class Transport(asyncio.Transport):
    """Keeps what is written; its client reads all of it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written += bytes(data)

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return

    def close(self) -> None:
        self.closed = True

    abort = close


async def app(request: Request) -> Response:
    """Checks the head as the service does, and gives back the body."""
    try:
        HeadLimits(SETTINGS).check(request)
        body = await request.body(1000, 1.0)
    except errors.RequestError as error:
        return Response(error.http_status, b"")
    return Response(200, body)


async def _answers(pieces: Iterable[bytes]) -> list[int]:
    connection, transport = Connection(Server(app, SETTINGS)), Transport()
    connection.connection_made(transport)
    for piece in pieces:
        if piece and not transport.closed:
            connection.data_received(piece)
            await asyncio.sleep(0)
    while connection._task is not None:
        await connection._task
    connection.connection_lost(None)
    lines = transport.written.split(b"\r\n")
    return [int(line.split(b" ")[1]) for line in lines if line.startswith(b"HTTP/1.1 ")]


def answers(pieces: Iterable[bytes]) -> list[int]:
    return asyncio.run(_answers(pieces))


def cut(whole: bytes, places: Iterable[int]) -> list[bytes]:
    ends = [0, *sorted(places), len(whole)]
    return [whole[start:end] for start, end in pairwise(ends)]


def chunkings(whole: bytes) -> Iterator[list[bytes]]:
    """In one piece, byte by byte, and in every two and three pieces."""
    yield [whole]
    yield [whole[n : n + 1] for n in range(len(whole))]
    places = range(1, len(whole))
    yield from (cut(whole, [place]) for place in places)
    yield from (cut(whole, pair) for pair in combinations(places[:: 1 + len(whole) // 60], 2))


def padded(size: int, filler: bytes) -> bytes:
    """A head of so many bytes, filled up in its one header."""
    return START + b"x: " + filler * (size - len(START) - 8) + b"y\r\n\r\n"


CASES = {
    "as large as it may be": (padded(MOST, b"y"), [200]),
    "one byte more": (padded(MOST + 1, b"y"), [431]),
    "blanks up to the bound": (padded(MOST, b" "), [200]),
    "one blank more": (padded(MOST + 1, b" "), [431]),
    "headers up to their bound": (b"GET / HTTP/1.1\r\nx:" + b"y" * 39 + b"\r\n\r\n", [200]),
    "headers one byte above": (b"GET / HTTP/1.1\r\nx:" + b"y" * 40 + b"\r\n\r\n", [431]),
    "a head without an end": (START + b"x: " + b"y" * 200, [431]),
    "a URL without an end": (b"GET /" + b"y" * 200, [431]),
    "a name without an end": (START + b"y" * 200, [431]),
    "blank lines before it": (b"\r\n" * 50 + padded(MOST, b"y"), [200]),
    "blank lines before one that is too large": (b"\r\n" * 50 + padded(MOST + 1, b"y"), [431]),
    "a body behind it": (b"POST / HTTP/1.1\r\ncontent-length: 200\r\n\r\n" + b"b" * 200, [200]),
    "a body of heads": (b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (4 * len(START)) + START * 4, [200]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_bound_does_not_depend_on_how_the_bytes_arrive(name: str) -> None:
    whole, expected = CASES[name]

    async def all_of_them() -> set[tuple[int, ...]]:
        return {tuple(await _answers(pieces)) for pieces in chunkings(whole)}

    assert asyncio.run(all_of_them()) == {tuple(expected)}


@given(st.lists(st.integers(1, 3 * MOST), max_size=12))
def test_requests_one_behind_the_other(places: list[int]) -> None:
    body = b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nb\r\n\r\n"
    whole = body + padded(MOST, b"y") + body + b"GET / HTTP/1.1\r\nx:" + b"y" * 40 + b"\r\n\r\n"
    assert answers(cut(whole, [place for place in places if place < len(whole)])) == [200, 200, 200, 431]

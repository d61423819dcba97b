"""Responses that are sent piece by piece, against the server alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable

from airworthy.core.settings import ServeSettings
from airworthy.serve.http.messages import Request, Response
from airworthy.serve.http.server import Server
from airworthy.serve.http.streaming import EVENT_STREAM, StreamingResponse

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, "Streams"], Awaitable[None]]
BIG = b"x" * 65536


class Streams:
    """An application whose paths stream; it counts what its streams did."""

    def __init__(self) -> None:
        self.made = 0
        self.closed = 0
        self.given_back = 0
        self.go_on = asyncio.Event()

    async def answer(self, request: Request) -> Response | StreamingResponse | None:
        if request.path == "/plain":
            return Response(200, b"plain")
        kinds = {"/few": self._few, "/endless": self._endless, "/broken": self._broken, "/held": self._held}
        response = StreamingResponse(self._counted(kinds[request.path]()), (EVENT_STREAM,))
        response.when_ended(self._give_back)
        return response

    def _give_back(self) -> None:
        self.given_back += 1

    async def _counted(self, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        try:
            async for piece in pieces:
                self.made += 1
                yield piece
        finally:
            self.closed += 1

    async def _few(self) -> AsyncGenerator[bytes, None]:
        for piece in (b"data: 1\n\n", b"", b"data: 2\n\n"):
            yield piece

    async def _endless(self) -> AsyncGenerator[bytes, None]:
        while True:
            yield BIG
            await asyncio.sleep(0)

    async def _broken(self) -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"
        raise KeyError("a handler's own fault")

    async def _held(self) -> AsyncGenerator[bytes, None]:
        yield b"first"
        await self.go_on.wait()
        yield b"last"


def talk(conversation: Talk) -> None:
    async def main() -> None:
        streams = Streams()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            server = Server(streams.answer, ServeSettings(drain=1.0))
            task = asyncio.create_task(server.serve(listening))
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            try:
                await asyncio.wait_for(conversation(reader, writer, streams), 10)
            finally:
                writer.close()
                server.stop()
                await asyncio.wait_for(task, 5)
            assert not server.connections
            assert streams.closed == streams.given_back, "whatever was taken for a stream is given back once"

    asyncio.run(main())


def ask(path: str, version: str = "1.1", *lines: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/{version}", "host: x", *lines, "", ""]).encode()


async def head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:] if line)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true")


def test_pieces_come_as_chunks_and_the_connection_is_kept() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, streams: Streams) -> None:
        for _ in range(3):
            writer.write(ask("/few"))
            status, headers = await head(reader)
            assert status == 200
            assert headers == {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"}
            assert await reader.readuntil(b"0\r\n\r\n") == b"9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"
        writer.write(ask("/plain"))
        assert (await head(reader))[1]["content-length"] == "5"
        assert await reader.readexactly(5) == b"plain"

    talk(conversation)


def test_a_client_of_http_1_0_gets_the_pieces_and_the_end() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, streams: Streams) -> None:
        writer.write(ask("/few", "1.0", "connection: keep-alive"))
        _, headers = await head(reader)
        assert headers == {"content-type": "text/event-stream; charset=utf-8", "connection": "close"}
        assert await reader.read() == b"data: 1\n\ndata: 2\n\n"

    talk(conversation)


def test_what_was_asked_ahead_waits_for_the_stream() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, streams: Streams) -> None:
        writer.write(ask("/held") + ask("/plain"))
        await head(reader)
        assert await reader.readexactly(10) == b"5\r\nfirst\r\n"
        streams.go_on.set()
        assert await reader.readuntil(b"0\r\n\r\n") == b"4\r\nlast\r\n0\r\n\r\n"
        assert (await head(reader))[0] == 200
        assert await reader.readexactly(5) == b"plain"

    talk(conversation)


def test_a_client_that_leaves_ends_its_stream() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, streams: Streams) -> None:
        writer.write(ask("/endless"))
        await head(reader)
        await reader.readexactly(100_000)
        writer.transport.abort()
        await until(lambda: streams.closed == 1)

    talk(conversation)


def test_a_slow_reader_is_waited_for_and_nothing_piles_up() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, streams: Streams) -> None:
        writer.write(ask("/endless"))
        await head(reader)
        before = -1
        while streams.made != before:
            before = streams.made
            await asyncio.sleep(0.1)
        # What was made lies in the two sockets and in the buffers above them.
        assert streams.made * len(BIG) < 16 << 20
        await reader.readexactly((streams.made + 2) * (len(BIG) + 9))
        await until(lambda: streams.made > before)
        assert streams.closed == 0

    talk(conversation)


def test_a_stream_that_fails_is_not_taken_for_a_whole_one() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, streams: Streams) -> None:
        writer.write(ask("/broken"))
        await head(reader)
        body = b""
        try:
            while piece := await reader.read(1000):
                body += piece
        except ConnectionResetError:
            pass
        assert body in (b"", b"9\r\ndata: 1\n\n\r\n"), "no last chunk"
        assert streams.closed == 1

    talk(conversation)

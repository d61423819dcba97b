"""What HTTP/1.1 asks of a connection, against the server alone."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref
from collections.abc import Awaitable, Callable

import pytest

from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.http import connection as connection_module
from airworthy.serve.http import server as server_module
from airworthy.serve.http.connection import Connection
from airworthy.serve.http.messages import Request, Response
from airworthy.serve.http.server import Server

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Server], Awaitable[None]]


async def app(request: Request) -> Response | None:
    """Gives back what it was sent; `/early` does not wait for the body, `/slow` takes its time, `/gone` waits."""
    if request.path == "/early":
        return Response(200, b"early")
    if request.path == "/refuse":
        return Response(503, b"full")
    if request.path == "/none":
        return Response(204, b"")
    if request.path == "/slow":
        await asyncio.sleep(0.3)
        return Response(200, b"slow")
    if request.path == "/gone":
        gone = asyncio.Event()
        request.watch(gone.set)
        await gone.wait()
        return None
    try:
        return Response(200, await request.body(1000, 0.5))
    except errors.RequestError as error:
        return Response(error.http_status, error.text.encode())
    except errors.ClientGone:
        return None


def talk(conversation: Talk) -> None:
    """Run a server and one client."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            server = Server(app, ServeSettings(drain=1.0))
            task = asyncio.create_task(server.serve(listening))
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            try:
                await asyncio.wait_for(conversation(reader, writer, server), 60)
            finally:
                writer.close()
                server.stop()
                await asyncio.wait_for(task, 5)
            assert not server.connections

    asyncio.run(main())


def ask(path: str = "/", *lines: str, method: str = "POST", body: bytes = b"", version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/{version}", "host: x", *lines, "", ""]).encode() + body


async def answer(reader: asyncio.StreamReader, *, with_body: bool = True) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:] if line)
    size = int(headers.get("content-length", 0)) if with_body else 0
    return int(head[0].split()[1]), headers, await reader.readexactly(size)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true")


async def is_closed(reader: asyncio.StreamReader) -> bool:
    return await asyncio.wait_for(reader.read(1), 5) == b""


def test_a_connection_is_kept_and_closed_as_asked() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        for _ in range(3):
            writer.write(ask("/", "content-length: 2", body=b"ab"))
            assert await answer(reader) == (200, {"content-type": "application/json", "content-length": "2"}, b"ab")
        writer.write(ask("/", "connection: close", "content-length: 1", body=b"c"))
        status, headers, body = await answer(reader)
        assert (status, headers["connection"], body) == (200, "close", b"c")
        assert await is_closed(reader)

    talk(conversation)


@pytest.mark.parametrize(("lines", "kept"), [(("connection: keep-alive",), True), ((), False)])
def test_http_1_0_keeps_only_when_asked_and_is_told(lines: tuple[str, ...], kept: bool) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        writer.write(ask("/", "content-length: 1", *lines, body=b"x", version="1.0"))
        _, headers, body = await answer(reader)
        assert (headers["connection"], body) == ("keep-alive" if kept else "close", b"x")
        if not kept:
            assert await is_closed(reader)

    talk(conversation)


def test_a_client_that_asks_first_is_told_to_go_on_once_its_body_is_wanted() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        writer.write(ask("/", "expect: 100-continue", "content-length: 3"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert (await answer(reader))[2] == b"abc"
        writer.write(ask("/refuse", "expect: 100-continue", "content-length: 3"))
        status, headers, _ = await answer(reader)
        assert (status, headers["connection"]) == (503, "close"), "its body was never asked for"
        assert await is_closed(reader)

    talk(conversation)


def test_head_and_no_content_have_no_body() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        writer.write(ask("/early", method="HEAD") + ask("/none", method="GET") + ask("/early", method="GET"))
        status, headers, _ = await answer(reader, with_body=False)
        assert (status, headers["content-length"]) == (200, "5")
        status, headers, _ = await answer(reader)
        assert (status, "content-length" in headers) == (204, False)
        assert (await answer(reader))[2] == b"early"

    talk(conversation)


def test_an_early_answer_keeps_the_connection_and_drops_the_body() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        writer.write(ask("/early", "content-length: 500000"))
        assert (await answer(reader))[2] == b"early"
        writer.write(b"x" * 500_000 + ask("/", "content-length: 1", body=b"y"))
        assert (await answer(reader))[2] == b"y"

    talk(conversation)


def test_a_refusal_reaches_a_client_that_still_sends() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        writer.write(ask("/", "content-length: 2000000", body=b"x" * 1_000_000))
        status, headers, _ = await answer(reader)
        assert (status, headers["connection"]) == (413, "close")
        writer.write(b"x" * 1_000_000)
        assert await is_closed(reader)

    talk(conversation)


def test_a_body_that_does_not_come_is_refused_in_time() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        writer.write(ask("/", "content-length: 5", body=b"abc"))
        assert (await answer(reader))[0] == 408
        assert await is_closed(reader)

    talk(conversation)


def test_who_leaves_is_noticed_while_the_answer_is_made() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        writer.write(ask("/gone", method="GET"))
        await until(lambda: bool(server.connections))
        writer.close()
        await until(lambda: not server.connections)

    talk(conversation)


class Door:
    """Holds every request until it is opened."""

    def __init__(self) -> None:
        self.held: list[Connection] = []

    def park(self, connection: Connection, data: bytes) -> bool:
        connection.held_since = asyncio.get_running_loop().time()
        self.held.append(connection)
        return True

    def reject(self, target: bytes) -> Response | None:
        return None

    def tick(self, now: float) -> None:
        return


def test_a_request_that_waits_unread_is_answered_once_it_comes_in() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        server.doors = door = Door()
        server.head_timeout = 0.2
        whole = ask("/", "content-length: 4", body=b"abcd")
        writer.write(whole[:30])
        await until(lambda: bool(door.held))
        writer.write(whole[30:])
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.5)
        assert len(door.held) == 1, "what follows waits with it"
        door.held[0].resume()
        assert (await answer(reader))[2] == b"abcd"
        door.held[0].resume()  # changes nothing
        writer.write(ask("/early", method="GET"))
        await until(lambda: len(door.held) == 2)
        server.stop()
        door.held[1].resume()
        assert (await answer(reader))[2] == b"early", "who waits when the service stops is answered"

    talk(conversation)


def test_what_waits_unread_is_bounded() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        server.doors = door = Door()
        writer.write(ask("/", "content-length: 100000000"))
        await until(lambda: bool(door.held))
        writer.write(bytes(30_000_000))
        await asyncio.sleep(0.3)
        assert not writer.transport.is_closing()
        assert writer.transport.get_write_buffer_size() > 10_000_000, "nothing more is read"
        writer.transport.abort()
        door.held[0].resume()
        await until(lambda: not server.connections)

    talk(conversation)


def test_who_leaves_while_waiting_unread_is_forgotten() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        server.doors = door = Door()
        writer.write(ask("/", "content-length: 1", body=b"x"))
        await until(lambda: bool(door.held))
        writer.transport.abort()
        await until(lambda: not server.connections)
        assert not door.held[0].held_since

    talk(conversation)


def test_a_closed_connection_leaves_nothing_to_the_collector() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        writer.write(ask("/", "content-length: 1", body=b"x"))
        await answer(reader)
        writer.write(ask("/", "content-length: 9", body=b"half"))
        await asyncio.sleep(0.05)
        (connection,) = server.connections
        left = weakref.ref(connection)
        gc.collect()
        gc.disable()
        try:
            del connection
            writer.close()
            await until(lambda: not server.connections)
            await until(lambda: left() is None)
        finally:
            gc.enable()

    talk(conversation)


def test_a_stop_lets_answers_out_and_closes_the_idle() -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        writer.write(ask("/slow", method="GET"))
        await until(lambda: any(each._answering for each in server.connections))
        server.stop()
        status, headers, body = await answer(reader)
        assert (status, headers["connection"], body) == (200, "close", b"slow")
        assert await is_closed(reader)

    talk(conversation)


def test_a_full_house_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_most_connections", lambda: 1)

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        writer.write(ask("/", "content-length: 1", body=b"x"))
        assert (await answer(reader))[0] == 200
        host, port = writer.get_extra_info("peername")
        second, its_writer = await asyncio.open_connection(host, port)
        assert (await answer(second))[0] == 503
        assert await is_closed(second)
        its_writer.close()
        writer.write(ask("/", "content-length: 1", body=b"y"))
        assert (await answer(reader))[2] == b"y"

    talk(conversation)


def test_who_is_turned_away_is_told_at_once_and_heard_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    full = [True]
    monkeypatch.setattr(connection_module, "RESPITE", 1.0)

    class Turning:
        def park(self, connection: Connection, data: bytes) -> bool:
            return False

        def reject(self, target: bytes) -> Response | None:
            return Response(503, b"full") if full and target == b"/" else None

        def tick(self, now: float) -> None:
            return

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Server) -> None:
        server.doors = Turning()
        writer.write(ask("/early", method="GET"))
        assert (await answer(reader))[0] == 200
        one = ask("/", "content-length: 1", body=b"x")
        loop = asyncio.get_running_loop()
        began = loop.time()
        writer.write(one + one)
        assert (await answer(reader))[2] == b"full"
        assert (await answer(reader))[2] == b"full", "what had come with it is answered as well"
        assert loop.time() - began < 1, "at once"
        full.clear()
        writer.write(one)
        assert (await answer(reader))[2] == b"x"
        assert loop.time() - began >= 1, "the next one is read once it could have come again"
        full.append(True)
        writer.write(ask("/", "content-length: 1", "x-request-id: 7", body=b"y"))
        assert (await answer(reader))[2] == b"y", "one that hangs on its id is looked at"

    talk(conversation)

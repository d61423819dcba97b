"""Clients that don't read their answers, against the HTTP server alone, with short waits."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

import pytest

from airworthy.core.settings import ServeSettings
from airworthy.serve.http import connection
from airworthy.serve.http.messages import Request, Response
from airworthy.serve.http.server import Server

SIZE = 8 << 20
IDLE = 0.5
"""Seconds that a client gets which does not read."""


async def app(request: Request) -> Response:
    return Response(200, b"x" * int(request.path[1:]))


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; one that does not come true fails the test."""
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true")


def attack(monkeypatch: pytest.MonkeyPatch, request: bytes, *, read: bool) -> tuple[int, float]:
    """Bytes that a client got of its answers, and the seconds until no connection was left."""
    monkeypatch.setattr(connection, "IDLE", IDLE)

    async def main() -> tuple[int, float]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            running = Server(app, ServeSettings())
            task = asyncio.create_task(running.serve(listening))
            loop = asyncio.get_running_loop()
            client = socket.socket()
            if not read:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            await loop.sock_connect(client, listening.getsockname())
            began = time.monotonic()
            await loop.sock_sendall(client, request)
            await until(lambda: running.connections)
            got = 0
            while read and (part := await loop.sock_recv(client, 1 << 16)):
                got += len(part)
                await asyncio.sleep(0.01)  # slow, and not stuck
                if got >= SIZE:
                    break
            await until(lambda: not running.connections)
            seconds = time.monotonic() - began
            client.close()
            running.stop()
            await task
            return got, seconds

    return asyncio.run(main())


def one(size: int, *lines: str) -> bytes:
    return "\r\n".join([f"GET /{size} HTTP/1.1", "host: x", *lines, "", ""]).encode()


@pytest.mark.parametrize(
    "request_",
    [
        one(SIZE),
        one(SIZE, "connection: close"),
        one(SIZE) * 5,
        one(30_000) * 200,
    ],
    ids=["one", "the last one", "pipelined", "many small ones"],
)
def test_who_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch, request_: bytes) -> None:
    got, seconds = attack(monkeypatch, request_, read=False)
    assert got == 0
    assert seconds >= IDLE, "it got its time to read"


def test_who_reads_slowly_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    got, seconds = attack(monkeypatch, one(SIZE, "connection: close"), read=True)
    assert got > SIZE
    assert seconds > IDLE, "all of it took longer than a client gets that reads nothing"

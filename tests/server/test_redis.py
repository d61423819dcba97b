"""Answers kept in Redis: shared by services, right whatever Redis does, and never a reason to fail."""

from __future__ import annotations

import contextlib
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

import models
from server.running import Running, free_port, infer_body, running

REDIS = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(REDIS is None, reason="redis-server is not installed")


@contextlib.contextmanager
def redis_server(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    assert REDIS
    command = [REDIS, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 10
            while time.monotonic() < end:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


def ask(service: Running, *values: float, caller: str = "") -> list[float]:
    answer = httpx.post(
        f"{service.url}/v2/models/linear/infer",
        content=infer_body("x", "FP32", [list(values)]),
        headers={"x-api-key": caller} if caller else {},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    data: list[float] = answer.json()["outputs"][0]["data"]
    return data


def expected(*values: float) -> list[float]:
    return (values @ models.LINEAR_WEIGHT + models.LINEAR_BIAS).tolist()


def count(service: Running, name: str, result: str) -> int:
    page = httpx.get(f"{service.url}/metrics").text.splitlines()
    return sum(int(float(line.rpartition(" ")[2])) for line in page if line.startswith(name) and f'"{result}"' in line)


def stored(service: Running, result: str, least: int = 1) -> bool:
    end = time.monotonic() + 20
    while count(service, "airworthy_cache_store_requests_total", result) < least and time.monotonic() < end:
        time.sleep(0.02)
    return count(service, "airworthy_cache_store_requests_total", result) >= least


@needs_redis
def test_a_second_service_is_answered_from_the_first_ones(files: Path, tmp_path: Path) -> None:
    port = free_port()
    env = {"AIRWORTHY_SERVE_CACHE_URL": f"redis://127.0.0.1:{port}/0", "AIRWORTHY_SERVE_CALLERS_HEADER": "x-api-key"}
    with redis_server(port, tmp_path) as server:
        with running("serve", files / "linear.onnx", env=env) as first:
            assert ask(first, 1, 2) == expected(1, 2)
            assert stored(first, "kept")
            assert ask(first, 1, 2) == expected(1, 2)
            assert stored(first, "hit")
            assert ask(first, 1, 2, caller="other") == expected(1, 2)
            assert count(first, "airworthy_cache_store_requests_total", "hit") == 1, "tenants share no answers"
        with running("serve", files / "linear.onnx", env=env) as second:
            assert ask(second, 1, 2) == expected(1, 2)
            assert count(second, "airworthy_cache_requests_total", "hit") == 1
            other = models.linear(tmp_path / "linear.onnx")
            other.write_bytes(other.read_bytes().replace(b"airworthy-tests", b"airworthy-other"))
            with running("serve", other, env=env) as changed:
                assert ask(changed, 1, 2) == expected(1, 2)
                assert count(changed, "airworthy_cache_requests_total", "hit") == 0, "another file, another release"
            server.kill()
            server.wait(5)
            for n in range(20):
                assert ask(second, n, 2) == expected(n, 2), "a Redis that has gone changes nothing"
            assert stored(second, "failed")
            assert stored(second, "skipped")
            with redis_server(port, tmp_path):
                end = time.monotonic() + 10
                before = count(second, "airworthy_cache_store_requests_total", "kept")
                while count(second, "airworthy_cache_store_requests_total", "kept") == before:
                    assert time.monotonic() < end, "it is used again once it is back"
                    ask(second, time.monotonic(), 1)
                    time.sleep(0.05)
            assert second.stop() == 0
            assert "Traceback" not in second.rest()


@needs_redis
def test_values_that_somebody_else_wrote_are_no_answers(files: Path, tmp_path: Path) -> None:
    port = free_port()
    env = {"AIRWORTHY_SERVE_CACHE_URL": f"redis://127.0.0.1:{port}/0"}
    with redis_server(port, tmp_path), running("serve", files / "linear.onnx", env=env) as service:
        assert ask(service, 1, 2) == expected(1, 2)
        assert ask(service, 3, 4) == expected(3, 4)
        assert stored(service, "kept", 2)
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:

            def command(*parts: bytes) -> bytes:
                sock.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
                time.sleep(0.1)
                return sock.recv(1 << 20)

            names = [part for part in command(b"KEYS", b"*").split(b"\r\n") if part.startswith(b"airworthy")]
            assert len(names) == 2
            ttl = int(command(b"PTTL", names[0]).strip().lstrip(b":"))
            assert 0 < ttl <= 3_600_000
            values = [command(b"GET", name).partition(b"\r\n")[2][:-2] for name in names]
            command(b"SET", names[0], values[1])
            command(b"SET", names[1], b"\x80\x04garbage")
        assert ask(service, 1, 2) == expected(1, 2)
        assert ask(service, 3, 4) == expected(3, 4)
        assert count(service, "airworthy_cache_store_requests_total", "failed") == 2
        assert count(service, "airworthy_cache_store_requests_total", "hit") == 0


BROKEN: dict[str, Callable[[socket.socket], None]] = {
    "never answers": lambda sock: time.sleep(3),
    "hangs up": lambda sock: sock.close(),
    "garbage": lambda sock: sock.sendall(b"\x00\xff" * 5000),
    "a web server": lambda sock: sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "a length that lies": lambda sock: sock.sendall(b"$99999999999\r\nx"),
    "a negative length": lambda sock: sock.sendall(b"*-7\r\n$-9\r\n"),
    "an error": lambda sock: sock.sendall(b"-LOADING Redis is loading\r\n" * 4),
    "nested without an end": lambda sock: sock.sendall(b"*1\r\n" * 100_000),
    "a number": lambda sock: sock.sendall(b":7\r\n" * 10),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_redis_fails_no_request(files: Path, kind: str) -> None:
    class Broken(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                while self.request.recv(65536):
                    BROKEN[kind](self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"redis://:secret@127.0.0.1:{server.server_address[1]}/0"
        with running("serve", files / "linear.onnx", env={"AIRWORTHY_SERVE_CACHE_URL": url}) as service:
            slowest = 0.0
            for n in range(30):
                began = time.monotonic()
                assert ask(service, n, 2) == expected(n, 2)
                slowest = max(slowest, time.monotonic() - began)
            assert slowest < 0.5, "its time limit is all that it costs"
            assert stored(service, "failed")
            assert service.stop() == 0
            printed = service.rest()
            assert "Traceback" not in printed
            assert "secret" not in printed
        server.shutdown()

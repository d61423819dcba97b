"""Clients that mean harm, or whose libraries are broken: each is answered or cut off in time, and harms nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from server.running import PATIENCE, Running, infer_body, running, until

INFER = "/v2/models/linear/infer"
BODY = infer_body("x", "FP32", [[1, 2]])
MIB = 1 << 20


@pytest.fixture(scope="module")
def strict(files: Path) -> Iterator[Running]:
    """A service with short waits."""
    env = {"AIRWORTHY_SERVE_LIMITS_HEADER_TIMEOUT": "0.5", "AIRWORTHY_SERVE_LIMITS_BODY_TIMEOUT": "1"}
    with running("serve", files / "linear.onnx", files / "strings.onnx", env=env) as started:
        yield started
        assert started.stop() == 0
        log = started.rest()
        assert "Traceback" not in log, log[-3000:]


@pytest.fixture(autouse=True)
def nobody_else_is_harmed(strict: Running) -> Iterator[None]:
    """After each attack the service answers as before, and has not grown out of proportion."""
    process = psutil.Process(strict.process.pid)
    before = process.memory_info().rss
    yield
    began = time.monotonic()
    assert httpx.post(strict.url + INFER, content=BODY, timeout=PATIENCE).status_code == 200
    assert time.monotonic() - began < PATIENCE
    assert process.memory_info().rss - before < 200 * MIB


@contextlib.contextmanager
def connected(service: Running, timeout: float = PATIENCE) -> Iterator[socket.socket]:
    host, _, port = service.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=timeout) as sock:
        yield sock


def head(path: str = INFER, *lines: str, method: str = "POST") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", *lines, "", ""]).encode("latin-1")


def everything(sock: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    parts = []
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while part := sock.recv(65536):
            parts.append(part)
    return b"".join(parts)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


# --- heads ------------------------------------------------------------------------------------------------------------


def test_too_many_headers(strict: Running) -> None:
    answer = httpx.get(strict.url + "/v2", headers={f"x-{n}": "1" for n in range(200)})
    assert (answer.status_code, "100 headers" in answer.json()["error"]) == (431, True)
    answer = httpx.get(strict.url + "/v1/models", headers={f"x-{n}": "1" for n in range(200)})
    assert answer.json()["error"]["code"] == "headers_too_large"


def test_too_many_bytes_of_headers(strict: Running) -> None:
    answer = httpx.get(strict.url + "/v2", headers={"x": "y" * 65 * 1024})
    assert answer.status_code == 431
    assert httpx.get(strict.url + "/v2", headers={"x": "y" * 60 * 1024}).status_code == 200


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nx: ", b"GET /", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nx"])
def test_a_head_without_an_end_is_cut_off(strict: Running, start: bytes) -> None:
    filler = b"a: b\r\n" * 2000 if start.endswith(b"\r\n") else b"a" * 12_000
    sent = 0
    with connected(strict) as sock:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            sock.sendall(start)
            while sent < 20 * MIB:
                sock.sendall(filler)
                sent += len(filler)
        answer = everything(sock)
    assert sent < 20 * MIB, "it would have been read for ever"
    assert status(answer) in (431, 400, 0), answer[:200]


def test_a_long_url(strict: Running) -> None:
    assert httpx.get(strict.url + "/v2?" + "q" * 8000).status_code == 200
    for path in ("/v2?" + "q" * 9000, "/v2/" + "q" * 9000):
        answer = httpx.get(strict.url + path)
        assert (answer.status_code, "longer than 8192" in answer.json()["error"]) == (414, True)


def test_a_head_that_trickles_is_answered_in_time(strict: Running) -> None:
    with connected(strict) as sock:
        began = time.monotonic()
        for byte in head()[:30]:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                sock.sendall(bytes([byte]))
            time.sleep(0.05)
        assert status(everything(sock)) == 408
        assert time.monotonic() - began < PATIENCE


def test_who_says_nothing_is_let_go(strict: Running) -> None:
    with connected(strict) as sock:
        began = time.monotonic()
        assert everything(sock) == b""
        assert 0.3 < time.monotonic() - began < PATIENCE


def test_a_second_head_that_trickles_is_answered_too(strict: Running) -> None:
    with connected(strict) as sock:
        sock.sendall(head("/v2", method="GET") + b"GET /v2 HT")
        answer = everything(sock)
        assert (status(answer), answer.count(b"HTTP/1.1 408")) == (200, 1)


BARE = b"content-length: 0\r\nconnection: close\r\n\r\n"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\n" + BARE
"""What is no request cannot be answered by the application, in whose words errors are."""


def said(line: str, text: str) -> bytes:
    """An answer of the application, which closes."""
    body = b'{"error":"' + text.encode() + b'"}'
    head_ = f"HTTP/1.1 {line}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close"
    return head_.encode() + b"\r\n\r\n" + body


BAD_CHUNKS = said("400 Bad Request", "the body is not in valid chunks, or in too many")
SMUGGLED = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
ATTACKS: dict[str, tuple[bytes, bytes]] = {
    "two framings": (head(INFER, "content-length: 3", "transfer-encoding: chunked") + SMUGGLED, BAD_REQUEST),
    "two lengths": (head(INFER, "content-length: 3", "content-length: 4") + b"abcd", BAD_REQUEST),
    "a negative length": (head(INFER, "content-length: -1"), BAD_REQUEST),
    "a length above 64 bits": (head(INFER, "content-length: 99999999999999999999999"), BAD_REQUEST),
    "a length in base 16": (head(INFER, "content-length: 0x10"), BAD_REQUEST),
    "chunked but not last": (head(INFER, "transfer-encoding: gzip, chunked, identity") + b"0\r\n\r\n", BAD_REQUEST),
    "a chunk without a size": (head(INFER, "transfer-encoding: chunked") + b"zz\r\n", BAD_CHUNKS),
    "a chunk above 64 bits": (head(INFER, "transfer-encoding: chunked") + b"ffffffffffffffffffff\r\n", BAD_CHUNKS),
    "a zero byte in a header": (head("/v2", "x: a\0b", method="GET"), BAD_REQUEST),
    "a line feed in a header": (head("/v2", "x: a\nb: c", method="GET"), BAD_REQUEST),
    "a blank in a name": (head("/v2", "bad header: 1", method="GET"), BAD_REQUEST),
    "a URL outside ASCII": (head("/v\xff2", method="GET"), BAD_REQUEST),
    "every URL": (head("*", "connection: close", method="OPTIONS"), said("404 Not Found", "there is nothing at *")),
    "a tunnel": (
        head("example.com:443", method="CONNECT"),
        said("404 Not Found", "there is nothing at example.com:443"),
    ),
    "an unknown method": (head("/v2", method="BREW"), BAD_REQUEST),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD_REQUEST),
    "a folded header": (b"GET /v2 HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n", BAD_REQUEST),
    "nothing but blank lines": (b"\r\n" * 1000, b""),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), BAD_REQUEST),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_requests_that_are_none(strict: Running, name: str) -> None:
    sent, expected = ATTACKS[name]
    with connected(strict) as sock:
        sock.sendall(sent)
        assert everything(sock) == expected


@pytest.mark.parametrize("upgrade", ["websocket", "h2c", "\xff"])
def test_an_upgrade_is_passed_over(strict: Running, upgrade: str) -> None:
    with connected(strict) as sock:
        sock.sendall(head("/v2", f"upgrade: {upgrade}", "connection: upgrade, close", method="GET"))
        assert status(everything(sock)) in (200, 400)


def test_a_request_id_is_echoed_as_it_came_or_not_at_all(strict: Running) -> None:
    for given, told in (("a" * 128, "a" * 128), ("a" * 129, None), ("\xe9 \xff", "\xe9 \xff")):
        with connected(strict) as sock:
            sock.sendall(head("/v2", f"x-request-id: {given}", "connection: close", method="GET"))
            answer = everything(sock)
        assert status(answer) == 200
        assert (b"x-request-id: " in answer) is (told is not None)
        assert told is None or told.encode("latin-1") in answer


def test_pipelined_requests_are_answered_in_order(strict: Running) -> None:
    with connected(strict) as sock:
        each = [head("/v2", f"x-request-id: r{n}", method="GET") for n in range(500)]
        each[-1] = each[-1].replace(b"host: x", b"host: x\r\nconnection: close")
        sock.sendall(b"".join(each))
        answer = everything(sock)
    places = [answer.find(f"x-request-id: r{n}\r\n".encode()) for n in range(500)]
    assert -1 not in places
    assert places == sorted(places)


# --- bodies -----------------------------------------------------------------------------------------------------------


def test_a_body_that_trickles_is_answered_in_time(strict: Running) -> None:
    with connected(strict) as sock:
        began = time.monotonic()
        sock.sendall(head(INFER, f"content-length: {len(BODY)}"))
        for byte in BODY[:40]:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                sock.sendall(bytes([byte]))
            time.sleep(0.05)
        assert status(everything(sock)) == 408
        assert time.monotonic() - began < PATIENCE


def test_small_chunks_up_to_a_bound(strict: Running) -> None:
    def chunks(count: int) -> bytes:
        with connected(strict) as sock:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                sock.sendall(head(INFER, "transfer-encoding: chunked", "connection: close"))
                for byte in BODY:
                    sock.sendall(b"1\r\n%c\r\n" % byte)
                sock.sendall(b"1\r\n \r\n" * (count - len(BODY)) + b"0\r\n\r\n")
            return everything(sock)

    assert status(chunks(60_000)) == 200
    assert chunks(70_000) == BAD_CHUNKS


@pytest.mark.parametrize(
    "flood", [b"1;" + b"e" * 10_000 + b"\r\n \r\n", b"1\r\n \r\n", b"0\r\n" + b"trailer: x\r\n" * 1000, b"0\r\nt: "]
)
def test_framing_without_an_end_is_cut_off(strict: Running, flood: bytes) -> None:
    began = time.monotonic()
    with connected(strict) as sock:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError, TimeoutError):
            sock.sendall(head(INFER, "transfer-encoding: chunked"))
            while time.monotonic() < began + 20:
                sock.sendall(flood * (200_000 // len(flood)))
                if flood.startswith(b"0"):
                    flood = b"trailer: x\r\n" * 1000 if flood.endswith(b"\n") else b"y" * 10_000
        everything(sock)
    assert time.monotonic() - began < 10


def nested(opening: str, closing: str, depth: int = 200_000, inner: str = "1") -> str:
    return opening * depth + inner + closing * depth


def data(value: str) -> str:
    """A request with this as its data."""
    return '{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":' + value + "}]}"


def shaped(value: str) -> str:
    """A request with this as its shape."""
    return '{"inputs":[{"name":"x","shape":' + value + ',"datatype":"FP32","data":[1]}]}'


ANY_TENSOR = '{"name":"x","shape":[],"datatype":"FP32","data":[1]}'
JSON_BOMBS = {
    "lists as data": data(nested("[", "]")),
    "lists of lists": data(nested("[", "]", 900)),
    "objects passed over": '{"inputs":[],"unknown":' + nested('{"a":', "}") + "}",
    "parameters": '{"inputs":[],"parameters":' + nested('{"a":', "}") + "}",
    "an open end": "[" * 2_000_000,
    "a long integer": shaped("[" + "9" * 1_000_000 + "]"),
    "a long datum": data("[1," + "9" * 1_000_000 + "]"),
    "a long fraction": data("[1,0." + "9" * 1_000_000 + "]"),
    "an exponent": data("[1,1e999999999]"),
    "sizes that multiply": shaped(str([2**62] * 32)),
    "many axes": shaped(str([1] * 100_000)),
    "many tensors": '{"inputs":[' + ",".join([ANY_TENSOR] * 50_000) + "]}",
    "many outputs": '{"inputs":[],"outputs":[' + ",".join(['{"name":"y"}'] * 100_000) + "]}",
    "a surrogate alone": '{"inputs":[],"id":"\\ud800"}',
    "one key many times": "{" + '"id":"a",' * 200_000 + '"inputs":[]}',
    "a long name": '{"inputs":[{"name":"' + "n" * MIB + '","shape":[1],"datatype":"FP32","data":[1]}]}',
}


@pytest.mark.parametrize("name", JSON_BOMBS)
def test_json_that_is_out_of_proportion(strict: Running, name: str) -> None:
    began = time.monotonic()
    answer = httpx.post(strict.url + INFER, content=JSON_BOMBS[name].encode(), timeout=PATIENCE)
    # A fraction of a million digits is a number; everything else here is none that the model takes.
    assert answer.status_code == (200 if name == "a long fraction" else 400), answer.text[:500]
    assert time.monotonic() - began < PATIENCE
    assert len(answer.content) < 3 * MIB
    if name != "a long fraction":
        assert set(answer.json()) == {"error"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs":[],"id":"\xff\xfe"}',
        b'{"inputs":[],"id":"\xc0\x80"}',
        b'{"inputs":[],"id":"\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        BODY.decode().encode("utf-16"),
        b'{"\xff":1,"inputs":[]}',
        bytes(1000),
    ],
)
def test_text_that_is_no_utf8(strict: Running, body: bytes) -> None:
    answer = httpx.post(strict.url + INFER, content=body)
    assert (answer.status_code, set(answer.json())) == (400, {"error"}), answer.text
    answer = httpx.post(strict.url + "/v1/embeddings", content=body)
    assert answer.status_code == 400


def test_a_path_that_is_no_utf8(strict: Running) -> None:
    for path in ("/v2/models/%ff%fe", "/v2/models/%00/infer", "/v1/models/%ed%a0%80", "/%2e%2e/%2e%2e/etc/passwd"):
        with connected(strict) as sock:
            sock.sendall(head(path, "connection: close", method="GET"))
            answer = everything(sock)
        assert status(answer) == 404
        json.loads(answer.partition(b"\r\n\r\n")[2])


def test_strings_that_are_no_text_need_binary_output(files: Path) -> None:
    def ask(url: str, binary: bool) -> httpx.Response:
        given = {"name": "text", "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": 6}}
        request: dict[str, Any] = {"inputs": [given], "parameters": {"binary_data_output": binary}}
        text = json.dumps(request).encode()
        headers = {"inference-header-content-length": str(len(text))}
        return httpx.post(f"{url}/v2/models/strings/infer", content=text + b"\2\0\0\0\xff\xfe", headers=headers)

    with running("serve", files / "strings.onnx", "--engine", "null") as service:
        answer = ask(service.url, binary=False)
        assert (answer.status_code, "no UTF-8; ask for binary output" in answer.text) == (400, True), answer.text
        assert ask(service.url, binary=True).content.endswith(b"\2\0\0\0\xff\xfe")


@pytest.mark.parametrize("sent", [b"\xff\xff\xff\xff", b"\1\0\0\0", b"\0\0", b"\0\0\0\0" * 2, b""])
def test_strings_whose_lengths_lie(strict: Running, sent: bytes) -> None:
    given = {"name": "text", "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(sent)}}
    text = json.dumps({"inputs": [given]}).encode()
    headers = {"inference-header-content-length": str(len(text))}
    answer = httpx.post(strict.url + "/v2/models/strings/infer", content=text + sent, headers=headers)
    assert answer.status_code == 400, answer.text
    assert "'text'" in answer.json()["error"]


# --- many -------------------------------------------------------------------------------------------------------------


def test_readers_that_do_not_read_hold_nobody_up(strict: Running) -> None:
    rows = infer_body("x", "FP32", [[1, 2]] * 20_000)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            sock = stack.enter_context(connected(strict))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(head(INFER, f"content-length: {len(rows)}") + rows)
        time.sleep(0.3)
        for _ in range(20):
            began = time.monotonic()
            assert httpx.post(strict.url + INFER, content=BODY, timeout=PATIENCE).status_code == 200
            assert time.monotonic() - began < PATIENCE


def test_clients_that_leave_in_the_middle(strict: Running) -> None:
    whole = head(INFER, f"content-length: {len(BODY)}") + BODY
    for cut in range(0, len(whole), 7):
        with connected(strict) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not a goodbye
            sock.sendall(whole[:cut])
    health = strict.health()["models"]["linear"]
    assert (health["waiting"], health["running"]) == (0, 0)


@pytest.mark.slow
def test_ten_thousand_idle_connections(files: Path) -> None:
    needed = 10_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed + 500:
        pytest.skip(f"the limit of open files is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed + 500, hard))  # the service takes it over
    try:
        env = {"AIRWORTHY_SERVE_LIMITS_HEADER_TIMEOUT": "60"}
        with running("serve", files / "linear.onnx", env=env) as service:
            process = psutil.Process(service.process.pid)
            before = process.memory_info().rss
            asyncio.run(_idle(service, needed))
            grown = process.memory_info().rss - before
            print(f"{needed} connections took {grown / MIB:.0f} MiB")
            assert grown < needed * 64 * 1024
            until(lambda: process.num_fds() < 100)
            assert service.stop() == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_at_once_than_a_queue_holds_are_all_answered_where_the_model_is_quick(files: Path) -> None:
    count = 900
    with running("serve", files / "linear.onnx") as service:
        for _ in range(20):  # how quick the model is must be known
            assert httpx.post(service.url + INFER, content=BODY).status_code == 200
        answers = asyncio.run(_at_once(service, count))
        assert [status(answer) for answer in answers] == [200] * count
        values = [json.loads(answer.partition(b"\r\n\r\n")[2])["outputs"][0]["data"] for answer in answers]
        singly = [
            httpx.post(service.url + INFER, content=infer_body("x", "FP32", [[n, 1]])).json()["outputs"][0]["data"]
            for n in (0, 1, 450, 899)
        ]
        assert [values[n] for n in (0, 1, 450, 899)] == singly
        assert len({tuple(value) for value in values}) == count, "everybody has an answer of their own"
        assert service.stop() == 0


async def _at_once(service: Running, count: int) -> list[bytes]:
    """What each of so many connections is answered that ask at the same time."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    lines = [await asyncio.open_connection(host, int(port)) for _ in range(count)]
    try:
        for n, (_, writer) in enumerate(lines):
            body = infer_body("x", "FP32", [[n, 1]])
            writer.write(head(INFER, f"content-length: {len(body)}", "connection: close") + body)
        return list(await asyncio.wait_for(asyncio.gather(*(reader.read() for reader, _ in lines)), 30))
    finally:
        for _, writer in lines:
            writer.close()


async def _idle(service: Running, count: int) -> None:
    host, _, port = service.url.removeprefix("http://").partition(":")
    loop = asyncio.get_running_loop()
    socks: list[socket.socket] = []
    try:
        for n in range(count):
            sock = socket.socket()
            sock.setblocking(False)
            sock.bind((f"127.0.0.{n % 4 + 1}", 0))
            await loop.sock_connect(sock, (host, int(port)))
            socks.append(sock)
            if n % 3 == 0:  # a third has begun to speak
                await loop.sock_sendall(sock, b"POST /v2/mod")
        async with httpx.AsyncClient() as client:
            for _ in range(20):
                began = time.monotonic()
                answer = await client.post(service.url + INFER, content=BODY, timeout=5)
                assert answer.status_code == 200
                assert time.monotonic() - began < PATIENCE
    finally:
        for sock in socks:
            sock.close()


def test_bodies_together_are_bounded(files: Path) -> None:
    size = 900_000
    body = BODY + b" " * (size - len(BODY))
    chunk = b"%x\r\n%b\r\n" % (len(body), body)
    with running("serve", files / "linear.onnx", env={"AIRWORTHY_SERVE_LIMITS_MAX_BODIES": "1000000"}) as service:
        with connected(service) as first:
            expects = "expect: 100-continue"
            first.sendall(head(INFER, f"content-length: {size}", "connection: close", expects))
            assert first.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n", "its room is taken"
            first.sendall(body[: size // 2])
            refused = httpx.post(service.url + INFER, content=body)
            assert refused.status_code == 503
            assert "977 KiB" in refused.json()["error"]
            assert int(refused.headers["retry-after"]) >= 1
            with connected(service) as second:
                second.sendall(head(INFER, "transfer-encoding: chunked") + chunk[:-100_000])
                assert everything(second).startswith(b"HTTP/1.1 503")
            assert httpx.post(service.url + INFER, content=BODY).status_code == 200, "small ones are let in"
            first.sendall(body[size // 2 :])
            assert everything(first).startswith(b"HTTP/1.1 200")
        with connected(service) as left:
            left.sendall(head(INFER, f"content-length: {size}", expects))
            assert left.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            left.sendall(body[:1000])
        until(lambda: httpx.post(service.url + INFER, content=body).status_code == 200)
        packed = zlib.compress(body)
        for _ in range(3):
            assert httpx.post(service.url + INFER, content=body).status_code == 200, "room is given back"
            unpacked = httpx.post(service.url + INFER, content=packed, headers={"content-encoding": "deflate"})
            assert unpacked.status_code == 200
        assert service.stop() == 0

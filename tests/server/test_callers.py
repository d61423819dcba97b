"""A caller over its rate is told so, with when to come back; others notice nothing of it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import openai
import pytest

from airworthy.serve.protocols.open_inference.proto import messages
from server.running import Running, infer_body, running
from server.test_grpc import address

INFER = "/v2/models/linear/infer"
BODY = infer_body("x", "FP32", [[1, 2]])


@pytest.fixture(scope="module")
def limited(files: Path) -> Iterator[Running]:
    env = {
        "AIRWORTHY_SERVE_CALLERS_RATE": "1",
        "AIRWORTHY_SERVE_CALLERS_BURST": "5",
        "AIRWORTHY_SERVE_CALLERS_HEADER": "X-Api-Key",
        "AIRWORTHY_SERVE_GRPC_PORT": "0",
    }
    with running("serve", files / "linear.onnx", files / "words", env=env) as service:
        yield service
        assert service.stop() == 0


def ask(service: Running, caller: str, path: str = INFER, body: bytes = BODY) -> httpx.Response:
    return httpx.post(service.url + path, content=body, headers={"x-api-key": caller}, timeout=10)


def sample(service: Running, name: str) -> float:
    lines = httpx.get(f"{service.url}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_a_burst_is_let_in_and_then_the_rate_holds(limited: Running) -> None:
    before = sample(limited, 'airworthy_requests_limited_total{limit="rate"}')
    answers = [ask(limited, "greedy") for _ in range(12)]
    counts = Counter(answer.status_code for answer in answers)
    assert counts[200] in (5, 6)
    assert counts[200] + counts[429] == 12
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert len({answer.headers["retry-after-ms"] for answer in refused}) > 1, "not all come back at the same time"
    assert set(refused[0].json()) == {"error"}
    assert ask(limited, "modest").status_code == 200
    assert sample(limited, 'airworthy_requests_limited_total{limit="rate"}') == before + counts[429]


def test_it_is_said_in_openais_shape_and_its_client_knows_it(limited: Running) -> None:
    body = b'{"model":"words","input":"w1"}'
    answers = [ask(limited, "embedder", "/v1/embeddings", body) for _ in range(8)]
    error = answers[-1].json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("rate_limit_error", "rate_limit_exceeded", None)
    client = openai.OpenAI(
        base_url=f"{limited.url}/v1", api_key="k", max_retries=0, default_headers={"x-api-key": "embedder"}
    )
    with pytest.raises(openai.RateLimitError, match="rate limit exceeded"):
        client.embeddings.create(model="words", input="w1")


def test_openais_client_comes_back_in_time(limited: Running) -> None:
    client = openai.OpenAI(
        base_url=f"{limited.url}/v1", api_key="k", max_retries=3, default_headers={"x-api-key": "patient"}
    )
    for _ in range(6):
        assert client.embeddings.create(model="words", input="w1").data


def test_probes_and_scrapers_are_never_limited(limited: Running) -> None:
    for path in ("/health/live", "/health/ready", "/metrics", "/v2/health/live"):
        assert {httpx.get(limited.url + path).status_code for _ in range(15)} == {200}


def test_bad_requests_count_as_well(limited: Running) -> None:
    statuses = [ask(limited, "guesser", body=b"{").status_code for _ in range(10)]
    assert set(statuses) == {400, 429}


def test_a_refusal_comes_before_the_body_is_read(limited: Running) -> None:
    for _ in range(8):
        ask(limited, "uploader")
    host, _, port = limited.url.removeprefix("http://").partition(":")
    import socket

    with socket.create_connection((host, int(port)), timeout=5) as sock:
        head = f"POST {INFER} HTTP/1.1\r\nhost: x\r\nx-api-key: uploader\r\ncontent-length: 1000000\r\n\r\n"
        sock.sendall(head.encode())
        assert b" 429 " in sock.recv(4096), "no byte of the body was sent"


def test_a_call_over_the_rate_is_told_with_a_pause(limited: Running) -> None:
    kinds = messages()
    with grpc.insecure_channel(address(limited)) as channel:
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelMetadata",
            request_serializer=kinds["inference.ModelMetadataRequest"].SerializeToString,
            response_deserializer=kinds["inference.ModelMetadataResponse"].FromString,
        )
        live = channel.unary_unary(
            "/inference.GRPCInferenceService/ServerLive",
            request_serializer=kinds["inference.ServerLiveRequest"].SerializeToString,
            response_deserializer=kinds["inference.ServerLiveResponse"].FromString,
        )
        request = kinds["inference.ModelMetadataRequest"](name="linear")
        for _ in range(5):
            call(request, metadata=(("x-api-key", "caller"),), timeout=5)
        with pytest.raises(grpc.RpcError) as refused:
            call(request, metadata=(("x-api-key", "caller"),), timeout=5)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        pushback = dict(refused.value.trailing_metadata())["grpc-retry-pushback-ms"]
        assert int(pushback) > 0
        assert call(request, metadata=(("x-api-key", "other"),), timeout=5).name == "linear"
        for _ in range(10):
            assert live(kinds["inference.ServerLiveRequest"](), metadata=(("x-api-key", "caller"),), timeout=5).live


def test_without_a_header_the_address_is_the_caller(files: Path) -> None:
    env = {"AIRWORTHY_SERVE_CALLERS_RATE": "0.01", "AIRWORTHY_SERVE_CALLERS_BURST": "2"}
    with running("serve", files / "linear.onnx", "--host", "0.0.0.0", env=env) as service:
        mine = [ask(service, f"key-{n}").status_code for n in range(4)]
        assert mine == [200, 200, 429, 429], "a header that nothing checks gets nobody a rate of their own"
        transport = httpx.HTTPTransport(local_address="127.0.0.2")
        with httpx.Client(transport=transport) as other:
            assert other.post(service.url + INFER, content=BODY).status_code == 200


def test_bytes_and_requests_at_a_time_are_limited(files: Path) -> None:
    env = {"AIRWORTHY_SERVE_CALLERS_BYTES": "1000", "AIRWORTHY_SERVE_CALLERS_REQUESTS": "3"}
    with running("serve", files / "linear.onnx", env=env) as service:
        large = infer_body("x", "FP32", [[1, 2]] * 400)
        assert ask(service, "", body=large).status_code == 200
        assert ask(service, "").status_code == 429
    with running("serve", files / "linear.onnx", env=env) as service:
        chunks = (part for part in (large[:1000], large[1000:]))
        assert httpx.post(service.url + INFER, content=chunks).status_code == 200
        assert ask(service, "").status_code == 429, "a body of unknown length is charged once it was read"
    env = {"AIRWORTHY_SERVE_CALLERS_REQUESTS": "3"}
    with running("serve", files / "linear.onnx", env=env) as service:
        worker = service.worker("linear")
        os.kill(worker, signal.SIGSTOP)
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(ask(service, "").status_code), daemon=True)
            for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 5
        while len(statuses) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        assert statuses == [429, 429]
        os.kill(worker, signal.SIGCONT)
        for thread in threads:
            thread.join(10)
        assert Counter(statuses) == {429: 2, 200: 3}
        assert ask(service, "").status_code == 200

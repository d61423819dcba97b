"""Health, metrics, limits and the front page of a real service."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import httpx
import pytest

from server.running import PATIENCE, Running, infer_body, running


def test_probes_and_pages(service: Running) -> None:
    assert httpx.get(f"{service.url}/health/live").json() == {"live": True}
    assert httpx.get(f"{service.url}/health/ready").json() == {"ready": True}
    health = service.health()
    assert health["status"] == "ready"
    assert health["models"]["linear"]["workers"][0]["state"] == "ready"
    assert httpx.get(service.url).json()["name"] == "airworthy"
    assert httpx.head(f"{service.url}/health/ready").content == b""


def test_metrics_count_what_happened(service: Running) -> None:
    def count(name: str) -> float:
        page = httpx.get(f"{service.url}/metrics").text
        return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name))

    answered = 'airworthy_http_requests_total{route="/v2/models/{name}/infer",status="200"}'
    rows = 'airworthy_batch_rows_sum{model="linear"}'
    before = count(answered), count(rows)
    body = infer_body("x", "FP32", [[1, 2], [3, 4], [5, 6]])
    assert httpx.post(f"{service.url}/v2/models/linear/infer", content=body).status_code == 200
    assert (count(answered), count(rows)) == (before[0] + 1, before[1] + 3)
    assert count('airworthy_requests_waiting{model="linear"}') == 0


def test_paths_that_clients_make_up_are_no_labels(service: Running) -> None:
    httpx.get(f"{service.url}/made-up-path")
    page = httpx.get(f"{service.url}/metrics").text
    assert "made-up-path" not in page
    assert 'route="other",status="404"' in page


@pytest.fixture(scope="module")
def tight(files: Path) -> object:
    """A service with small limits."""
    env = {"AIRWORTHY_SERVE_LIMITS_MAX_BODY": "1000", "AIRWORTHY_SERVE_LIMITS_BODY_TIMEOUT": "0.5"}
    with running("serve", files / "linear.onnx", env=env) as started:
        yield started


def test_a_body_over_the_limit_is_refused_before_it_is_read(tight: Running) -> None:
    path = f"{tight.url}/v2/models/linear/infer"
    answer = httpx.post(path, content=b" " * 1001)
    assert (answer.status_code, "larger than 1000 B" in answer.json()["error"]) == (413, True)

    def chunks() -> object:
        for _ in range(20):
            yield b" " * 100

    answer = httpx.post(path, content=chunks())
    assert answer.status_code == 413
    assert httpx.post(f"{tight.url}/v1/embeddings", content=b" " * 1001).json()["error"]["code"] == "body_too_large"


def test_a_body_that_does_not_come_is_answered_in_time(tight: Running) -> None:
    host, _, port = tight.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as sock:
        sock.sendall(b"POST /v2/models/linear/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{")
        began = time.monotonic()
        answer = sock.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408")
        assert 0.3 < time.monotonic() - began < PATIENCE


def test_garbage_on_the_socket_harms_nobody(tight: Running) -> None:
    host, _, port = tight.url.removeprefix("http://").partition(":")
    for garbage in (b"\x00\xff\x16\x03\x01", b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=5) as sock:
            sock.sendall(garbage)
            sock.settimeout(3)
            assert sock.recv(4096)[:12] in (b"HTTP/1.1 400", b"")
    assert httpx.get(f"{tight.url}/health/ready").status_code == 200

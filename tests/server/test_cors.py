"""Web pages of other origins: let in only where the settings name them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from server.running import Running, infer_body, running

PAGE = "https://app.example.com"
ASK = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
BODY = infer_body("x", "FP32", [[1, 2]])


@pytest.fixture(scope="module")
def open_to(files: Path) -> Iterator[Running]:
    """A service that two origins may call."""
    env = {"AIRWORTHY_SERVE_CORS_ORIGINS": f"{PAGE},http://localhost:3000"}
    with running("serve", files / "linear.onnx", env=env) as started:
        yield started


def cors(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control")}


def test_nobody_is_let_in_by_default(service: Running) -> None:
    answer = httpx.options(f"{service.url}/v2/models/linear/infer", headers={"origin": PAGE, **ASK})
    assert (answer.status_code, cors(answer)) == (405, {})
    answer = httpx.post(f"{service.url}/v2/models/linear/infer", content=BODY, headers={"origin": PAGE})
    assert (answer.status_code, cors(answer)) == (200, {})


def test_an_origin_that_is_named_is_let_in(open_to: Running) -> None:
    path = f"{open_to.url}/v2/models/linear/infer"
    answer = httpx.options(path, headers={"origin": PAGE, **ASK})
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers
    told = cors(answer)
    assert told["access-control-allow-origin"] == PAGE
    assert "POST" in told["access-control-allow-methods"]
    assert {"content-type", "authorization"} <= set(told["access-control-allow-headers"].split(", "))
    assert "access-control-allow-credentials" not in told
    for answer in (
        httpx.post(path, content=BODY, headers={"origin": PAGE}),
        httpx.post(path, content=b"{", headers={"origin": PAGE}),
        httpx.get(f"{open_to.url}/nothing", headers={"origin": PAGE}),
    ):
        assert cors(answer)["access-control-allow-origin"] == PAGE, "errors can be read as well"
        assert answer.headers["vary"] == "origin"


@pytest.mark.parametrize("origin", ["https://evil.example.com", "https://app.example.com.evil.com", "null", ""])
def test_any_other_origin_is_not(open_to: Running, origin: str) -> None:
    path = f"{open_to.url}/v2/models/linear/infer"
    for answer in (
        httpx.options(path, headers={"origin": origin, **ASK}),
        httpx.post(path, content=BODY, headers={"origin": origin}),
    ):
        assert cors(answer) == {}
        assert answer.headers["vary"] == "origin", "a cache keeps the two answers apart"


def test_an_options_request_that_asks_for_nothing_is_no_preflight(open_to: Running) -> None:
    answer = httpx.options(f"{open_to.url}/v2", headers={"origin": PAGE})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_everybody_may_be_let_in(files: Path) -> None:
    with running("serve", files / "linear.onnx", env={"AIRWORTHY_SERVE_CORS_ORIGINS": "*"}) as service:
        answer = httpx.get(f"{service.url}/v2", headers={"origin": PAGE})
        assert cors(answer)["access-control-allow-origin"] == "*"
        assert "vary" not in answer.headers


def test_what_is_no_origin_ends_the_start(files: Path) -> None:
    env = {"AIRWORTHY_SERVE_CORS_ORIGINS": "app.example.com/"}
    with running("serve", files / "linear.onnx", env=env, wait=False) as service:
        assert service.process.wait(20) == 2
        assert "https://app.example.com" in service.rest()

"""Language models of other servers, through a service: every fault of an upstream, none of them a wrong 200."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import language_models
from fakes.upstream import FaultyUpstream, upstream_in_thread
from server.running import Running, running

KEY = "sk-upstream-secret-0123456789"
HELLO = [{"role": "user", "content": "hello there"}]


def _settings(path: Path, upstream: FaultyUpstream, key: Path) -> Path:
    hanging = ("hang", "pings", "hang-mid-stream")
    entries = [
        f'[[serve.upstreams]]\nname = "{name}"\nurl = "{upstream.url}"\nkey = "{key}"\nretries = 0\n'
        + ("first_chunk_timeout = 0.5\nchunk_timeout = 0.5\n" if name in hanging else "")
        for name in upstream.models
    ]
    path.write_text("\n".join(entries))
    return path


@pytest.fixture(scope="module")
def upstream() -> Iterator[FaultyUpstream]:
    with upstream_in_thread() as made:
        yield made


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, upstream: FaultyUpstream) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("upstreams")
    (folder / "key").write_text(KEY + "\n")
    config = _settings(folder / "airworthy.toml", upstream, folder / "key")
    with running("serve", "--config", config) as started:
        yield started
        assert started.stop() == 0
        assert KEY not in started.rest()


def _ask(service: Running, model: str, **more: Any) -> httpx.Response:
    body = {"model": model, "messages": HELLO, **more}
    return httpx.post(f"{service.url}/v1/chat/completions", json=body, timeout=20)


def _streamed(service: Running, model: str) -> tuple[int, str, list[str], list[Any]]:
    """Status, text, finish reasons and errors of a streamed answer."""
    response = _ask(service, model, stream=True)
    if response.status_code != 200:
        return response.status_code, "", [], [response.json()["error"]]
    lines = [line.removeprefix("data: ") for line in response.text.split("\n") if line]
    pieces = [json.loads(line) for line in lines if line != "[DONE]"]
    choices = [choice for each in pieces for choice in each.get("choices", [])]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    reasons = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
    return 200, text, reasons, [each["error"] for each in pieces if "error" in each]


WHOLE = ("ok", "comments", "crlf", "many-packets", "chunked", "informational", "drip", "cut-after-reason", "no-usage")


@pytest.mark.parametrize("model", WHOLE)
def test_a_whole_answer_in_any_shape(service: Running, model: str) -> None:
    answer = _ask(service, model)
    assert answer.status_code == 200, answer.text
    choice = answer.json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("fit to fly", "stop")
    assert _streamed(service, model) == (200, "fit to fly", ["stop"], [])


BEFORE = {
    "html": (502, "upstream_failed"),
    "html-as-stream": (502, "upstream_failed"),
    "error-200": (502, "upstream_failed"),
    "error-first": (502, "upstream_failed"),
    "no-choices": (502, "upstream_failed"),
    "no-http": (502, "upstream_failed"),
    "nothing": (502, "upstream_failed"),
    "empty-stream": (502, "upstream_failed"),
    "redirect": (502, "upstream_failed"),
    "status-401": (502, "upstream_failed"),
    "status-500": (502, "upstream_failed"),
    "status-502": (502, "upstream_failed"),
    "status-503": (503, "upstream_unavailable"),
    "status-400": (400, "invalid_request"),
    "status-413": (400, "invalid_request"),
    "status-422": (400, "invalid_request"),
    "context": (400, "context_length_exceeded"),
    "context-llama": (400, "context_length_exceeded"),
    "hang": (504, "upstream_timeout"),
    "pings": (504, "upstream_timeout"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", BEFORE)
def test_what_fails_before_the_answer_has_a_status_of_its_own(service: Running, model: str, stream: bool) -> None:
    answer = _ask(service, model, stream=stream)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == BEFORE[model], answer.text
    assert KEY not in answer.text
    assert "sk-verysecretkey" not in answer.text


MIDWAY = ("error-then-done", "broken-json", "cut", "cut-chunked", "done-without-reason", "abort", "hang-mid-stream")


@pytest.mark.parametrize("model", MIDWAY)
def test_what_breaks_off_is_an_error_and_no_end(service: Running, model: str) -> None:
    whole = _ask(service, model)
    assert whole.status_code in (502, 504), whole.text
    status, text, reasons, errors = _streamed(service, model)
    assert (status, text, reasons) == (200, "fit", [])
    (error,) = errors
    assert error["code"] == ("upstream_timeout" if model == "hang-mid-stream" else "upstream_failed")


def test_a_pause_that_it_asks_for_is_passed_on_and_kept(service: Running, upstream: FaultyUpstream) -> None:
    first = _ask(service, "status-429")
    assert (first.status_code, first.json()["error"]["code"]) == (503, "upstream_unavailable")
    assert int(first.headers["retry-after"]) >= 5
    second = _ask(service, "status-429")
    assert second.status_code == 503
    assert len(upstream.of("status-429")) == 1, "it was left alone"
    (state,) = service.health()["models"]["status-429"]["upstreams"]
    assert (state["state"], state["reason"]) == ("paused", "429")
    assert 0 < state["expires_seconds"] <= 7


@pytest.mark.parametrize("model", ["reasoning", "reasoning-content"])
def test_reasoning_under_either_name(service: Running, model: str) -> None:
    message = _ask(service, model).json()["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("fit to fly", "hm")


@pytest.mark.parametrize("model", ["usage-negative", "usage-zero", "usage-huge", "usage-text"])
def test_a_usage_that_cannot_be_is_estimated_and_marked(service: Running, model: str) -> None:
    usage = _ask(service, model).json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (4, 2)
    page = httpx.get(f"{service.url}/metrics").text
    (line,) = [
        line
        for line in page.splitlines()
        if line.startswith("airworthy_upstream_usage_total{") and f'model="{model}"' in line
    ]
    assert 'source="estimated"' in line


def test_usage_is_asked_for_and_passed_on(service: Running, upstream: FaultyUpstream) -> None:
    usage = _ask(service, "ok").json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (7, 2)
    body = upstream.of("ok")[-1]
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


def test_the_clients_key_stays_here_and_ours_goes_up(service: Running, upstream: FaultyUpstream) -> None:
    headers = {"authorization": "Bearer sk-of-the-client", "cookie": "a=b", "x-forwarded-for": "1.2.3.4"}
    body = {"model": "ok", "messages": HELLO}
    assert httpx.post(f"{service.url}/v1/chat/completions", json=body, headers=headers).status_code == 200
    seen = upstream.requests[-1][1]
    assert seen["authorization"] == f"Bearer {KEY}"
    assert "cookie" not in seen
    assert "x-forwarded-for" not in seen
    assert seen["x-request-id"].startswith("airworthy-")


@pytest.mark.parametrize("stream", [False, True])
def test_the_upstreams_connection_ends_with_the_clients(
    service: Running, upstream: FaultyUpstream, stream: bool
) -> None:
    before = upstream.gone
    with socket.create_connection(("127.0.0.1", int(service.url.rsplit(":", 1)[1]))) as client:
        body = json.dumps({"model": "stay", "messages": HELLO, "stream": stream}).encode()
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n")
        client.sendall(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        _until(lambda: service.health()["models"]["stay"]["upstreams"][0]["running"] == 1)
        assert upstream.gone == before
    _until(lambda: upstream.gone == before + 1)
    _until(lambda: service.health()["models"]["stay"]["running"] == 0)


def _until(condition: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def test_an_open_breaker_answers_at_once_and_says_why(service: Running, upstream: FaultyUpstream) -> None:
    for _ in range(5):
        _ask(service, "status-500")
    asked = len(upstream.of("status-500"))
    answer = _ask(service, "status-500")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert len(upstream.of("status-500")) == asked
    (state,) = service.health()["models"]["status-500"]["upstreams"]
    assert (state["state"], state["reason"]) == ("open", "status 500")
    assert state["expires_seconds"] > 0
    page = httpx.get(f"{service.url}/metrics").text
    assert f'airworthy_upstream_state{{model="status-500",state="open",upstream="{upstream.url}"}} 1.0' in page


def test_up_finds_the_model_behind_a_url() -> None:
    with upstream_in_thread("ok", owner="vllm", max_model_len=4096) as made, running("up", made.url) as service:
        (card,) = httpx.get(f"{service.url}/v1/models").json()["data"]
        assert card["id"] == "ok"
        assert _ask(service, "ok").json()["choices"][0]["message"]["content"] == "fit to fly"
        assert len(made.of("ok")[-1]["cache_salt"]) == 64
        assert service.stop() == 0


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("http://127.0.0.1:9", "no connection"),
        ("http://user:word@127.0.0.1:9", "holds a user name or a password"),
        ("http://127.0.0.1:9/?key=1", "holds more than a host and a path"),
    ],
)
def test_a_url_that_cannot_be_served_is_one_clear_message(argument: str, words: str) -> None:
    with running("up", argument, wait=False) as service:
        said = service.rest()
        assert service.process.wait(10) in (1, 2)
    assert words in said
    assert "Traceback" not in said
    assert "word@" not in said


@pytest.mark.slow
def test_llama_server_as_an_upstream(tmp_path: Path) -> None:
    """The real one: xllamacpp's own listener with the tiny model."""
    xllamacpp = pytest.importorskip("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(language_models.tiny(tmp_path / "tiny.gguf"))
    parameters.n_ctx, parameters.n_parallel, parameters.port = 512, 1, 0
    parameters.warmup = False
    server = xllamacpp.Server(parameters)
    try:
        with running("up", server.listening_address, "--name", "tiny") as service:
            answer = _ask(service, "tiny", max_tokens=4, seed=1)
            assert answer.status_code == 200, answer.text
            assert answer.json()["usage"]["completion_tokens"] in range(1, 5)
            assert _streamed(service, "tiny")[2] in (["length"], ["stop"])
            (state,) = service.health()["models"]["tiny"]["upstreams"]
            assert (state["kind"], state["state"]) == ("llama-server", "closed")
            assert service.stop() == 0
    finally:
        del server

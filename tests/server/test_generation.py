"""Language models over HTTP: OpenAI's own client, cancellation, clocks, crashes, slow readers, fairness of refusals."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import jsonschema
import openai
import pytest
from openai.types.chat import ChatCompletionChunk

import language_models
from server.running import Running, running

SLOTS = 2
HELLO = [{"role": "user", "content": "hello there"}]


def _settings(**more: str) -> dict[str, str]:
    return {
        f"AIRWORTHY_SERVE_GENERATION_{name.upper()}": value for name, value in {"slots": str(SLOTS), **more}.items()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    language_models.tiny(folder / "tiny.gguf")
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Running]:
    """The null generator: its directives say what happens."""
    with running("serve", folder / "tiny.gguf", "--engine", "null-generator", env=_settings()) as started:
        yield started
        assert started.stop() == 0


@pytest.fixture
def client(service: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def _say(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"[[say {text}]]"}]


def _state(service: Running) -> dict[str, Any]:
    state: dict[str, Any] = service.health()["models"]["tiny"]
    return state


def _until(condition: Any, seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def _events(response: httpx.Response) -> list[Any]:
    lines = [line for line in response.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines), lines
    return [line if line == "data: [DONE]" else json.loads(line.removeprefix("data: ")) for line in lines]


def _stream(url: str, **body: Any) -> list[Any]:
    with httpx.stream("POST", f"{url}/v1/chat/completions", json={"model": "tiny", "stream": True, **body}) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        return _events(response)


def test_a_conversation_is_answered(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="tiny", messages=_say("fit to fly 🛫 适航"))
    (choice,) = answer.choices
    assert (choice.message.role, choice.message.content) == ("assistant", "fit to fly 🛫 适航")
    assert choice.finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 5)
    assert answer.usage.total_tokens == 12


def test_a_stream_is_the_same_answer_in_pieces(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="tiny", messages=_say("a b 🛫"), stream=True, stream_options={"include_usage": True}
        )
    )
    assert len({chunk.id for chunk in chunks}) == 1
    first, *middle, last, used = chunks
    assert first.choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.role for chunk in middle] == [None] * len(middle)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "a b 🛫"
    assert last.choices[0].finish_reason == "stop"
    assert used.choices == []
    assert used.usage is not None
    assert used.usage.completion_tokens == 3
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stream_ends_with_done_and_tells_usage_only_where_asked(service: Running) -> None:
    *chunks, done = _stream(service.url, messages=_say("a b"))
    assert done == "data: [DONE]"
    assert all(chunk["choices"] for chunk in chunks)
    assert not any("usage" in chunk for chunk in chunks)


def test_several_answers_are_told_apart(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="tiny", messages=HELLO, n=2, seed=5, max_tokens=6)
    texts = [choice.message.content for choice in whole.choices]
    assert [choice.index for choice in whole.choices] == [0, 1]
    assert texts[0] != texts[1], "each has a seed of its own"
    streamed = {0: "", 1: ""}
    chunks = client.chat.completions.create(model="tiny", messages=HELLO, n=2, seed=5, max_tokens=6, stream=True)
    for chunk in chunks:
        for choice in cast("ChatCompletionChunk", chunk).choices:
            streamed[choice.index] += choice.delta.content or ""
    assert list(streamed.values()) == texts


def test_legacy_completions(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="tiny", prompt="[[say one two three]]", max_tokens=2, logprobs=2)
    (choice,) = answer.choices
    assert (choice.text, choice.finish_reason) == ("one two", "length")
    assert choice.logprobs is not None
    assert choice.logprobs.tokens == ["one", " two"]
    assert choice.logprobs.text_offset == [0, 3]
    pieces = client.completions.create(model="tiny", prompt="[[say one two]]", stream=True)
    assert "".join(piece.choices[0].text for piece in pieces) == "one two"


def test_a_stop_text_over_several_tokens_is_never_shown(service: Running) -> None:
    body = {"messages": _say("one two three four"), "stop": ["two thr"]}
    chunks = _stream(service.url, **body)[:-1]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert (text, chunks[-1]["choices"][0]["finish_reason"]) == ("one ", "stop")


def test_the_models_list_says_what_it_can_do(service: Running) -> None:
    (card,) = httpx.get(f"{service.url}/v1/models").json()["data"]
    assert card["max_model_len"] == language_models.CONTEXT
    assert card["capabilities"] == ["chat", "completion", "logprobs"]


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"n": 0}, "`n`"),
        ({"n": 1000}, "`n`"),
        ({"max_tokens": -1}, "`max_tokens`"),
        ({"temperature": -1}, "`temperature`"),
        ({"top_p": 2}, "`top_p`"),
        ({"stop": [""]}, "`stop`"),
        ({"stop": ["x"] * 100}, "`stop`"),
        ({"messages": []}, "`messages`"),
        ({"max_completion_tokens": 0}, "`max_completion_tokens`"),
        ({"logit_bias": {"²": 1}}, "`logit_bias`"),
        ({"logit_bias": {"1" * 5000: 1}}, "`logit_bias`"),
        ({"chat_template_kwargs": {"x": [1 << 70]}}, "a number of the request is too large"),
        ({"messages": [{**HELLO[0], "tool_calls": [{"x": -(1 << 64)}]}]}, "a number of the request is too large"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x", "odd": 1}]}, "messages[0].odd"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://10.0.0.1"}}]}
                ]
            },
            "text alone",
        ),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "`tools`"),
        ({"response_format": {"type": "json_object"}}, "`response_format`"),
        ({"response_format": {"type": "json_schema"}}, "`response_format`"),
        ({"top_logprobs": 2}, "`top_logprobs`"),
        ({"logprobs": True, "top_logprobs": 99}, "`top_logprobs`"),
        ({"logit_bias": {"x": 1}}, "`logit_bias`"),
        ({"nonsense": 1}, "`nonsense`"),
        ({"stream_options": {"odd": 1}}, "`odd`"),
        ({"messages": [{"role": "user", "content": "word " * 5000}]}, "5001 tokens"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_can_not_be_done_is_refused_by_its_name(
    service: Running, fields: dict[str, Any], part: str, stream: bool
) -> None:
    body = {"model": "tiny", "messages": HELLO, "stream": stream, **fields}
    answer = httpx.post(f"{service.url}/v1/chat/completions", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert part in error["message"]
    assert error["type"] == "invalid_request_error"


def test_numbers_that_no_message_holds_cost_no_caller_an_answer(service: Running, client: openai.OpenAI) -> None:
    workers = _state(service)["workers"]
    beside = client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "[[pace 0.05]] [[say a b c d e f g h i j]]"}], stream=True
    )
    text = next(beside).choices[0].delta.content or ""
    for body in (
        {"prompt": [1 << 70]},
        {"prompt": [1, -(1 << 64)]},
        {"prompt": "[[say x]]", "max_tokens": 1 << 70},
    ):
        answer = httpx.post(f"{service.url}/v1/completions", json={"model": "tiny", **body})
        assert answer.status_code == (200 if "max_tokens" in body else 400), answer.text
    text += "".join(chunk.choices[0].delta.content or "" for chunk in beside if chunk.choices)
    assert text == "a b c d e f g h i j"
    _until(lambda: _state(service)["running"] == 0)
    assert _state(service)["workers"] == workers


def test_a_prompt_that_does_not_fit_names_both_counts(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "w " * language_models.CONTEXT}]
        )
    assert caught.value.code == "context_length_exceeded"
    assert str(language_models.CONTEXT + 1) in str(caught.value)
    assert f"holds {language_models.CONTEXT}" in str(caught.value)


def test_whole_answers_are_what_is_described(service: Running) -> None:
    document = httpx.get(f"{service.url}/openapi.json").json()
    bodies = {
        "/v1/chat/completions": {"messages": HELLO, "logprobs": True, "top_logprobs": 1},
        "/v1/completions": {"prompt": "hello", "logprobs": 1},
    }
    for path, body in bodies.items():
        described = document["paths"][path]["post"]
        taken = described["requestBody"]["content"]["application/json"]["schema"]
        jsonschema.validate({"model": "tiny", **body}, {"components": document["components"], **taken})
        answer = httpx.post(service.url + path, json={"model": "tiny", **body})
        given = described["responses"]["200"]["content"]
        assert set(given) == {"application/json", "text/event-stream"}
        jsonschema.validate(
            answer.json(), {"components": document["components"], **given["application/json"]["schema"]}
        )


def test_a_language_model_takes_no_tensors_and_no_embeddings(service: Running) -> None:
    infer = httpx.post(f"{service.url}/v2/models/tiny/infer", json={"inputs": []})
    assert (infer.status_code, "/v1/chat/completions" in infer.json()["error"]) == (400, True)
    embed = httpx.post(f"{service.url}/v1/embeddings", json={"model": "tiny", "input": "x"})
    assert embed.status_code == 400


PHASES = {
    "prefill": "[[prefill 20]]",
    "decode": "[[pace 0.05]]",
    "queued": "[[pace 0.02]]",
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("phase", sorted(PHASES))
def test_a_client_that_leaves_frees_its_slot_within_a_second(service: Running, phase: str, stream: bool) -> None:
    host, _, port = service.url.removeprefix("http://").partition(":")
    content = f"{PHASES[phase]} and then go on for long"
    body = json.dumps(
        {"model": "tiny", "messages": [{"role": "user", "content": content}], "max_tokens": 400, "stream": stream}
    ).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    count = SLOTS + (2 if phase == "queued" else 0)
    socks = [socket.create_connection((host, int(port)), timeout=5) for _ in range(count)]
    try:
        for sock in socks:
            sock.sendall(head + body)
        _until(lambda: _state(service)["running"] + _state(service)["waiting"] == count)
        if phase == "queued":
            socks[-1].close()
            _until(lambda: _state(service)["waiting"] == 1, 1.5)
    finally:
        for sock in socks:
            sock.close()
    _until(lambda: (_state(service)["running"], _state(service)["waiting"]) == (0, 0), 1.5)
    answer = httpx.post(f"{service.url}/v1/chat/completions", json={"model": "tiny", "messages": _say("free")})
    assert answer.json()["choices"][0]["message"]["content"] == "free"


def test_an_engine_that_fails_in_the_middle_is_an_error_and_no_end(service: Running) -> None:
    chunks = _stream(service.url, messages=[{"role": "user", "content": "[[fail]]"}], max_tokens=9)
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1].keys() == {"error"}, "no choices beside it, and no [DONE] behind it"
    assert chunks[-1]["error"]["code"] == "run_failed"
    whole = httpx.post(
        f"{service.url}/v1/chat/completions",
        json={"model": "tiny", "messages": [{"role": "user", "content": "[[fail]]"}], "max_tokens": 9},
    )
    assert whole.status_code == 500


def test_openais_client_raises_where_a_stream_fails(client: openai.OpenAI) -> None:
    chunks = client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "[[fail]]"}], max_tokens=9, stream=True
    )
    with pytest.raises(openai.APIError):
        list(chunks)


def test_a_crash_ends_what_was_begun_and_nothing_else(folder: Path) -> None:
    with running("serve", folder / "tiny.gguf", "--engine", "null-generator", env=_settings()) as service:
        url = f"{service.url}/v1/chat/completions"
        found: list[str] = []

        def neighbour() -> None:
            body = {"messages": [{"role": "user", "content": "[[pace 0.2]] neighbour"}], "max_tokens": 100}
            with httpx.stream("POST", url, json={"model": "tiny", "stream": True, **body}, timeout=30) as response:
                for line in filter(None, response.iter_lines()):
                    found.append(line)

        beside = threading.Thread(target=neighbour)
        beside.start()
        _until(lambda: len(found) > 2)
        crash = {"model": "tiny", "messages": [{"role": "user", "content": "[[crash]]"}], "max_tokens": 9}
        answer = httpx.post(url, json=crash, timeout=20)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "worker_died"
        beside.join(20)
        assert found[-1].startswith('data: {"error"'), "what its client has seen a part of is not begun again"
        queued = httpx.post(url, json={"model": "tiny", "messages": _say("back")}, timeout=20)
        assert queued.json()["choices"][0]["message"]["content"] == "back"
        assert service.stop() == 0


def test_a_killed_worker_is_replaced_and_what_nobody_saw_is_begun_again(service: Running) -> None:
    before = _state(service)["workers"][0]["pid"]
    found: list[httpx.Response] = []
    body = {"model": "tiny", "messages": [{"role": "user", "content": "[[prefill 10]] [[say kept]]"}]}

    def ask() -> None:
        found.append(httpx.post(f"{service.url}/v1/chat/completions", json=body, timeout=20))

    asking = threading.Thread(target=ask)
    asking.start()
    _until(lambda: _state(service)["running"] == 1)
    os.kill(before, signal.SIGKILL)
    asking.join(20)
    assert found[0].json()["choices"][0]["message"]["content"] == "kept"
    assert _state(service)["workers"][0]["pid"] != before


def test_clocks_end_what_hangs_and_the_stuck_worker_is_replaced(folder: Path) -> None:
    env = _settings(first_token_timeout="2", token_timeout="0.5")
    with running("serve", folder / "tiny.gguf", "--engine", "null-generator", env=env) as service:
        before = _state(service)["workers"][0]["pid"]
        hang = [{"role": "user", "content": "[[hang]]"}]
        chunks = _stream(service.url, messages=hang, max_tokens=9)
        assert chunks[-1]["error"]["code"] == "deadline_exceeded"
        late = {"model": "tiny", "messages": [{"role": "user", "content": "[[prefill 40]]"}]}
        answer = httpx.post(f"{service.url}/v1/chat/completions", json=late, timeout=20)
        assert answer.status_code == 504
        _until(lambda: _state(service)["workers"][0]["pid"] not in (0, before), 30)
        answer = httpx.post(f"{service.url}/v1/chat/completions", json={"model": "tiny", "messages": _say("well")})
        assert answer.json()["choices"][0]["message"]["content"] == "well"


def test_a_full_queue_is_a_503_with_a_time_to_come_back(folder: Path) -> None:
    env = _settings(max_queue="2")
    with running("serve", folder / "tiny.gguf", "--engine", "null-generator", env=env) as service:
        url = f"{service.url}/v1/chat/completions"
        body = {"model": "tiny", "messages": [{"role": "user", "content": "[[pace 0.05]]"}], "max_tokens": 40}
        answers: list[httpx.Response] = []
        threads = [
            threading.Thread(target=lambda: answers.append(httpx.post(url, json=body, timeout=30)))
            for _ in range(SLOTS + 2)
        ]
        for thread in threads:
            thread.start()
        _until(lambda: (_state(service)["running"], _state(service)["waiting"]) == (SLOTS, 2))
        refused = httpx.post(url, json=body)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        for thread in threads:
            thread.join(30)
        assert [answer.status_code for answer in answers] == [200] * (SLOTS + 2)


def test_callers_limits_last_as_long_as_the_stream(folder: Path) -> None:
    env = {**_settings(), "AIRWORTHY_SERVE_CALLERS_REQUESTS": "1"}
    with running("serve", folder / "tiny.gguf", "--engine", "null-generator", env=env) as service:
        url = f"{service.url}/v1/chat/completions"
        body = {"model": "tiny", "messages": [{"role": "user", "content": "[[pace 0.05]]"}], "max_tokens": 20}
        with httpx.stream("POST", url, json={**body, "stream": True}) as response:
            pieces = response.iter_lines()
            next(pieces)
            assert httpx.post(url, json=body).status_code == 429
            list(pieces)
        assert httpx.post(url, json=body).status_code == 200


def test_a_reader_that_does_not_read_is_ended_and_no_memory_grows(service: Running) -> None:
    host, _, port = service.url.removeprefix("http://").partition(":")
    content = [{"role": "user", "content": "go on"}]
    body = json.dumps({"model": "tiny", "messages": content, "max_tokens": 400, "stream": True, "n": 2}).encode()
    sock = socket.create_connection((host, int(port)), timeout=5)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.sendall(
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    )
    try:
        # The worker has long ended; what it wrote lies in the buffers, which have bounds.
        _until(lambda: _state(service)["running"] == 0)
        answer = httpx.post(f"{service.url}/v1/chat/completions", json={"model": "tiny", "messages": _say("others")})
        assert answer.json()["choices"][0]["message"]["content"] == "others"
    finally:
        sock.close()

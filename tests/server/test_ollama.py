"""Ollama's interface: its own client, the lines of its streams, what Open WebUI and dify ask for, refusals by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import ollama
import pytest

import language_models
from server.generating import generating
from server.running import Running

HELLO = [{"role": "user", "content": "hello there"}]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with generating(tmp_path_factory.mktemp("model")) as started:
        yield started


@pytest.fixture
def client(texts: Running) -> Iterator[ollama.Client]:
    with ollama.Client(host=texts.url) as made:
        yield made


def _say(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"[[say {text}]]"}]


def _lines(texts: Running, path: str, **body: Any) -> list[dict[str, Any]]:
    with httpx.stream("POST", texts.url + path, json={"model": "tiny", **body}) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"] == "application/x-ndjson"
        return [json.loads(line) for line in response.iter_lines()]


def test_a_conversation_with_its_own_client(client: ollama.Client) -> None:
    answer = client.chat(model="tiny", messages=_say("fit to fly 🛫 适航"))
    assert (answer.message.role, answer.message.content) == ("assistant", "fit to fly 🛫 适航")
    assert (answer.done, answer.done_reason, answer.prompt_eval_count, answer.eval_count) == (True, "stop", 7, 5)
    assert answer.total_duration is not None
    assert answer.total_duration >= (answer.eval_duration or 0) + (answer.prompt_eval_duration or 0) > 0


def test_a_whole_answer_has_the_time_of_its_tokens(client: ollama.Client) -> None:
    paced = [{"role": "user", "content": "[[pace 0.05]] [[say one two three four]]"}]
    answer = client.chat(model="tiny", messages=paced)
    assert answer.eval_duration is not None
    assert answer.total_duration is not None
    assert 0.1e9 < answer.eval_duration < answer.total_duration


def test_a_stream_with_its_own_client(client: ollama.Client) -> None:
    *pieces, last = client.chat(model="tiny:latest", messages=_say("a b 🛫"), stream=True)
    assert "".join(piece.message.content or "" for piece in pieces) == "a b 🛫"
    assert not any(piece.done for piece in pieces)
    assert (last.done, last.done_reason, last.model, last.eval_count) == (True, "stop", "tiny:latest", 3)


def test_a_prompt_with_its_own_client(client: ollama.Client) -> None:
    whole = client.generate(model="tiny", prompt="[[say one two three]]", options={"num_predict": 2})
    assert (whole.response, whole.done_reason, whole.eval_count) == ("one two", "length", 2)
    pieces = client.generate(model="tiny", prompt="[[say one two]]", system="be brief", stream=True)
    assert "".join(piece.response or "" for piece in pieces) == "one two"
    raw = client.generate(model="tiny", prompt="[[say one]]", raw=True)
    assert (raw.response, raw.prompt_eval_count) == ("one", 2)


def test_log_probabilities(client: ollama.Client) -> None:
    answer = client.chat(model="tiny", messages=_say("one two"), logprobs=True, top_logprobs=2)
    assert answer.logprobs is not None
    assert [each.token for each in answer.logprobs] == ["one", " two"]
    assert [len(each.top_logprobs or ()) for each in answer.logprobs] == [2, 2]


def test_it_streams_where_nothing_is_said(texts: Running) -> None:
    *pieces, last = _lines(texts, "/api/chat", messages=_say("a b"))
    assert [piece["message"] for piece in pieces] == [
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": " b"},
    ]
    durations = {"total_duration", "load_duration", "prompt_eval_duration", "eval_duration"}
    assert durations | {"prompt_eval_count", "eval_count", "done_reason"} <= set(last)
    assert not durations & set(pieces[0])


def test_an_engine_that_fails_in_the_middle_is_a_line_with_the_error_and_no_end(
    texts: Running, client: ollama.Client
) -> None:
    fails = [{"role": "user", "content": "[[fail]]"}]
    lines = _lines(texts, "/api/chat", messages=fails, options={"num_predict": 9})
    assert lines[-1].keys() == {"error"}
    assert not any(line.get("done") for line in lines)
    with pytest.raises(ollama.ResponseError, match="asked to fail"):
        list(client.chat(model="tiny", messages=fails, options={"num_predict": 9}, stream=True))


def test_a_request_without_a_prompt_finds_the_model_loaded(client: ollama.Client) -> None:
    assert client.generate(model="tiny", prompt="", keep_alive=-1).done_reason == "load"
    assert client.chat(model="tiny", messages=[]).done_reason == "load"


def test_models_with_its_own_client(client: ollama.Client) -> None:
    (tag,) = client.list().models
    assert (tag.model, tag.details and tag.details.format) == ("tiny:latest", "gguf")
    (loaded,) = client.ps().models
    assert (loaded.name, loaded.context_length) == ("tiny:latest", language_models.CONTEXT)
    shown = client.show("tiny:latest")
    assert shown.capabilities == ["completion"]
    assert shown.template == language_models.TEMPLATE
    assert shown.modelinfo is not None
    assert shown.modelinfo["llama.context_length"] == language_models.CONTEXT


def test_an_unknown_model_is_404(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat(model="other", messages=HELLO)
    assert caught.value.status_code == 404
    assert "'other' is not served here" in caught.value.error


def test_the_front_page_says_that_it_runs_where_text_is_asked_for(texts: Running) -> None:
    plain = httpx.get(texts.url, headers={"accept": "text/plain"})
    assert plain.text == "Ollama is running"
    assert httpx.get(texts.url).json()["name"] == "airworthy"
    assert httpx.head(texts.url).status_code == 200
    assert httpx.get(f"{texts.url}/api/version").json() == {"version": "0.13.0"}


def test_as_open_webui_uses_it(texts: Running) -> None:
    """It lists `/api/tags`, adds the tag to names, and sends all options that its user set."""
    (tag,) = httpx.get(f"{texts.url}/api/tags").json()["models"]
    body = {
        "model": tag["model"],
        "messages": [{"role": "system", "content": "be kind"}, {**_say("well met")[0], "images": []}],
        "stream": True,
        "options": {"temperature": 0.5, "top_p": 0.9, "min_p": 0.0, "seed": 3, "num_ctx": 256, "repeat_last_n": 64},
        "keep_alive": "5m",
        "format": "",
    }
    with httpx.stream("POST", f"{texts.url}/api/chat", json=body) as response:
        assert response.headers["x-ignored-fields"] == "keep_alive, options.num_ctx"
        lines = [json.loads(line) for line in response.iter_lines()]
    assert "".join(line["message"]["content"] for line in lines) == "well met"


def test_as_dify_uses_it(texts: Running) -> None:
    """It splits the stream into lines, adds up contents, and reads both counts from the last one."""
    with httpx.stream(
        "POST",
        f"{texts.url}/api/chat",
        json={
            "model": "tiny",
            "stream": True,
            "options": {"num_ctx": language_models.CONTEXT, "num_predict": 8, "stop": ["zzz"]},
            "messages": _say("two words"),
        },
    ) as response:
        text, counts = "", (0, 0)
        for piece in map(json.loads, response.iter_lines()):
            text += piece["message"]["content"]
            if piece["done"]:
                counts = (piece.get("prompt_eval_count", 0), piece.get("eval_count", 0))
    assert (text, counts) == ("two words", (4, 2))


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"options": {"num_ctx": 100_000}}, f"`options.num_ctx`: 100000 tokens; this model is served with {512}"),
        ({"options": {"num_gpu": 1}}, "`options.num_gpu`"),
        ({"options": {"mirostat": 2}}, "`options.mirostat`"),
        ({"options": {"odd": 1}}, "`options.odd`"),
        ({"options": {"temperature": "hot"}}, "`options`"),
        ({"options": {"temperature": -1}}, "`options.temperature`"),
        ({"options": {"repeat_penalty": 11}}, "`options.repeat_penalty`"),
        ({"options": {"num_predict": 0}}, "`options.num_predict`"),
        ({"options": {"stop": [""]}}, "`options.stop`"),
        ({"format": "json"}, "`format`"),
        ({"format": {"type": "object"}}, "`format`"),
        ({"think": True}, "`think`"),
        ({"think": "high"}, "`think`"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "`tools`"),
        ({"top_logprobs": 2}, "`top_logprobs`"),
        ({"nonsense": 1}, "`nonsense`"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": "x", "images": ["AAAA"]}]}, "messages[0].images"),
        ({"messages": [{"role": "user", "content": "x", "odd": 1}]}, "messages[0].odd"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0]"),
        ({"messages": [{"role": "user", "content": "word " * 5000}]}, "5001 tokens"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_can_not_be_done_is_refused_by_its_name(
    texts: Running, fields: dict[str, Any], part: str, stream: bool
) -> None:
    body = {"model": "tiny", "messages": HELLO, "stream": stream, **fields}
    answer = httpx.post(f"{texts.url}/api/chat", json=body)
    assert answer.status_code == 400
    assert answer.json().keys() == {"error"}
    assert part in answer.json()["error"]


@pytest.mark.parametrize(
    "fields", [{"suffix": "x"}, {"template": "x"}, {"context": [1]}, {"images": ["AAAA"]}, {"raw": True, "system": "x"}]
)
def test_fields_of_generate_that_can_not_be_done(texts: Running, fields: dict[str, Any]) -> None:
    answer = httpx.post(f"{texts.url}/api/generate", json={"model": "tiny", "prompt": "x", **fields})
    assert answer.status_code == 400
    assert f"`{list(fields)[-1]}`" in answer.json()["error"]


def test_whole_answers_are_what_is_described(texts: Running) -> None:
    document = httpx.get(f"{texts.url}/openapi.json").json()
    bodies: dict[str, Any] = {"/api/chat": {"messages": HELLO}, "/api/generate": {"prompt": "hello"}}
    for path, body in bodies.items():
        given = document["paths"][path]["post"]["responses"]["200"]["content"]
        assert set(given) == {"application/json", "application/x-ndjson"}
        answer = httpx.post(texts.url + path, json={"model": "tiny", "stream": False, "logprobs": True, **body})
        schema = given["application/json"]["schema"]
        jsonschema.validate(answer.json(), {"components": document["components"], **schema})


def test_embeddings_with_its_own_client(service: Running) -> None:
    with ollama.Client(host=service.url) as client:
        answer = client.embed(model="words", input=["w1", "w2"])
        names = [each.model for each in client.list().models]
        assert client.show("words").capabilities == ["embedding"]
    theirs = httpx.post(f"{service.url}/v1/embeddings", json={"model": "words", "input": ["w1", "w2"]}).json()["data"]
    assert [list(vector) for vector in answer.embeddings] == [each["embedding"] for each in theirs]
    assert answer.prompt_eval_count == 2
    assert names == ["words:latest", "nested:latest"]
    wrong = httpx.post(f"{service.url}/api/embed", json={"model": "linear", "input": "x"})
    assert (wrong.status_code, wrong.json().keys()) == (400, {"error"})

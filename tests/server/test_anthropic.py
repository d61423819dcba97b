"""Anthropic's interface: its own client, the names of its events, errors in its shape, refusals by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import jsonschema
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
def client(texts: Running) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=texts.url, api_key="none", max_retries=0) as made:
        yield made


def _say(text: str) -> list[Any]:
    return [{"role": "user", "content": f"[[say {text}]]"}]


def _events(texts: Running, **body: Any) -> list[tuple[str, dict[str, Any]]]:
    sent = {"model": "tiny", "max_tokens": 9, "stream": True, **body}
    with httpx.stream("POST", f"{texts.url}/v1/messages", json=sent) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        blocks = "".join(response.iter_text()).split("\n\n")
    assert blocks.pop() == ""
    found = []
    for block in blocks:
        name, data = block.split("\n")
        document = json.loads(data.removeprefix("data: "))
        assert name == f"event: {document['type']}"
        found.append((document["type"], document))
    return found


def test_a_conversation_with_its_own_client(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(model="tiny", max_tokens=20, messages=_say("fit to fly 🛫 适航"))
    (block,) = answer.content
    assert (block.type, block.text) == ("text", "fit to fly 🛫 适航")  # type: ignore[union-attr]
    assert (answer.role, answer.stop_reason, answer.model) == ("assistant", "end_turn", "tiny")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 5)


def test_a_stream_with_its_own_client(client: anthropic.Anthropic) -> None:
    with client.messages.stream(
        model="tiny",
        max_tokens=2,
        system=[{"type": "text", "text": "be kind", "cache_control": {"type": "ephemeral"}}],
        messages=_say("one two three"),
    ) as stream:
        assert "".join(stream.text_stream) == "one two"
        answer = stream.get_final_message()
    assert (answer.stop_reason, answer.usage.input_tokens, answer.usage.output_tokens) == ("max_tokens", 8, 2)


def test_the_events_of_a_stream_in_their_order(texts: Running) -> None:
    events = _events(texts, messages=_say("a b"))
    assert [name for name, _ in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    start, end = events[0][1]["message"], events[-2][1]
    assert start["usage"] == {"input_tokens": 4, "output_tokens": 0}, "it is known before the first token"
    assert (start["stop_reason"], start["content"]) == (None, [])
    assert end["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert end["usage"] == {"input_tokens": 4, "output_tokens": 2}


def test_blocks_of_text_are_one_text(client: anthropic.Anthropic) -> None:
    blocks: Any = [{"type": "text", "text": "[[say two"}, {"type": "text", "text": " words]]"}]
    answer = client.messages.create(model="tiny", max_tokens=9, messages=[{"role": "user", "content": blocks}])
    assert answer.content[0].text == "two words"  # type: ignore[union-attr]


def test_tokens_are_counted_with_its_own_client(client: anthropic.Anthropic) -> None:
    counted = client.messages.count_tokens(model="tiny", system="be kind", messages=_say("one two"))
    answer = client.messages.create(model="tiny", max_tokens=9, system="be kind", messages=_say("one two"))
    assert counted.input_tokens == answer.usage.input_tokens == 7


def test_an_engine_that_fails_in_the_middle_is_an_error_and_no_end(texts: Running, client: anthropic.Anthropic) -> None:
    fails: Any = [{"role": "user", "content": "[[fail]]"}]
    events = _events(texts, messages=fails)
    assert events[-1] == ("error", {"type": "error", "error": {"type": "api_error", "message": "it was asked to fail"}})
    assert "message_stop" not in dict(events)
    with (
        pytest.raises(anthropic.APIStatusError, match="asked to fail"),
        client.messages.stream(model="tiny", max_tokens=9, messages=fails) as stream,
    ):
        list(stream)
    with pytest.raises(anthropic.InternalServerError):
        client.messages.create(model="tiny", max_tokens=9, messages=fails)


def test_an_unknown_model_is_not_found(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(model="other", max_tokens=9, messages=_say("x"))
    assert caught.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "`max_tokens`"),
        ({"temperature": -1}, "`temperature`"),
        ({"stop_sequences": [""]}, "`stop_sequences`"),
        ({"tools": [{"name": "f", "input_schema": {"type": "object"}}]}, "`tools`"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"tools": [{}]}, "tools[0].name"),
        ({"tool_choice": {"type": "odd"}}, "`tool_choice`"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "`thinking`"),
        ({"thinking": {"type": "odd"}}, "`thinking.type`"),
        ({"thinking": {"type": ["enabled"]}}, "`thinking.type`"),
        ({"tool_choice": {"type": {"a": 1}}}, "`tool_choice`"),
        ({"messages": [{"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]}]}, "`messages`"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, "output_config.format"),
        ({"output_config": {"effort": "high"}}, "output_config.effort"),
        ({"nonsense": 1}, "`nonsense`"),
        ({"messages": []}, "`messages`"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": "word " * 5000}]}, "5001 tokens"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_can_not_be_done_is_refused_by_its_name(
    texts: Running, fields: dict[str, Any], part: str, stream: bool
) -> None:
    body = {"model": "tiny", "max_tokens": 9, "messages": HELLO, "stream": stream, **fields}
    sent = {name: value for name, value in body.items() if value is not None}
    answer = httpx.post(f"{texts.url}/v1/messages", json=sent)
    assert answer.status_code == 400
    document = answer.json()
    assert (document["type"], document["error"]["type"]) == ("error", "invalid_request_error")
    assert part in document["error"]["message"]


def test_what_is_passed_over_is_no_error(texts: Running) -> None:
    harmless = {"metadata": {"user_id": "u"}, "service_tier": "auto", "thinking": {"type": "disabled"}, "top_k": 5}
    body = {"model": "tiny", "max_tokens": 9, "messages": _say("well"), "cache_control": {"type": "ephemeral"}}
    answer = httpx.post(f"{texts.url}/v1/messages?beta=true", json={**body, **harmless})
    assert answer.json()["content"] == [{"type": "text", "text": "well"}]


def test_whole_answers_are_what_is_described(texts: Running) -> None:
    document = httpx.get(f"{texts.url}/openapi.json").json()
    bodies: dict[str, Any] = {
        "/v1/messages": {"messages": HELLO, "max_tokens": 4},
        "/v1/messages/count_tokens": {"messages": HELLO},
    }
    for path, body in bodies.items():
        given = document["paths"][path]["post"]["responses"]["200"]["content"]
        answer = httpx.post(texts.url + path, json={"model": "tiny", **body})
        schema = given["application/json"]["schema"]
        jsonschema.validate(answer.json(), {"components": document["components"], **schema})


def test_a_prompt_that_does_not_fit_names_both_counts(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match=rf"513 tokens.*holds {language_models.CONTEXT}"):
        client.messages.create(
            model="tiny", max_tokens=9, messages=[{"role": "user", "content": "w " * language_models.CONTEXT}]
        )

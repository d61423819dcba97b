"""The Responses interface: OpenAI's own client, numbered events, what needs state refused by its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import openai
import pytest

from server.generating import generating
from server.running import Running


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with generating(tmp_path_factory.mktemp("model")) as started:
        yield started


@pytest.fixture
def client(texts: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{texts.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def _events(texts: Running, **body: Any) -> list[dict[str, Any]]:
    sent = {"model": "tiny", "stream": True, **body}
    with httpx.stream("POST", f"{texts.url}/v1/responses", json=sent) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        blocks = "".join(response.iter_text()).split("\n\n")
    assert blocks.pop() == ""
    found = []
    for block in blocks:
        name, data = block.split("\n")
        document = json.loads(data.removeprefix("data: "))
        assert name == f"event: {document['type']}"
        found.append(document)
    assert [each["sequence_number"] for each in found] == list(range(len(found)))
    return found


def test_a_text_with_its_own_client(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="tiny", input="[[say fit to fly 🛫]]", instructions="be kind")
    assert (answer.output_text, answer.status, answer.model) == ("fit to fly 🛫", "completed", "tiny")
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (9, 4, 13)
    assert (answer.instructions, answer.previous_response_id) == ("be kind", None)


def test_items_with_its_own_client(client: openai.OpenAI) -> None:
    items: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "hi"}]},
        {"role": "user", "content": "[[say again]]"},
    ]
    assert client.responses.create(model="tiny", input=items, store=False).output_text == "again"


def test_a_stream_with_its_own_client(client: openai.OpenAI) -> None:
    with client.responses.stream(model="tiny", input="[[say one two]]") as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        answer = stream.get_final_response()
    assert (text, answer.output_text, answer.status) == ("one two", "one two", "completed")


def test_the_events_of_a_stream_in_their_order(texts: Running) -> None:
    events = _events(texts, input="[[say a b]]")
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert events[0]["response"]["status"] == "in_progress"
    assert events[6]["text"] == "a b"
    assert events[-1]["response"]["output"] == [events[-2]["item"]]
    assert events[-1]["response"]["usage"]["output_tokens"] == 2


def test_an_answer_that_is_cut_is_incomplete(texts: Running, client: openai.OpenAI) -> None:
    answer = client.responses.create(model="tiny", input="[[say one two three]]", max_output_tokens=2)
    assert (answer.output_text, answer.status) == ("one two", "incomplete")
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    last = _events(texts, input="[[say one two three]]", max_output_tokens=2)[-1]
    assert (last["type"], last["response"]["status"]) == ("response.incomplete", "incomplete")
    assert last["response"]["output"][0]["status"] == "incomplete"


def test_an_engine_that_fails_in_the_middle_is_a_failed_response(texts: Running, client: openai.OpenAI) -> None:
    last = _events(texts, input="[[fail]]", max_output_tokens=9)[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"] == {"code": "server_error", "message": "it was asked to fail"}
    events = list(client.responses.create(model="tiny", input="[[fail]]", max_output_tokens=9, stream=True))
    assert events[-1].type == "response.failed"
    with pytest.raises(openai.InternalServerError):
        client.responses.create(model="tiny", input="[[fail]]", max_output_tokens=9)


def test_log_probabilities(client: openai.OpenAI) -> None:
    include: Any = ["message.output_text.logprobs"]
    answer = client.responses.create(model="tiny", input="[[say one two]]", top_logprobs=2, include=include)
    told = answer.output[0].content[0].logprobs  # type: ignore[union-attr]
    assert [each.token for each in told or ()] == ["one", " two"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"previous_response_id": "resp_1"}, "`previous_response_id`"),
        ({"conversation": "conv_1"}, "`conversation`"),
        ({"store": True}, "`store`"),
        ({"background": True}, "`background`"),
        ({"prompt": {"id": "pmpt_1"}}, "`prompt`"),
        ({"truncation": "auto"}, "`truncation`"),
        ({"include": ["file_search_call.results"]}, "`include`"),
        ({"max_output_tokens": 0}, "`max_output_tokens`"),
        ({"temperature": -1}, "`temperature`"),
        ({"top_logprobs": 99}, "`top_logprobs`"),
        ({"tools": [{"type": "function", "name": "f"}]}, "`tools`"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tool_choice": "odd"}, "`tool_choice`"),
        ({"text": {"format": {"type": "json_object"}}}, "`text.format`"),
        ({"text": {"format": {"type": "odd"}}}, "`text.format`"),
        ({"reasoning": {"effort": "high"}}, "`reasoning.effort`"),
        ({"input": [{"type": "reasoning", "content": 5}]}, "`input[0].content`"),
        ({"input": [{"type": "reasoning", "summary": []}]}, "`input`"),
        ({"nonsense": 1}, "`nonsense`"),
        ({"input": []}, "`input`"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content"),
        ({"input": "word " * 5000}, "5001 tokens"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_can_not_be_done_is_refused_by_its_name(
    texts: Running, fields: dict[str, Any], part: str, stream: bool
) -> None:
    answer = httpx.post(f"{texts.url}/v1/responses", json={"model": "tiny", "input": "x", "stream": stream, **fields})
    assert answer.status_code == 400
    assert part in answer.json()["error"]["message"]
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_what_is_stored_elsewhere_is_not_here(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_1")


def test_whole_answers_are_what_is_described(texts: Running) -> None:
    document = httpx.get(f"{texts.url}/openapi.json").json()
    given = document["paths"]["/v1/responses"]["post"]["responses"]["200"]["content"]
    assert set(given) == {"application/json", "text/event-stream"}
    answer = httpx.post(f"{texts.url}/v1/responses", json={"model": "tiny", "input": "hello", "metadata": {"a": "b"}})
    jsonschema.validate(answer.json(), {"components": document["components"], **given["application/json"]["schema"]})

"""What dialects make of calls, thoughts and silence, which the null generator has none of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airworthy.engines.generation import (
    AnyEvent,
    Finished,
    GeneratorInfo,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from airworthy.serve import errors
from airworthy.serve.protocols import generation_fields
from airworthy.serve.protocols.anthropic import answers as anthropic_answers
from airworthy.serve.protocols.anthropic import requests as anthropic_requests
from airworthy.serve.protocols.generation_responses import AnswerForm
from airworthy.serve.protocols.generations import Usage
from airworthy.serve.protocols.ollama import generation_answers as ollama_answers
from airworthy.serve.protocols.ollama import generation_requests as ollama_requests
from airworthy.serve.protocols.responses import answers as responses_answers
from airworthy.serve.protocols.responses import requests as responses_requests

ABLE = GeneratorInfo(slots=1, context=100, tools=True, schemas=True)
USED = Usage(5, 7)
THINKING = "{% if enable_thinking %}"
EVENTS: list[AnyEvent] = [
    ReasoningDelta("hm"),
    ReasoningDelta("m"),
    TextDelta("so"),
    ToolCallDelta(0, id="call_a", name="look"),
    ToolCallDelta(0, '{"at":'),
    ToolCallDelta(0, '"sky"}'),
    ToolCallDelta(1, id="call_b", name="wait"),
    Finished("tool_calls", USED.prompt, USED.completion),
]
WEATHER = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def _streamed(form: AnswerForm, events: list[AnyEvent]) -> bytes:
    return form.first(5) + b"".join(form.piece(0, event) for event in events) + form.last(USED)


def _sse(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in data.decode().split("\n") if line.startswith("data: ")]


def test_ollama_streams_calls_whole_and_thoughts_apart() -> None:
    lines = [json.loads(line) for line in _streamed(ollama_answers.OllamaForm("m", "chat"), EVENTS).splitlines()]
    calls = [
        {"id": "call_a", "function": {"index": 0, "name": "look", "arguments": {"at": "sky"}}},
        {"id": "call_b", "function": {"index": 1, "name": "wait", "arguments": {}}},
    ]
    assert [line["message"] for line in lines] == [
        {"role": "assistant", "content": "", "thinking": "hm"},
        {"role": "assistant", "content": "", "thinking": "m"},
        {"role": "assistant", "content": "so"},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "assistant", "content": ""},
    ]
    assert (lines[-1]["done"], lines[-1]["done_reason"], lines[-1]["eval_count"]) == (True, "stop", 7)
    whole = json.loads(ollama_answers.OllamaForm("m", "chat").whole([EVENTS], USED))
    assert whole["message"] == {"role": "assistant", "content": "so", "thinking": "hmm", "tool_calls": calls}


def test_ollamas_silence_is_a_piece_that_adds_nothing() -> None:
    silence = json.loads(ollama_answers.OllamaForm("m", "generate").silence())
    assert (silence["response"], silence["done"]) == ("", False)


def test_ollamas_messages_become_what_templates_know() -> None:
    messages = [
        {"role": "user", "content": "look"},
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [{"function": {"name": "look", "arguments": {"at": "sky"}}}],
        },
        {"role": "tool", "tool_name": "look", "content": "blue"},
    ]
    given = ollama_requests.OllamaChatRequest(model="m", messages=messages, tools=[WEATHER], think=False, format="json")
    asked = ollama_requests.of_chat(given, ABLE, 0, THINKING)
    call = {"id": "call_0", "type": "function", "function": {"name": "look", "arguments": '{"at":"sky"}'}}
    assert asked.messages == (
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": [call]},
        {"role": "tool", "content": "blue", "name": "look"},
    )
    assert (asked.tools, asked.schema, asked.template_arguments) == ((WEATHER,), {}, {"enable_thinking": False})


def test_anthropic_streams_a_block_for_each_kind() -> None:
    events = _sse(_streamed(anthropic_answers.MessageForm("m"), EVENTS))
    starts = [each["content_block"]["type"] for each in events if each["type"] == "content_block_start"]
    stops = [each["index"] for each in events if each["type"] == "content_block_stop"]
    deltas = [(each["index"], each["delta"]) for each in events if each["type"] == "content_block_delta"]
    assert (starts, stops) == (["thinking", "text", "tool_use", "tool_use"], [0, 1, 2, 3])
    assert deltas == [
        (0, {"type": "thinking_delta", "thinking": "hm"}),
        (0, {"type": "thinking_delta", "thinking": "m"}),
        (1, {"type": "text_delta", "text": "so"}),
        (2, {"type": "input_json_delta", "partial_json": '{"at":'}),
        (2, {"type": "input_json_delta", "partial_json": '"sky"}'}),
    ]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    whole = json.loads(anthropic_answers.MessageForm("m").whole([EVENTS], USED))
    assert whole["content"] == [
        {"type": "thinking", "thinking": "hmm", "signature": ""},
        {"type": "text", "text": "so"},
        {"type": "tool_use", "id": "call_a", "name": "look", "input": {"at": "sky"}},
        {"type": "tool_use", "id": "call_b", "name": "wait", "input": {}},
    ]


def test_anthropics_silence_is_a_ping() -> None:
    assert anthropic_answers.MessageForm("m").silence() == b'event: ping\ndata: {"type":"ping"}\n\n'


def test_an_empty_answer_of_anthropics_has_one_empty_block() -> None:
    events = _sse(_streamed(anthropic_answers.MessageForm("m"), [Finished("stop", USED.prompt, USED.completion)]))
    assert [each["type"] for each in events][1:3] == ["content_block_start", "content_block_stop"]


def test_anthropics_blocks_become_what_templates_know() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "look"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "text", "text": "so"},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "sky"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "blue"}]},
                {"type": "text", "text": "and now?"},
            ],
        },
    ]
    given = anthropic_requests.MessagesRequest(
        model="m",
        max_tokens=9,
        messages=messages,
        system=[{"type": "text", "text": "be kind"}],
        tools=[{"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 1024},
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}},
    )
    asked = anthropic_requests.of_messages(given, ABLE, 0, THINKING)
    call = {"id": "t1", "type": "function", "function": {"name": "look", "arguments": '{"at":"sky"}'}}
    assert asked.messages == (
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": "so", "tool_calls": [call], "reasoning_content": "hm"},
        {"role": "tool", "tool_call_id": "t1", "content": "blue"},
        {"role": "user", "content": "and now?"},
    )
    function = {"name": "look", "parameters": {"type": "object"}, "description": "Looks."}
    assert asked.tools == ({"type": "function", "function": function},)
    assert (asked.tool_choice, asked.parallel_tool_calls) == ("required", False)
    assert (asked.schema, asked.template_arguments) == ({"type": "object"}, {"enable_thinking": True})


def test_responses_stream_an_item_for_each_kind() -> None:
    given = responses_requests.ResponsesRequest(model="m", input="x")
    events = _sse(_streamed(responses_answers.ResponseForm(given), EVENTS))
    assert [each["sequence_number"] for each in events] == list(range(len(events)))
    added = [each["item"]["type"] for each in events if each["type"] == "response.output_item.added"]
    assert added == ["reasoning", "message", "function_call", "function_call"]
    arguments = [each["delta"] for each in events if each["type"] == "response.function_call_arguments.delta"]
    assert arguments == ['{"at":', '"sky"}']
    final = events[-1]
    assert (final["type"], final["response"]["status"]) == ("response.completed", "completed")
    whole = json.loads(responses_answers.ResponseForm(given).whole([EVENTS], USED))
    for made in (final["response"]["output"], whole["output"]):
        thought, message, *calls = made
        assert thought["content"] == [{"type": "reasoning_text", "text": "hmm"}]
        assert message["content"][0]["text"] == "so"
        assert [(call["call_id"], call["name"], call["arguments"]) for call in calls] == [
            ("call_a", "look", '{"at":"sky"}'),
            ("call_b", "wait", ""),
        ]
        assert {each["status"] for each in made} == {"completed"}


def test_items_of_responses_become_what_templates_know() -> None:
    items: list[dict[str, Any]] = [
        {"role": "developer", "content": "be kind"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "look"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "blue"},
    ]
    given = responses_requests.ResponsesRequest(
        model="m",
        input=items,
        instructions="first",
        tools=[{"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": None}],
        tool_choice={"type": "function", "name": "look"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
        max_output_tokens=50,
    )
    asked = responses_requests.of_responses(given, ABLE, 20, "")
    calls = [{"id": name, "type": "function", "function": {"name": "look", "arguments": "{}"}} for name in ("c1", "c2")]
    assert asked.messages == (
        {"role": "system", "content": "first"},
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": "", "tool_calls": calls, "reasoning_content": "hm"},
        {"role": "tool", "tool_call_id": "c1", "content": "blue"},
    )
    assert asked.tools == (WEATHER,)
    assert asked.tool_choice == {"type": "function", "function": {"name": "look"}}
    assert (asked.schema, asked.max_tokens) == ({"type": "object"}, 20)


@pytest.mark.parametrize(
    ("asked", "template", "given"),
    [
        (None, "", {}),
        (False, "", {}),
        (True, THINKING, {"enable_thinking": True}),
        ("high", THINKING, {"enable_thinking": True}),
        ("high", "{{ reasoning_effort }}", {"reasoning_effort": "high"}),
    ],
)
def test_thinking_is_an_argument_that_the_template_has(asked: Any, template: str, given: dict[str, Any]) -> None:
    assert generation_fields.thinking("think", asked, template) == given


@pytest.mark.parametrize("asked", [True, "low"])
def test_thinking_is_refused_where_the_template_has_none(asked: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="`think`"):
        generation_fields.thinking("think", asked, "")

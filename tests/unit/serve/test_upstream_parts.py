"""The pure parts of upstreams: event streams, breakers, the choice among several, fields, pieces of answers."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.errors import SettingInvalid
from airworthy.core.settings import resolve
from airworthy.core.settings.upstreams import KINDS
from airworthy.engines.generation import (
    Finished,
    GenerationRequest,
    ReasoningDelta,
    Sampling,
    TextDelta,
    ToolCallDelta,
)
from airworthy.knowledge.upstreams import kind_named, kind_of_owner, kinds
from airworthy.serve.workers.upstreams.answers import AnswerReader
from airworthy.serve.workers.upstreams.breaker import (
    CONSECUTIVE_FAILURES,
    FIRST_OPEN_S,
    LONGEST_OPEN_S,
    LONGEST_PAUSE_S,
    BreakerState,
    CircuitBreaker,
)
from airworthy.serve.workers.upstreams.event_stream import COMMENT, EventStreamReader, EventTooLong, ServerEvent
from airworthy.serve.workers.upstreams.failures import UpstreamError, describe, of_error_event, of_status
from airworthy.serve.workers.upstreams.requests import CHAT, COMPLETIONS, body_of, cache_salt, refusal
from airworthy.serve.workers.upstreams.selection import RetryBudget, WeightedChoice

CHAT_REQUEST = GenerationRequest(messages=({"role": "user", "content": "hello"},), max_tokens=5)

# --- event streams ---------------------------------------------------------------------------------------------------


def _read(*pieces: bytes) -> list[ServerEvent]:
    reader = EventStreamReader()
    return [event for piece in pieces for event in reader.feed(piece)]


STREAM = b': hi\n\ndata: {"a":1}\n\nevent: error\ndata: x\ndata: y\nid: 7\n\nretry: 5\n\ndata:z\n\n'
EVENTS = [COMMENT, ServerEvent(b'{"a":1}'), ServerEvent(b"x\ny", "error"), ServerEvent(b"z")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_in_any_of_three_ways(end: bytes) -> None:
    assert _read(STREAM.replace(b"\n", end)) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=8), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_events_are_the_same_in_any_cut(cuts: list[int], end: bytes) -> None:
    stream = STREAM.replace(b"\n", end)
    places = [0, *sorted(cuts), len(stream)]
    assert _read(*(stream[a:b] for a, b in itertools.pairwise(places))) == EVENTS


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_any_bytes_are_events_or_none(pieces: list[bytes]) -> None:
    for event in _read(*pieces):
        assert event == COMMENT or b"\r" not in event.data


def test_an_event_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airworthy.serve.workers.upstreams.event_stream.MAX_EVENT", 100)
    with pytest.raises(EventTooLong):
        _read(b"data: " + b"x" * 101)
    with pytest.raises(EventTooLong):
        _read(b"data: 0123456789\n" * 11)


# --- breakers --------------------------------------------------------------------------------------------------------


def _tripped() -> CircuitBreaker:
    breaker = CircuitBreaker()
    for _ in range(CONSECUTIVE_FAILURES):
        breaker.begin(0.0)
        breaker.fail(0.0, "status 500")
    return breaker


def test_failures_in_a_row_open_it_and_a_probe_closes_it() -> None:
    breaker = _tripped()
    assert (breaker.state(0.0), breaker.reason, breaker.expires) == (BreakerState.OPEN, "status 500", FIRST_OPEN_S)
    assert not breaker.admits(FIRST_OPEN_S - 0.01)
    assert breaker.state(FIRST_OPEN_S) is BreakerState.HALF_OPEN
    assert breaker.admits(FIRST_OPEN_S)
    breaker.begin(FIRST_OPEN_S)
    assert not breaker.admits(FIRST_OPEN_S + 1), "one probe at a time"
    breaker.succeed()
    assert (breaker.state(FIRST_OPEN_S + 1), breaker.reason) == (BreakerState.CLOSED, "")


def test_failed_probes_open_it_for_longer_up_to_a_bound() -> None:
    breaker, now, spans = _tripped(), 0.0, []
    for _ in range(8):
        now = breaker.expires
        breaker.begin(now)
        breaker.fail(now, "again")
        spans.append(breaker.expires - now)
    assert spans == [4.0, 8.0, 16.0, 32.0, LONGEST_OPEN_S, LONGEST_OPEN_S, LONGEST_OPEN_S, LONGEST_OPEN_S]


def test_a_success_between_failures_keeps_it_closed_until_half_fail() -> None:
    breaker = CircuitBreaker()
    for _ in range(4):
        breaker.fail(0.0, "x")
        breaker.succeed()
    assert breaker.state(0.0) is BreakerState.CLOSED
    breaker.succeed()
    breaker.fail(0.0, "x")
    assert breaker.state(0.0) is BreakerState.OPEN, "5 of 10"


def test_a_probe_whose_client_left_is_tried_again() -> None:
    breaker = _tripped()
    breaker.begin(FIRST_OPEN_S)
    breaker.abandon()
    assert breaker.admits(FIRST_OPEN_S)


def test_a_pause_is_no_failure_and_has_a_bound() -> None:
    breaker = CircuitBreaker()
    breaker.pause(0.0, 7.0)
    assert (breaker.state(6.9), breaker.state(7.0)) == (BreakerState.PAUSED, BreakerState.CLOSED)
    breaker.succeed()
    assert breaker.state(6.9) is BreakerState.PAUSED, "an answer that was under way does not end it"
    breaker.pause(10.0, 1e9)
    assert breaker.expires == 10.0 + LONGEST_PAUSE_S
    assert breaker.admits(10.0 + LONGEST_PAUSE_S)


# --- choice ----------------------------------------------------------------------------------------------------------


class _Choice(msgspec.Struct, eq=False):
    priority: int
    weight: int


def test_weights_are_shares_and_priorities_come_first() -> None:
    one, three, spare = _Choice(0, 1), _Choice(0, 3), _Choice(1, 100)
    choice = WeightedChoice()
    taken = [choice.choose([one, three, spare]) for _ in range(8)]
    assert [taken.count(each) for each in (one, three, spare)] == [2, 6, 0]
    assert choice.choose([spare]) is spare
    assert choice.choose([]) is None


def test_retries_are_a_tenth_of_the_traffic() -> None:
    budget = RetryBudget()
    assert [budget.withdraw() for _ in range(4)] == [True, True, True, False]
    for _ in range(10):
        assert not budget.withdraw()
        budget.deposit()
    assert [budget.withdraw() for _ in range(2)] == [True, False]
    for _ in range(1000):
        budget.deposit()
    assert sum(budget.withdraw() for _ in range(100)) == 10


# --- fields ----------------------------------------------------------------------------------------------------------


def test_the_table_and_the_settings_know_the_same_kinds() -> None:
    assert sorted(kind.name for kind in kinds()) == sorted(set(KINDS) - {"auto"})
    assert [kind_of_owner(owner).name for owner in ("vllm", "llamacpp", "library", "me")] == [
        "vllm",
        "llama-server",
        "ollama",
        "other",
    ]


TOOL = {"type": "function", "function": {"name": "f"}}
ASKED: list[tuple[str, GenerationRequest]] = [
    ("logit_bias", GenerationRequest(sampling=Sampling(logit_bias={"1": 2.0}))),
    ("tool_choice", GenerationRequest(tools=(TOOL,), tool_choice="required")),
    ("logprobs", GenerationRequest(top_logprobs=2)),
    ("top_k", GenerationRequest(sampling=Sampling(top_k=5))),
    ("min_p", GenerationRequest(sampling=Sampling(min_p=0.1))),
    ("repetition_penalty", GenerationRequest(sampling=Sampling(repeat_penalty=1.1))),
    ("ignore_eos", GenerationRequest(ignore_end=True)),
    ("chat_template_kwargs", GenerationRequest(template_arguments={"enable_thinking": False})),
]


@pytest.mark.parametrize(("field", "request_"), ASKED)
def test_what_ollama_passes_over_is_refused_and_vllm_takes_it(field: str, request_: GenerationRequest) -> None:
    assert refusal(kind_named("ollama"), request_).startswith(f"`{field}`")
    assert refusal(kind_named("vllm"), request_) == ""


def test_fields_have_the_names_of_the_kind() -> None:
    penalty = msgspec.structs.replace(CHAT_REQUEST, sampling=Sampling(repeat_penalty=1.2))
    path, body = body_of(kind_named("llama-server"), penalty, "m", "salt")
    assert (path, body["max_tokens"], body["repeat_penalty"]) == (CHAT, 5, 1.2)
    assert "cache_salt" not in body
    _, body = body_of(kind_named("vllm"), penalty, "m", "salt")
    assert (body["repetition_penalty"], body["cache_salt"]) == (1.2, "salt")
    _, body = body_of(kind_named("openai"), CHAT_REQUEST, "m", "")
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body
    path, body = body_of(kind_named("vllm"), GenerationRequest(prompt_ids=(1, 2), max_tokens=3), "m", "")
    assert (path, body["prompt"], body["max_tokens"]) == (COMPLETIONS, [1, 2], 3)


def test_a_conversation_keeps_its_reasoning_tools_and_schema() -> None:
    message = {"role": "assistant", "content": "x", "reasoning_content": "hm"}
    asked = GenerationRequest(
        messages=(message,),
        tools=(TOOL,),
        tool_choice="required",
        parallel_tool_calls=False,
        schema={"type": "object"},
        top_logprobs=3,
        template_arguments={"reasoning_effort": "low", "enable_thinking": True},
    )
    _, body = body_of(kind_named("vllm"), asked, "m", "")
    assert body["messages"] == [{**message, "reasoning": "hm"}]
    assert (body["tools"], body["tool_choice"], body["parallel_tool_calls"]) == ([TOOL], "required", False)
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert (body["logprobs"], body["top_logprobs"]) == (True, 3)
    assert (body["reasoning_effort"], body["chat_template_kwargs"]) == ("low", {"enable_thinking": True})


def test_a_salt_follows_from_the_tenant_and_cannot_be_guessed() -> None:
    assert cache_salt(b"s", "a") == cache_salt(b"s", "a")
    assert len({cache_salt(b"s", "a"), cache_salt(b"s", "b"), cache_salt(b"t", "a")}) == 3


# --- answers ---------------------------------------------------------------------------------------------------------


def _delta(reason: str | None = None, **delta: Any) -> ServerEvent:
    return ServerEvent(msgspec.json.encode({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}))


def test_calls_are_told_once_however_the_server_repeats_them() -> None:
    reader = AnswerReader(CHAT_REQUEST)
    calls = [
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}},
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": ":1}"}},
        {"index": 0, "id": "b", "function": {"name": "f", "arguments": {"y": 2}}},
    ]
    events = [event for call in calls for event in reader.feed(_delta(tool_calls=[call]))]
    assert events == [
        ToolCallDelta(0, id="a", name="f"),
        ToolCallDelta(0, arguments='{"x"'),
        ToolCallDelta(0, arguments=":1}"),
        ToolCallDelta(1, id="b", name="f"),
        ToolCallDelta(1, arguments='{"y":2}'),
    ]
    reader.feed(_delta("stop"))
    assert reader.end() == "tool_calls"


def test_text_reasoning_and_usage() -> None:
    reader = AnswerReader(CHAT_REQUEST)
    assert reader.feed(_delta(role="assistant", content="")) == []
    assert reader.feed(_delta(reasoning="hm", content="a")) == [ReasoningDelta("hm"), TextDelta("a")]
    with pytest.raises(UpstreamError, match="broke off"):
        reader.end()
    reader.feed(_delta("length"))
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    reader.feed(ServerEvent(msgspec.json.encode({"choices": [], "usage": usage})))
    found = reader.usage()
    assert found is not None
    assert reader.finished(reader.end(), found) == Finished("length", 9, 2, 4)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "choices",
                        "delta",
                        "content",
                        "tool_calls",
                        "function",
                        "name",
                        "index",
                        "logprobs",
                        "usage",
                        "error",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_events_or_an_upstreams_error(piece: Any) -> None:
    reader = AnswerReader(msgspec.structs.replace(CHAT_REQUEST, top_logprobs=1))
    for document in (piece, {"choices": [piece]}, {"choices": [{"delta": piece}]}, {"choices": [], "usage": piece}):
        try:
            reader.feed(ServerEvent(msgspec.json.encode(document)))
        except UpstreamError as error:
            assert error.code in ("upstream-failed", "upstream-unavailable", "context-exceeded", "invalid-generation")
    reader.usage()


def test_errors_hide_keys_and_pages() -> None:
    assert describe(b'{"error":{"message":"bad key sk-abcdefgh"}}')[0] == "bad key ***"
    assert describe(b"  <html>") == ("it answered with a page of HTML", {})
    assert (
        of_status(401, b'{"error":"sk-abcdefgh"}', None).detail == "it refuses the key that it was given (status 401)"
    )
    assert of_status(500, b'{"error":"prompt"}', None).summary == "status 500"
    late = of_error_event({"message": "busy", "code": 503})
    assert (late.can_retry, late.blames) == (True, True)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "ftp://a"}, "none of http"),
        ({"url": "http://u:p@a"}, "user name or a password"),
        ({"url": "http://a?b"}, "more than a host"),
        ({"url": "http://a:99999"}, "none of http"),
        ({"name": "a b"}, "names a model"),
        ({"kind": "vlm"}, "kind` is 'vlm': expected one of"),
        ({"weight": 0}, "weight"),
        ({"retries": -1}, "retries"),
        ({"wait": 1}, "wait"),
    ],
)
def test_a_wrong_upstream_is_one_clear_error(fields: dict[str, Any], words: str) -> None:
    entry = {"name": "m", "url": "http://127.0.0.1:8000", **fields}
    with pytest.raises(SettingInvalid) as caught:
        resolve({"serve": {"upstreams": [entry]}})
    assert words in caught.value.text
    assert "p@" not in caught.value.text

"""A conversation with servers that misbehave: each ends in pieces of an answer or in one clear error, and soon."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.core.errors import AirworthyError, Exit
from airworthy.flows.chat import Conversation
from airworthy.observe import chat_client
from airworthy.observe.addresses import AddressInvalid, parse
from airworthy.observe.chat_client import ChatFailed
from airworthy.observe.requests import NoSuchService, target
from fakes.raw_server import answering
from fakes.upstream import BODIES, DONE, HEAD, answer, error, event, last, piece, used

KEY = "sk-averysecretkey"


def _ask(*answers: bytes, pause: float = 0.0) -> tuple[str, Conversation]:
    with answering(*answers, pause=pause) as server:
        conversation = Conversation(server.url, "m")
        return "".join(conversation.ask("hello")), conversation


@pytest.mark.parametrize(
    "body",
    [
        BODIES["ok"],
        answer("200 OK", piece("fit") + piece(" to fly") + last() + used(), kind="text/event-stream"),
        answer("200 OK", piece("fit") + piece(" to fly") + last().rstrip(), kind="text/event-stream"),
        BODIES["comments"],
        BODIES["crlf"],
        BODIES["chunked"],
        BODIES["reasoning"],
        BODIES["usage-text"],
        BODIES["usage-negative"],
        HEAD + piece("fit to fly") + last() + used({}) + event(choices=None) + event(choices=[{"delta": None}]) + DONE,
        HEAD + piece("fit to fly") + event(choices=[{"finish_reason": "stop"}], usage={"prompt_tokens": None}) + DONE,
    ],
)
def test_an_answer_in_any_of_the_shapes_in_use(body: bytes) -> None:
    text, conversation = _ask(body)
    assert text == "fit to fly"
    assert conversation.messages == [{"role": "user", "content": "hello"}, {"role": "assistant", "content": text}]
    assert conversation.stats.tokens in (0, 2)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (answer("200 OK", piece("fit"), kind="text/event-stream"), "the answer was cut"),
        (BODIES["cut-chunked"], "IncompleteRead"),
        (BODIES["done-without-reason"], "the answer was cut"),
        (BODIES["empty-stream"], "the answer was cut"),
        (BODIES["html-as-stream"], "the answer was cut"),
        (BODIES["html"], "it sent text/html, and no stream"),
        (BODIES["error-200"], "CUDA out of memory"),
        (BODIES["error-first"], "engine died"),
        (BODIES["error-then-done"], "engine died"),
        (BODIES["broken-json"], "not in OpenAI's shape"),
        (HEAD + event(choices=7) + DONE, "not in OpenAI's shape"),
        (HEAD + b"data: [1]\n\n", "not in OpenAI's shape"),
        (HEAD + b"data: " + 5000 * b"[" + b"\n\n", "not in OpenAI's shape"),
        (HEAD + b"data: " + (chat_client.MAX_BODY + 1) * b"x", "one event is longer than"),
        (BODIES["no-http"], "BadStatusLine"),
        (BODIES["nothing"], "RemoteDisconnected"),
        (BODIES["status-503"], "status 503: loading"),
        (BODIES["status-502"], "status 502"),
        (BODIES["redirect"], "status 307"),
        (answer("500 Oops", b'{"error": null}'), "status 500"),
        (answer("500 Oops", b'{"error": ["a", "b"]}'), "['a', 'b']"),
    ],
)
def test_what_is_no_answer_is_one_error(body: bytes, part: str) -> None:
    with pytest.raises(ChatFailed) as failed:
        _ask(body)
    assert part in failed.value.text


def test_a_refused_key_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(chat_client.KEY_VARIABLE, KEY)
    refusal = answer("401 Unauthorized", error(f"Incorrect API key provided: {KEY}"))
    with answering(refusal) as server:
        with pytest.raises(ChatFailed) as failed:
            Conversation(server.url)
        assert KEY.encode() in server.requests[0]
    assert "status 401: Incorrect API key provided: ***" in failed.value.text
    assert chat_client.KEY_VARIABLE in failed.value.way_out
    monkeypatch.setenv(chat_client.KEY_VARIABLE, KEY + "\n")
    with pytest.raises(ChatFailed) as failed:
        _ask(BODIES["ok"])
    assert KEY not in failed.value.text


@pytest.mark.parametrize(
    "document",
    [{"data": None}, {}, {"data": []}, {"data": [{"id": "e", "capabilities": ["embeddings"]}]}, {"data": [{"id": ""}]}],
)
def test_a_list_without_a_model_that_chats(document: object) -> None:
    listed = answer("200 OK", json.dumps(document).encode())
    with answering(listed) as server, pytest.raises(ChatFailed, match="no model that chats"):
        Conversation(server.url)


@pytest.mark.parametrize("document", [[], 7, {"data": 7}, {"data": [{"name": "x"}]}, {"data": ["x"]}])
def test_a_list_in_another_shape(document: object) -> None:
    listed = answer("200 OK", json.dumps(document).encode())
    with answering(listed) as server, pytest.raises(ChatFailed, match="not in OpenAI's shape"):
        Conversation(server.url)


@pytest.mark.parametrize(
    "body", [b"HTTP/1.1 200 OK\r\n" + 4000 * b"x", HEAD + 4000 * b": ping\n\n", HEAD + 4000 * b"x"]
)
def test_bytes_that_drip_do_not_hold_it_up(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_client, "SILENCE_S", 0.3)
    began = time.monotonic()
    with pytest.raises(ChatFailed, match="nothing came within 300 ms"):
        _ask(body, pause=0.002)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("http://127.0.0.1:99999", "Port out of range"),
        ("http://127.0.0.1:port", "Port could not be cast"),
        ("http://127.0.0.1:0", "port 0"),
        ("http://[::1", "Invalid IPv6 URL"),
        ("ftp://127.0.0.1", "the scheme is 'ftp'"),
        ("http://", "it names no host"),
        ("http://someone:secret@127.0.0.1", "a user name or a password"),
        ("http://127.0.0.1/a b", "blanks"),
        ("http://127.0.0.1/\r\nX-Other: 1", "blanks"),
        ("http://127.0.0.1?key=x", "more than a host and a path"),
    ],
)
def test_a_url_that_names_no_server_is_an_error_of_usage(url: str, part: str) -> None:
    for use in (Conversation, target):
        with pytest.raises(AddressInvalid) as invalid:
            use(url)
        assert part in invalid.value.text
        assert (invalid.value.exit, "secret" in invalid.value.text) == (Exit.USAGE, False)


@settings(max_examples=60)
@given(st.text(max_size=30) | st.from_regex(r"https?://[\w.:\[\]@/?#-]{0,20}"))
def test_any_text_is_an_address_or_an_error(url: str) -> None:
    try:
        address = parse(url)
    except AddressInvalid:
        return
    assert parse(address.url) == address


@pytest.mark.parametrize(
    "body",
    [
        BODIES["no-http"],
        BODIES["nothing"],
        BODIES["html"],
        BODIES["status-401"],
        answer("200 OK", b"[]"),
        answer("200 OK", b'{"models": null}'),
        answer("200 OK", b'{"models": [7]}'),
        answer("200 OK", b'{"models": ["m"], "inputs": [{"name": "x"}]}'),
        answer("200 OK", b'{"models": ["m"], "inputs": [{"name": "x", "datatype": "FP32", "shape": [99999, 99999]}]}'),
        answer("200 OK", 5000 * b"["),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
    ],
)
def test_a_server_that_can_not_be_measured_is_one_error(body: bytes) -> None:
    with answering(body) as server, pytest.raises(NoSuchService):
        target(server.url)


def test_an_answer_that_is_stopped_stays_in_the_conversation() -> None:
    with answering(HEAD + piece("fit") + 100 * piece(" to")) as server:
        conversation = Conversation(server.url, "m")
        pieces = conversation.ask("hello")
        assert next(pieces) == "fit"
        pieces.close()  # type: ignore[attr-defined]
    assert [message["content"] for message in conversation.messages] == ["hello", "fit"]


def test_a_question_without_an_answer_is_taken_back() -> None:
    with answering(BODIES["status-503"]) as server:
        conversation = Conversation(server.url, "m")
        with pytest.raises(AirworthyError):
            list(conversation.ask("hello"))
    assert conversation.messages == []

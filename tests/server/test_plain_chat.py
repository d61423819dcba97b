"""`/chat` and `/tokenize`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest

import language_models
from server.generating import generating
from server.running import Running


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with generating(tmp_path_factory.mktemp("model")) as started:
        yield started


def test_one_text_in_one_text_out(texts: Running) -> None:
    answer = httpx.post(f"{texts.url}/chat", json={"input_text": "[[say fit to fly 🛫]]"})
    assert (answer.status_code, answer.json()) == (200, {"reply": "fit to fly 🛫"})
    named = httpx.post(f"{texts.url}/chat", json={"input_text": "[[say hi]]", "model": "tiny"})
    assert named.json() == {"reply": "hi"}


def test_the_tokens_of_a_text(texts: Running) -> None:
    answer = httpx.post(f"{texts.url}/tokenize", json={"model": "tiny", "prompt": "one two one"}).json()
    assert (answer["count"], answer["max_model_len"]) == (3, language_models.CONTEXT)
    first, second, third = answer["tokens"]
    assert first == third != second


@pytest.mark.parametrize(
    ("path", "body", "status", "part"),
    [
        ("/chat", {"input_text": ""}, 400, "`input_text`"),
        ("/chat", {"input_text": "x", "odd": 1}, 400, "`odd`"),
        ("/chat", {"input_text": "[[fail]]"}, 500, "asked to fail"),
        ("/chat", {"input_text": "x", "model": "other"}, 404, "'other'"),
        ("/chat", {"input_text": "w " * 512}, 400, "513 tokens"),
        ("/tokenize", {"prompt": "x", "add_special_tokens": True}, 400, "`add_special_tokens`"),
        ("/tokenize", {"prompt": "x", "return_token_strs": True}, 400, "`return_token_strs`"),
        ("/tokenize", {"messages": []}, 400, "`messages`"),
    ],
)
def test_what_can_not_be_done_is_refused(texts: Running, path: str, body: Any, status: int, part: str) -> None:
    answer = httpx.post(texts.url + path, json=body)
    assert answer.status_code == status
    assert part in answer.json()["error"]


def test_no_language_model_is_served(service: Running) -> None:
    answer = httpx.post(f"{service.url}/chat", json={"input_text": "x"})
    assert (answer.status_code, "`model`" in answer.json()["error"]) == (400, True)


def test_answers_are_what_is_described(texts: Running) -> None:
    document = httpx.get(f"{texts.url}/openapi.json").json()
    for path, body in {"/chat": {"input_text": "hello"}, "/tokenize": {"prompt": "hello"}}.items():
        schema = document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        answer = httpx.post(texts.url + path, json=body)
        jsonschema.validate(answer.json(), {"components": document["components"], **schema})

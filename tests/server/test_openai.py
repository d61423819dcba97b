"""OpenAI's own client, and requests as it would never send them."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest

import models
from server.running import Running, running, standing_still, wait_inside


@pytest.fixture
def client(service: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def expected(*words: int) -> np.ndarray:
    """What the text model gives for the words `w<number>`."""
    return models.text_table()[list(words)].mean(axis=0)


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert {model.id for model in client.models.list()} >= {"words", "digits"}
    assert client.models.retrieve("words").id == "words"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nobody")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_embeddings_are_the_models(client: openai.OpenAI, encoding: str | None) -> None:
    more = {"encoding_format": encoding} if encoding else {}
    texts = ["w1 w2 w3", "w4", "w5 w6 w7 w8 w9"]
    answer = client.embeddings.create(model="words", input=texts, **more)
    assert [each.index for each in answer.data] == [0, 1, 2]
    for each, words in zip(answer.data, [(1, 2, 3), (4,), (5, 6, 7, 8, 9)], strict=True):
        vector = each.embedding
        if isinstance(vector, str):
            vector = np.frombuffer(base64.b64decode(vector), np.float32)
        np.testing.assert_allclose(vector, expected(*words), rtol=1e-5)
    assert answer.usage.prompt_tokens == 9


def test_token_ids_are_taken_as_they_are(client: openai.OpenAI) -> None:
    one = client.embeddings.create(model="words", input=[7, 8])
    np.testing.assert_allclose(one.data[0].embedding, expected(7, 8), rtol=1e-5)
    two = client.embeddings.create(model="words", input=[[7], [8, 9]])
    assert len(two.data) == 2
    np.testing.assert_allclose(two.data[1].embedding, expected(8, 9), rtol=1e-5)


@pytest.mark.parametrize(
    ("body", "status", "code", "part"),
    [
        ({"model": "words", "input": ""}, 400, "invalid_request", "empty text"),
        ({"model": "words", "input": []}, 400, "invalid_request", "1 to 2048 texts"),
        ({"model": "words", "input": ["w1", 5]}, 400, "invalid_request", "not both"),
        ({"model": "words", "input": [[100]]}, 400, "invalid_request", "outside 0"),
        ({"model": "words", "input": [-1]}, 400, "invalid_request", "outside 0"),
        ({"model": "words", "input": [[]]}, 400, "invalid_request", "empty"),
        ({"model": "words", "input": {"a": 1}}, 400, "invalid_request", "$.input"),
        ({"model": "words"}, 400, "invalid_request", "input"),
        ({"model": "words", "input": "w1 " * 33}, 400, "context_length_exceeded", "33 tokens and the model takes 32"),
        ({"model": "words", "input": "w1", "dimensions": 2}, 400, "invalid_request", "4 dimensions"),
        ({"model": "words", "input": "w1", "encoding_format": "hex"}, 400, "invalid_request", "encoding_format"),
        ({"model": "nobody", "input": "w1"}, 404, "model_not_found", "nobody"),
        ({"model": "digits", "input": "w1"}, 400, "task_mismatch", "/v2/models/digits/infer"),
        ([], 400, "invalid_request", "object"),
    ],
)
def test_what_is_wrong_is_said_in_openais_shape(
    service: Running, body: object, status: int, code: str, part: str
) -> None:
    answer = httpx.post(f"{service.url}/v1/embeddings", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), error
    assert part in error["message"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "Traceback" not in answer.text


def test_the_wrong_method_and_path_are_said_in_openais_shape(service: Running) -> None:
    answer = httpx.get(f"{service.url}/v1/embeddings")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"]["code"] == "method_not_allowed"
    answer = httpx.post(f"{service.url}/v1/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vectors_are_cut_where_the_model_was_trained_for_it(service: Running, encoding: str) -> None:
    def ask(**more: object) -> httpx.Response:
        body = {"model": "nested", "input": "w1 w2", "encoding_format": encoding, **more}
        return httpx.post(f"{service.url}/v1/embeddings", json=body)

    def vector(answer: httpx.Response) -> np.ndarray:
        told = answer.json()["data"][0]["embedding"]
        return np.frombuffer(base64.b64decode(told), np.float32) if encoding == "base64" else np.array(told)

    # The whole vector is not of length 1, so what is cut from it isn't either.
    np.testing.assert_allclose(vector(ask(dimensions=2)), expected(1, 2)[:2], rtol=1e-5)
    np.testing.assert_allclose(vector(ask(dimensions=4)), expected(1, 2), rtol=1e-5)
    for wrong in (0, 5, -1):
        answer = ask(dimensions=wrong)
        assert (answer.status_code, "have 1 to 4" in answer.json()["error"]["message"]) == (400, True), answer.text


def test_many_inputs_are_let_in_together_or_not_at_all(files: Path) -> None:
    def ask(count: int) -> httpx.Response:
        body = {"model": "words", "input": [f"w{number % 20 + 1}" for number in range(count)]}
        return httpx.post(f"{service.url}/v1/embeddings", json=body, timeout=30)

    env = {"AIRWORTHY_SERVE_BATCHING_MAX_QUEUE": "100", "AIRWORTHY_SERVE_BATCHING_SEARCH": "false"}
    with running("serve", files / "words", env=env) as service:
        with ThreadPoolExecutor(2) as pool, standing_still(service, "words"):
            inside = [pool.submit(ask, 1)]
            wait_inside(service, "words", 1)
            inside.append(pool.submit(ask, 50))
            wait_inside(service, "words", 51)
            refused = ask(2048)
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "overloaded"
            assert int(refused.headers["retry-after"]) >= 1
            state = service.health()["models"]["words"]
            assert state["waiting"] + state["running"] == 51, "none of them took a place"
            os.kill(service.worker("words"), signal.SIGCONT)
            assert [each.result(20).status_code for each in inside] == [200, 200]
        whole = ask(2048)
        assert whole.status_code == 200, "an idle model takes it"
        assert len(whole.json()["data"]) == 2048
        assert service.stop() == 0

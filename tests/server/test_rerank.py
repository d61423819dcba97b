"""Reranking as Jina's and Cohere's clients ask for it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from models import pair_score
from server.running import Running

QUERY = "w1 w2"
DOCUMENTS = ["w3", "w90 w80", "w40", "w3"]
SCORES = [pair_score([1, 2], words) for words in ([3], [90, 80], [40], [3])]


def ask(service: Running, path: str = "/v1/rerank", **changes: Any) -> httpx.Response:
    body = {"model": "pairs", "query": QUERY, "documents": DOCUMENTS, **changes}
    return httpx.post(service.url + path, json={name: value for name, value in body.items() if value is not ...})


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank", "/rerank"])
def test_documents_come_in_the_order_of_their_scores(service: Running, path: str) -> None:
    answer = ask(service, path)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert [result["index"] for result in document["results"]] == [1, 2, 0, 3], "equal ones keep their order"
    for result in document["results"]:
        assert result["relevance_score"] == pytest.approx(SCORES[result["index"]], rel=1e-5)
        told = result.get("document")
        assert told == (None if path == "/v2/rerank" else {"text": DOCUMENTS[result["index"]]})
    assert document["model"] == "pairs"
    # Two words of the query and the separator in each pair, and the documents' words.
    assert document["usage"]["total_tokens"] == 4 * 3 + 5


def test_top_n_and_documents_as_objects(service: Running) -> None:
    objects = [{"text": text, "title": "passed over"} for text in DOCUMENTS]
    results = ask(service, documents=objects, top_n=1, return_documents=True).json()["results"]
    assert [(result["index"], result["document"]["text"]) for result in results] == [(1, "w90 w80")]
    assert len(ask(service, top_n=99).json()["results"]) == 4
    assert "document" not in ask(service, return_documents=False).json()["results"][0]


def test_long_documents_are_cut_only_where_that_is_asked_for(service: Running) -> None:
    long = " ".join(["w9"] * 100)
    answer = ask(service, documents=[long])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
    answer = ask(service, documents=[long], truncate=True)
    assert answer.json()["usage"]["total_tokens"] == 32
    assert answer.json()["results"][0]["relevance_score"] == pytest.approx(pair_score([1, 2], [9] * 29), rel=1e-5)
    answer = ask(service, documents=[long], max_tokens_per_doc=5)
    assert answer.json()["usage"]["total_tokens"] == 8
    answer = ask(service, query=long, documents=["w1"], truncate=True)
    assert answer.json()["error"]["code"] == "context_length_exceeded", "the query is never cut"


def test_many_documents_share_batches(service: Running) -> None:
    documents = [f"w{n % 99 + 1}" for n in range(1000)]
    answer = ask(service, documents=documents, top_n=1000)
    for result in answer.json()["results"]:
        number = int(documents[result["index"]][1:])
        assert result["relevance_score"] == pytest.approx(pair_score([1, 2], [number]), rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "status", "code", "part"),
    [
        ({"documents": []}, 400, "invalid_request", "1 to 1000"),
        ({"documents": ["w1"] * 1001}, 400, "invalid_request", "1 to 1000"),
        ({"documents": "w1"}, 400, "invalid_request", "$.documents"),
        ({"documents": [3]}, 400, "invalid_request", "$.documents[0]"),
        ({"query": ""}, 400, "invalid_request", "`query` is empty"),
        ({"query": ...}, 400, "invalid_request", "query"),
        ({"top_n": 0}, 400, "invalid_request", "top_n"),
        ({"model": "nobody"}, 404, "model_not_found", "nobody"),
        ({"model": "words"}, 400, "task_mismatch", "/v1/embeddings"),
        ({"model": "digits"}, 400, "task_mismatch", "/v2/models/digits/infer"),
    ],
)
def test_what_is_wrong_is_said_in_openais_shape(
    service: Running, changes: dict[str, Any], status: int, code: str, part: str
) -> None:
    answer = ask(service, "/v2/rerank", **changes)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), error
    assert part in error["message"]
    assert set(error) == {"message", "type", "param", "code"}


def test_a_reranker_makes_no_embeddings(service: Running) -> None:
    answer = httpx.post(f"{service.url}/v1/embeddings", json={"model": "pairs", "input": "w1"})
    assert (answer.status_code, "/v1/rerank" in answer.json()["error"]["message"]) == (400, True)

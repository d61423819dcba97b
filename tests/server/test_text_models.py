"""Models of texts as their folders describe them: sentence-transformers' modules, classifiers, truncation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from server.running import Running, running
from text_models import class_logits, classifier_folder, sentence_folder, vectors

PROMPTS = {"prompts": {"query": "w1 ", "passage": "w2 w3 "}, "default_prompt_name": "query"}
LABELS = ["sad", "glad", "flat"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("texts")
    folders = [
        sentence_folder(root / "sentences", {"pooling_mode": "mean"}, "Normalize", prompts=PROMPTS),
        sentence_folder(root / "tokens", None),
        classifier_folder(root / "moods", LABELS),
        classifier_folder(root / "topics", LABELS, problem_type="multi_label_classification"),
    ]
    with running("serve", *folders) as started:
        yield started


def unit(words: list[int]) -> np.ndarray:
    mean = vectors(words).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def post(service: Running, path: str, **body: Any) -> Any:
    answer = httpx.post(service.url + path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def embedded(service: Running, **body: Any) -> tuple[list[float], int]:
    document = post(service, "/v1/embeddings", model="sentences", **body)
    return document["data"][0]["embedding"], document["usage"]["prompt_tokens"]


def test_vectors_begin_with_the_models_own_prompt(service: Running) -> None:
    np.testing.assert_allclose(embedded(service, input="W5 w6")[0], unit([1, 5, 6]), rtol=1e-5)
    other = embedded(service, input="w5 w6", prompt_name="passage")[0]
    np.testing.assert_allclose(other, unit([2, 3, 5, 6]), rtol=1e-5)
    answer = httpx.post(
        f"{service.url}/v1/embeddings", json={"model": "sentences", "input": "w5", "prompt_name": "poem"}
    )
    assert (answer.status_code, "query" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("asked", "words", "count"),
    [
        ({"truncate": True}, [1, *range(20, 35)], 16),
        ({"truncate": "END"}, [1, *range(20, 35)], 16),
        ({"truncate": "START"}, list(range(24, 40)), 16),
        ({"truncate_prompt_tokens": -1}, [1, *range(20, 35)], 16),
        ({"truncate_prompt_tokens": 3}, [1, 20, 21], 3),
        ({"truncate_prompt_tokens": 99}, [1, *range(20, 35)], 16),
    ],
)
def test_texts_are_cut_where_the_request_asks_for_it(
    service: Running, asked: dict[str, Any], words: list[int], count: int
) -> None:
    long = " ".join(f"w{number}" for number in range(20, 40))
    vector, tokens = embedded(service, input=long, **asked)
    assert tokens == count
    np.testing.assert_allclose(vector, unit(words), rtol=1e-5)


@pytest.mark.parametrize("asked", [{}, {"truncate": False}, {"truncate": "NONE"}])
def test_they_are_refused_otherwise(service: Running, asked: dict[str, Any]) -> None:
    answer = httpx.post(f"{service.url}/v1/embeddings", json={"model": "sentences", "input": "w9 " * 40, **asked})
    assert answer.json()["error"]["code"] == "context_length_exceeded"


def test_token_ids_are_cut_too(service: Running) -> None:
    vector, tokens = embedded(service, input=list(range(20, 50)), truncate="START")
    assert tokens == 16
    np.testing.assert_allclose(vector, unit(list(range(34, 50))), rtol=1e-5)


def test_ollama_cuts_unless_it_is_told_not_to(service: Running) -> None:
    document = post(service, "/api/embed", model="sentences", input="w9 " * 40)
    assert document["prompt_eval_count"] == 16
    answer = httpx.post(f"{service.url}/api/embed", json={"model": "sentences", "input": "w9 " * 40, "truncate": False})
    assert answer.status_code == 400


def test_the_dialect_of_tei(service: Running) -> None:
    (vector,) = post(service, "/embed", inputs="w5")
    np.testing.assert_allclose(vector, unit([1, 5]), rtol=1e-5)
    two = post(service, "/embed", inputs=["w5", "w9 " * 40], truncate=True, prompt_name="query")
    assert len(two) == 2
    wrong = httpx.post(f"{service.url}/embed", json={"inputs": "w9 " * 40})
    assert (wrong.status_code, wrong.json()["error_type"]) == (400, "validation")


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())


def test_classes_of_a_text_come_with_their_names_the_likeliest_first(service: Running) -> None:
    found = post(service, "/predict", model="moods", inputs="w50 w70")
    scores = softmax(class_logits([50, 70]))
    assert [each["label"] for each in found] == ["sad", "flat", "glad"]
    for each in found:
        assert each["score"] == pytest.approx(scores[LABELS.index(each["label"])], rel=1e-5)
    assert [each["score"] for each in found] == sorted((each["score"] for each in found), reverse=True)
    raw = post(service, "/predict", model="moods", inputs="w50 w70", raw_scores=True)
    assert {each["label"]: pytest.approx(each["score"]) for each in raw} == dict(
        zip(LABELS, class_logits([50, 70]), strict=True)
    )


def test_a_text_may_have_several_classes(service: Running) -> None:
    found = {each["label"]: each["score"] for each in post(service, "/predict", model="topics", inputs="w50")}
    assert found["sad"] == pytest.approx(1 / (1 + np.exp(-5.0)))
    assert found["flat"] == pytest.approx(1 / (1 + np.exp(-1.0)))


def test_pairs_and_lists_of_texts(service: Running) -> None:
    pair = post(service, "/predict", model="moods", inputs=["w50", "w70"])
    assert pair == post(service, "/predict", model="moods", inputs="w50 w70")
    several = post(service, "/predict", model="moods", inputs=[["w50", "w70"], ["w9"], "w9"])
    assert several[0] == pair
    assert several[1] == several[2]


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"model": "moods", "inputs": 5}, "a text"),
        ({"model": "moods", "inputs": []}, "1 to 2048"),
        ({"model": "moods", "inputs": ""}, "empty text"),
        ({"model": "moods", "inputs": [["a", "b", "c"]]}, "a pair"),
        ({"model": "moods", "inputs": "w9 " * 40}, "40 tokens"),
        ({"model": "sentences", "inputs": "w1"}, "/v1/embeddings"),
        ({"inputs": "w1"}, "moods"),
        ({"model": "tokens", "inputs": "w1"}, "--pooling mean"),
    ],
)
def test_what_is_wrong_is_said(service: Running, body: dict[str, Any], part: str) -> None:
    answer = httpx.post(f"{service.url}/predict", json=body)
    assert answer.status_code == 400
    assert part in answer.json()["error"]


def test_the_setting_pools_what_nothing_describes(tmp_path: Path) -> None:
    with running("up", sentence_folder(tmp_path / "tokens", None), "--pooling", "cls") as service:
        document = post(service, "/v1/embeddings", model="tokens", input="w5 w6")
        np.testing.assert_allclose(
            document["data"][0]["embedding"], vectors([5])[0] / np.linalg.norm(vectors([5])[0]), rtol=1e-5
        )
        assert any("onnx/model.onnx" in line for line in service.log)

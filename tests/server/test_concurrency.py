"""Many callers at once: everyone gets the answer to their own question, and the accuracy is the model's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import onnxruntime
from sklearn.datasets import load_digits

from server.running import Running, infer_body

CLIENTS = 64


def test_accuracy_over_http_is_accuracy_in_process(service: Running, files: Path) -> None:
    rows, labels = load_digits(return_X_y=True)
    rows, labels = rows[500:].astype(np.float32), labels[500:]
    session = onnxruntime.InferenceSession(files / "digits.onnx")
    (spec,) = session.get_inputs()
    in_process, probabilities = session.run(None, {spec.name: rows})
    path = f"{service.url}/v2/models/digits/infer"
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    client = httpx.Client(timeout=30, limits=limits)

    def ask(row: np.ndarray) -> tuple[int, list[float]]:
        answer = client.post(path, content=infer_body(spec.name, "FP32", [row.tolist()]))
        assert answer.status_code == 200, answer.text
        outputs = {output["name"]: output["data"] for output in answer.json()["outputs"]}
        label, scores = outputs.values()
        return label[0], scores

    with client, ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(ask, rows))
    served = np.array([label for label, _ in answers])
    # The scores tell rows apart that share a label: a swapped answer can't hide.
    np.testing.assert_allclose(np.array([scores for _, scores in answers]), probabilities, atol=1e-5)
    np.testing.assert_array_equal(served, in_process)
    accuracy = (served == labels).mean()
    assert accuracy == (in_process == labels).mean()
    assert accuracy > 0.8


def test_texts_of_many_lengths_get_their_own_vectors(service: Running) -> None:
    import models

    table = models.text_table()
    generator = np.random.default_rng(3)
    texts = [generator.integers(1, models.VOCABULARY, size=generator.integers(1, 30)) for _ in range(300)]

    def ask(words: np.ndarray) -> list[float]:
        body = {"model": "words", "input": " ".join(f"w{word}" for word in words), "encoding_format": "float"}
        answer = httpx.post(f"{service.url}/v1/embeddings", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        vector: list[float] = answer.json()["data"][0]["embedding"]
        return vector

    with ThreadPoolExecutor(16) as pool:
        vectors = list(pool.map(ask, texts))
    wanted = np.array([table[words].mean(axis=0) for words in texts])
    np.testing.assert_allclose(np.array(vectors), wanted, rtol=1e-4, atol=1e-5)

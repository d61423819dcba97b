"""Pooling that is appended to a graph gives what sentence-transformers' formulas give, and is proven by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airworthy.artifacts.identify import inspect
from airworthy.core.sentence import POOLING_MODES
from airworthy.engines.interface import RunnerOptions
from airworthy.engines.onnxruntime import ENGINE
from airworthy.serve.models.joining import is_batchable
from airworthy.serve.workers.graph_proof import prove
from airworthy.serve.workers.row_checks import PaddedTexts
from text_models import dense_weights, sentence_folder, vectors

TEXTS = ([5], [7, 3, 99, 1], [2, 2])


def pooled(mode: str, rows: np.ndarray) -> np.ndarray:
    """One text's vectors by the formulas of `sentence_transformers.models.Pooling`."""
    places = np.arange(1, len(rows) + 1)[:, None]
    found: dict[str, Any] = {
        "cls": rows[0],
        "max": rows.max(axis=0),
        "mean": rows.mean(axis=0),
        "mean_sqrt_len_tokens": rows.sum(axis=0) / np.sqrt(len(rows)),
        "weightedmean": (rows * places).sum(axis=0) / places.sum(),
        "lasttoken": rows[-1],
    }
    return np.asarray(found[mode])


def batch() -> dict[str, np.ndarray]:
    """The texts, padded at their end."""
    longest = max(map(len, TEXTS))
    ids = np.array([[*text, *[9] * (longest - len(text))] for text in TEXTS])
    mask = np.array([[1] * len(text) + [0] * (longest - len(text)) for text in TEXTS])
    return {"input_ids": ids, "attention_mask": mask}


def run(folder: Path) -> np.ndarray:
    runner = ENGINE.load(inspect(folder).model, RunnerOptions())
    try:
        return np.asarray(runner.run(batch())["sentence_embedding"])
    finally:
        runner.close()


@pytest.mark.parametrize("opset", [12, 13, 18])
@pytest.mark.parametrize("mode", POOLING_MODES)
def test_each_way_to_pool(mode: str, opset: int, tmp_path: Path) -> None:
    folder = sentence_folder(tmp_path / "m", {"pooling_mode": mode}, opset=opset)
    np.testing.assert_allclose(run(folder), [pooled(mode, vectors(text)) for text in TEXTS], rtol=1e-5, atol=1e-6)


def test_several_ways_a_dense_layer_and_length_1(tmp_path: Path) -> None:
    folder = sentence_folder(tmp_path / "a", {"pooling_mode": ["cls", "mean"]}, "Normalize")
    joined = np.array([np.concatenate([pooled("cls", v), pooled("mean", v)]) for v in map(vectors, TEXTS)])
    np.testing.assert_allclose(run(folder), joined / np.linalg.norm(joined, axis=1, keepdims=True), rtol=1e-5)
    folder = sentence_folder(tmp_path / "b", {"pooling_mode": "mean"}, "Dense", "Normalize")
    weight, bias = dense_weights()
    made = np.tanh(np.array([pooled("mean", vectors(text)) for text in TEXTS]) @ weight.T + bias)
    np.testing.assert_allclose(run(folder), made / np.linalg.norm(made, axis=1, keepdims=True), rtol=1e-5)


def test_the_batch_has_one_name_in_all_of_the_graph(tmp_path: Path) -> None:
    runner = ENGINE.load(inspect(sentence_folder(tmp_path / "m", {"pooling_mode": "mean"})).model, RunnerOptions())
    assert is_batchable(runner.inputs, runner.outputs)
    runner.close()


@pytest.mark.parametrize("mode", POOLING_MODES)
def test_texts_may_share_a_run_where_the_graph_proves_it(mode: str, tmp_path: Path) -> None:
    model = inspect(sentence_folder(tmp_path / "m", {"pooling_mode": mode}, "Normalize")).model
    texts = PaddedTexts({"input_ids": 0, "attention_mask": 0}, "sentence_embedding", 100)
    proof = prove(model, "onnxruntime", texts)
    assert proof.rows.holds
    assert proof.padding.state != "dependent"

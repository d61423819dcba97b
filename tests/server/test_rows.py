"""Graphs whose rows are apart, and graphs whose rows are not, through a real worker with many callers at once."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import onnxruntime
import pytest

from airworthy.serve.models.joining import Joining, JoiningRules
from random_graphs import draw, runs
from row_answers import compare
from row_graphs import FAMILY, RANDOM, RowGraph
from server.running import Running, infer_body, running

BY_NAME = {graph.name: graph for graph in FAMILY}
QUICK = ("centred-over-rows", "parts-above-16", "dynamic-int8", "sequence", "sequence-mean", "mlp", "own-number")
"""Graphs of all kinds, for every run of the tests; the others take their turn in the slow ones."""
CONSERVATIVE = ("tiled-rows",)
"""Independent, and not seen to be."""


def _check(graph: RowGraph, tmp_path: Path, answers: int) -> None:
    compared = compare(graph.save(tmp_path / "model.onnx"), graph, answers)
    assert compared.wrong == ()
    assert compared.answers == answers
    assert compared.joining.rows == (graph.is_independent and graph.name not in CONSERVATIVE), compared.joining.text
    if compared.joining.rows:
        assert compared.runs < answers / 2, "independent rows must not lose their company"
    else:
        assert compared.runs == answers


@pytest.mark.parametrize("name", QUICK)
def test_answers_are_the_runtimes_own(name: str, tmp_path: Path) -> None:
    _check(BY_NAME[name], tmp_path, 200)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - set(QUICK)))
def test_answers_are_the_runtimes_own_for_all_others(name: str, tmp_path: Path) -> None:
    _check(BY_NAME[name], tmp_path, 300)


@pytest.mark.slow
def test_answers_of_random_graphs_are_the_runtimes_own(tmp_path: Path) -> None:
    answers = 0
    for seed in range(50_000, 50_030):
        graph = draw(seed)
        path = graph.save(tmp_path / "model.onnx")
        if runs(path, graph):
            compared = compare(path, graph, 100, seed)
            assert compared.wrong == (), seed
            answers += compared.answers
    assert answers >= 2000


def test_the_comparison_would_see_a_wrong_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JoiningRules, "_decision", lambda *_: Joining(rows=True, padding=True, repeats=True))
    graph = BY_NAME["centred-over-rows"]
    compared = compare(graph.save(tmp_path / "model.onnx"), graph, 200)
    assert len(compared.wrong) > 50


def test_a_setting_forbids_it(tmp_path: Path) -> None:
    graph = BY_NAME["mlp"]
    compared = compare(graph.save(tmp_path / "model.onnx"), graph, 100, join=False)
    assert (compared.joining.rows, compared.wrong, compared.runs) == (False, (), 100)


def test_a_request_keeps_its_own_rows_together(tmp_path: Path) -> None:
    """Rows that a caller sends as one batch are that caller's to mix."""
    graph = BY_NAME["centred-over-rows"]
    path = graph.save(tmp_path / "centred.onnx")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    rows = graph.rows(np.random.default_rng(4), 5)
    (own,) = session.run(None, {"x": rows})
    with running("up", path) as service:
        answer = httpx.post(f"{service.url}/v2/models/centred/infer", content=infer_body("x", "FP32", rows.tolist()))
        (output,) = answer.json()["outputs"]
    np.testing.assert_allclose(np.array(output["data"]).reshape(output["shape"]), own, rtol=1e-5, atol=1e-6)


def test_the_decision_is_told_wherever_it_is_looked_for(tmp_path: Path) -> None:
    mlp = BY_NAME["mlp"].save(tmp_path / "mlp.onnx")
    gram = BY_NAME["gram"].save(tmp_path / "gram.onnx")
    no = "no, because MatMul (n1) combines rows with each other"
    with running("serve", mlp, gram) as service:
        printed = "".join(service.log)
        assert re.search(r"batches\s+rows: yes\n", printed)
        assert re.search(rf"batches\s+rows: {re.escape(no)}\n", printed)
        config = httpx.get(f"{service.url}/v2/models/gram/versions/1/config").json()
        assert (config["batches_rows"], config["max_batch_size"], config["keeps_answers"]) == (no, 0, "yes")
        config = httpx.get(f"{service.url}/v2/models/mlp/config").json()
        assert (config["batches_rows"], config["max_batch_size"]) == ("yes", 32)
        assert config["input"] == [{"name": "x", "data_type": "TYPE_FP32", "dims": [6]}]
        assert httpx.get(service.url).json()["batches_rows"] == {"mlp": "yes", "gram": no}
        assert service.health()["models"]["gram"]["batches_rows"] == no


def test_models_of_the_other_tests_are_batched(service: Running) -> None:
    told = httpx.get(service.url).json()["batches_rows"]
    fixed = "no, because its inputs and outputs do not share a first axis of any size"
    assert told.pop("simple") == fixed
    assert set(told.values()) == {"yes"}, told


def test_random_numbers_are_never_answered_from_the_cache(tmp_path: Path) -> None:
    path = RANDOM.save(tmp_path / "random.onnx")
    body = infer_body("x", "FP32", [[0.0] * 6])
    # One thread: a runner with several lanes has two sessions, which draw the same numbers.
    with running("up", path, "--threads", "1", env={"AIRWORTHY_SERVE_CACHE_BYTES": "1000000"}) as service:

        def ask(_: int) -> tuple[float, ...]:
            answer = httpx.post(f"{service.url}/v2/models/random/infer", content=body, timeout=20)
            return tuple(answer.json()["outputs"][0]["data"])

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(40)))
        assert len(set(answers)) == 40
        config = httpx.get(f"{service.url}/v2/models/random/config").json()
        assert config["keeps_answers"] == "no, because RandomNormalLike (n0) gives random numbers"

"""Models against others on real rows: equal, worse, unlike, crashed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import models
from airworthy.cli.main import main
from airworthy.core.errors import AirworthyError, UnknownName
from airworthy.engines import comparison
from airworthy.flows import model_comparison
from airworthy.flows.gate import InterfacesDiffer, gate
from airworthy.flows.gate_data import DataUnfit, read_data
from airworthy.flows.model_comparison import ComparisonFailed
from airworthy.optimize.metrics import MetricUnfit


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate")
    models.digits(folder / "digits.onnx")
    classifier, rows = models.digits_classifier()
    rows = np.asarray(rows, np.float32)
    np.savez(folder / "rows.npz", X=rows, labels=classifier.predict(rows))
    _rounded(folder / "digits.onnx", folder / "coarse.onnx")
    models.linear(folder / "linear.onnx")
    return folder


def _rounded(source: Path, target: Path) -> None:
    """The same model with weights so coarse that it answers badly."""
    import onnx

    model = onnx.load(str(source))
    for node in model.graph.node:
        for each in node.attribute:
            if each.name == "coefficients":
                each.floats[:] = [float(value > 0) for value in each.floats]
    onnx.save(model, str(target))


def test_a_model_passes_against_itself(place: Path) -> None:
    model = place / "digits.onnx"
    answer = gate(model, model, data=place / "rows.npz", max_slowdown=1.0, seconds=5).answer
    assert answer.verdict == "passed"
    assert answer.quality.difference == 0
    assert answer.agreement == 1.0
    assert answer.speed is not None
    assert answer.speed.pairs >= 30
    assert answer.digests[0] == answer.digests[1]


def test_a_worse_model_fails_with_status_1(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(place / name) for name in ("digits.onnx", "coarse.onnx")]
    options = ["--data", str(place / "rows.npz"), "--max-slowdown", "none"]
    assert main(["gate", *arguments, *options]) == 1
    assert "failed" in capsys.readouterr().out
    assert main(["gate", *arguments, *options, "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "failed"
    assert document["quality"]["high"] < -document["quality"]["margin"]


def test_few_rows_are_not_enough_with_status_4(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(place / "rows.npz") as stored:
        np.savez(tmp_path / "few.npz", X=stored["X"][:20], y=stored["labels"][:20])
    model = str(place / "digits.onnx")
    assert main(["gate", model, model, "--data", str(tmp_path / "few.npz"), "--max-slowdown", "none"]) == 4
    assert "about 268 would" in capsys.readouterr().out


def test_models_with_other_inputs_are_refused(place: Path) -> None:
    with pytest.raises(InterfacesDiffer):
        gate(place / "digits.onnx", models.text(place / "text.onnx"), data=place / "rows.npz")


def test_a_metric_must_suit_the_output(place: Path) -> None:
    model = place / "digits.onnx"
    with pytest.raises(MetricUnfit):
        gate(model, model, data=place / "rows.npz", metric="top5", output="label", max_slowdown=None)
    with pytest.raises(UnknownName):
        gate(model, model, data=place / "rows.npz", metric="acuracy")


def test_a_process_that_dies_is_one_clear_error(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        model_comparison, "BOOT", "import os, sys; sys.stdin.readline(); sys.stderr.write('boom\\n'); os._exit(9)"
    )
    with pytest.raises(ComparisonFailed, match="status 9: boom"):
        gate(place / "digits.onnx", place / "digits.onnx", data=place / "rows.npz")


def test_a_process_that_says_nothing_is_ended(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_comparison, "BOOT", "import time; time.sleep(600)")
    monkeypatch.setattr(model_comparison, "PATIENCE", 0.2)
    with pytest.raises(ComparisonFailed, match="said nothing"):
        gate(place / "digits.onnx", place / "digits.onnx", data=place / "rows.npz")


def test_rows_that_a_model_refuses_are_one_clear_error(place: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "wide.npz", X=np.zeros((4, 65), np.float32), labels=np.zeros(4))
    with pytest.raises(ComparisonFailed, match="shape"):
        gate(place / "digits.onnx", place / "digits.onnx", data=tmp_path / "wide.npz", max_slowdown=None)


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"labels": [1, 2]}, "input 'X' is missing"),
        ({"X": [[1.0], [2.0]]}, "right answers"),
        ({"X": [[1.0], [2.0]], "labels": [1]}, "as many rows"),
        ({"X": [[1.0], [float("nan")]], "labels": [1, 2]}, "NaN"),
        ({"X": [["a"], ["b"]], "labels": [1, 2]}, "the model takes float32"),
        ({"X": [[1.0]], "labels": [1]}, "as many rows"),
    ],
)
def test_data_that_does_not_suit(place: Path, tmp_path: Path, arrays: dict[str, list[object]], problem: str) -> None:
    from airworthy.artifacts.identify import inspect

    np.savez(tmp_path / "bad.npz", **{name: np.array(values) for name, values in arrays.items()})
    with pytest.raises(DataUnfit, match=problem):
        read_data(tmp_path / "bad.npz", inspect(place / "digits.onnx").model.inputs)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x80\x04K\x01.", bytes(200)])
def test_files_that_are_no_data(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(AirworthyError):
        read_data(tmp_path / "bad.npz", ())


def test_pairs_are_run_forwards_and_backwards() -> None:
    ran: list[int] = []

    class Runner:
        def __init__(self, number: int) -> None:
            self.number = number

        def run(self, batch: object) -> object:
            ran.append(self.number)
            return {}

    runners = [Runner(0), Runner(1)]
    comparison._timed(runners, {}, backwards=False)
    seconds = comparison._timed(runners, {}, backwards=True)
    assert ran == [0, 1, 1, 0]
    assert len(seconds) == 2

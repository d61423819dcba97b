"""Models made smaller with ONNX Runtime's own quantiser, and what stays untouched."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

import models
from airworthy.cli.main import main
from airworthy.core.errors import ExtraMissing
from airworthy.flows import optimise as flow
from airworthy.flows.files import OutputExists
from airworthy.flows.optimise import NothingToOptimise, TooFewRows, optimise
from airworthy.knowledge.recipes import recipes

NAMES = {"dynamic-int8", "static-int8-minmax"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of two layers whose rows it answers rightly, and a classifier without layers."""
    folder = tmp_path_factory.mktemp("optimise")
    random = np.random.default_rng(0)
    first, second = (random.normal(size=shape).astype(np.float32) for shape in ((64, 256), (256, 10)))
    rows = random.normal(size=(400, 64)).astype(np.float32)
    models.save_graph(
        folder / "net.onnx",
        [
            helper.make_node("MatMul", ["x", "first"], ["hidden"]),
            helper.make_node("Relu", ["hidden"], ["active"]),
            helper.make_node("MatMul", ["active", "second"], ["y"]),
        ],
        [("x", models.FLOAT, ["batch", 64])],
        [("y", models.FLOAT, ["batch", 10])],
        {"first": first, "second": second},
    )
    np.savez(folder / "rows.npz", x=rows, labels=(np.maximum(rows @ first, 0) @ second).argmax(axis=1))
    models.digits(folder / "digits.onnx")
    return folder


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "recipes", lambda *given: tuple(r for r in recipes(*given) if r.name in NAMES))


def test_the_chosen_one_is_proven_and_written(place: Path, tmp_path: Path) -> None:
    original = (place / "net.onnx").read_bytes()
    target = tmp_path / "small.onnx"
    data = place / "rows.npz"
    answer = optimise(place / "net.onnx", data=data, prefer="size", tier=0.8, seconds=0.3, write=target, seed=1).answer
    assert {each.name for each in answer.candidates} == NAMES
    assert all(not each.problem for each in answer.candidates)
    assert answer.verdict == "passed"
    assert answer.rows.calibration + answer.rows.selection + answer.rows.final == 400
    assert target.stat().st_size < len(original) / 2
    assert answer.gate is not None
    assert answer.gate.quality.rows == answer.rows.final
    assert (place / "net.onnx").read_bytes() == original
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.onnx"]
    with pytest.raises(OutputExists):
        optimise(place / "net.onnx", data=data, write=target)


def test_a_loss_beyond_the_tier_leaves_the_original_and_status_1(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "choose", lambda *given: None)
    given = [str(place / "net.onnx"), "--data", str(place / "rows.npz"), "--seconds", "0.1"]
    assert main(["optimise", *given, "--out", str(tmp_path / "small.onnx"), "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], document["chosen"], document["path"]) == ("failed", "", "")
    assert not (tmp_path / "small.onnx").exists()


def test_a_candidate_that_cannot_be_made_is_a_row_and_no_end(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "BOOT", "import sys; sys.stdin.readline(); sys.exit('no quantiser here')")
    answer = optimise(place / "net.onnx", data=place / "rows.npz").answer
    assert answer.verdict == "failed"
    assert all("no quantiser here" in each.problem for each in answer.candidates)


def test_a_missing_library_names_its_extra(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "BOOT", 'import sys; sys.stdin.readline(); print(\'{"missing": "onnx"}\')')
    with pytest.raises(ExtraMissing, match="onnx"):
        optimise(place / "net.onnx", data=place / "rows.npz")


def test_what_has_nothing_to_make_smaller_is_refused(place: Path) -> None:
    with pytest.raises(NothingToOptimise, match="none of its operators"):
        optimise(place / "digits.onnx", data=place / "rows.npz")


def test_few_rows_are_refused(place: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "few.npz", x=np.zeros((20, 64), np.float32), labels=np.zeros(20, np.int64))
    with pytest.raises(TooFewRows):
        optimise(place / "net.onnx", data=tmp_path / "few.npz")

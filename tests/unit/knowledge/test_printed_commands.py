"""Commands that are printed run: what is known of the very file decides them, and what runs here is run."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import models
from airworthy.artifacts.identify import inspect
from airworthy.core.facts import Facts
from airworthy.core.model import FileInfo, ModelInfo
from airworthy.engines.onnxruntime import ENGINE
from airworthy.knowledge.loaders import conversions, loaders

ROWS = np.random.default_rng(3).normal(size=(40, 3)).astype(np.float32)


def _pickle(model: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(model))


def run(command: str, folder: Path) -> None:
    """Run a command as a reader would, with this interpreter for `python`."""
    path = f"{Path(sys.executable).parent}"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": f"{path}:/bin:/usr/bin"},
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("it's mine.pkl", _pickle),
        ("m.joblib", joblib.dump),
        ("m.joblib.gz", lambda m, p: joblib.dump(m, p, compress=3)),
    ],
)
def test_a_scikit_learn_pickle_becomes_an_onnx_that_is_served(name: str, save: Any, tmp_path: Path) -> None:
    labels = (ROWS[:, 0] > 0).astype(int)
    made = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, labels)
    save(made, tmp_path / name)
    model = inspect(tmp_path / name).model
    (way,) = conversions(model)
    assert way.command in ENGINE.refuses(model, Facts())
    run(way.command, tmp_path)
    (written,) = tmp_path.glob("*.onnx")
    session = onnxruntime.InferenceSession(written)
    found = session.run(None, {session.get_inputs()[0].name: ROWS})[0]
    assert (found == made.predict(ROWS)).all()
    assert ENGINE.refuses(inspect(written).model, Facts()) == ""


def test_a_regression_too(tmp_path: Path) -> None:
    _pickle(LinearRegression().fit(ROWS, ROWS[:, 1]), tmp_path / "r.pkl")
    (way,) = conversions(inspect(tmp_path / "r.pkl").model)
    run(way.command, tmp_path)
    assert (tmp_path / "r.onnx").exists()


def folder(architecture: str) -> ModelInfo:
    files = (FileInfo("model.safetensors", 10, "safetensors"),)
    return ModelInfo(
        name="m", path="/m", format="huggingface", entry="/m/model.safetensors", files=files, architecture=architecture
    )


@pytest.mark.parametrize(
    ("architecture", "task"),
    [
        ("BertModel", "feature-extraction"),
        ("BertForSequenceClassification", "text-classification"),
        ("LlamaForCausalLM", "text-generation-with-past"),
        ("T5ForConditionalGeneration", "text2text-generation-with-past"),
    ],
)
def test_the_exporter_is_told_the_task_which_a_local_folder_does_not_say(architecture: str, task: str) -> None:
    (way,) = (each for each in conversions(folder(architecture)) if each.to == "onnx")
    assert way.command == f"optimum-cli export onnx --model /m --task {task} /m/onnx"


def test_a_command_that_would_not_run_is_not_printed(tmp_path: Path) -> None:
    assert conversions(folder("Qwen3VLSomething")) == ()
    assert [each.to for each in conversions(folder("BertModel"))] == ["onnx"], "no GGUF of what generates no text"
    classical = inspect(models.digits(tmp_path / "digits.onnx")).model
    assert conversions(classical) == (), "no converter knows the operators of classical models"
    inside = inspect(models.text_folder(tmp_path / "words")).model
    assert all(each.command.count(f"{tmp_path}/words/model.onnx") for each in conversions(inside))


def test_the_service_is_named_only_where_it_runs_the_model(tmp_path: Path) -> None:
    plain = inspect(models.linear(tmp_path / "m.onnx")).model
    assert any("airworthy serve" in each.needs for each in loaders(plain))
    assert not any("airworthy serve" in each.needs for each in loaders(folder("BertModel")))

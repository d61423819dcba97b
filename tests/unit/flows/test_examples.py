"""The request that is printed for a model runs: with a shell, against the model's interface."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import msgspec
import pytest

import models
from airworthy.artifacts.identify import inspect
from airworthy.core.model import TensorSpec
from airworthy.engines.interface import RunnerOptions
from airworthy.flows.service import example
from airworthy.serve.models.input_validator import InputValidator
from airworthy.serve.protocols.open_inference.rest import _read_request
from airworthy.serve.service import Plan
from text_models import classifier_folder


def plan(path: Path) -> Plan:
    return Plan(model=inspect(path).model, engine="onnxruntime", options=RunnerOptions())


def sent(curl: str) -> bytes:
    """What the command line would send: the shell makes its last argument."""
    command = f"printf %s {curl.rpartition(' -d ')[2]}"
    return subprocess.run(["sh", "-c", command], capture_output=True, timeout=30, check=True).stdout


@pytest.mark.parametrize("make", [models.linear, models.digits, models.strings, models.float16, models.simple])
def test_the_shell_makes_a_request_that_the_model_takes(make: object, tmp_path: Path) -> None:
    path = make(tmp_path / "m.onnx")
    made = example(plan(path))
    assert made is not None
    curl = made.curl("http://127.0.0.1:8000")
    body = sent(curl)
    assert json.loads(body) == json.loads(made.body)
    _, tensors = _read_request(body, None)
    InputValidator(inspect(path).model.inputs, allow_nonfinite=False).validate(tensors)
    assert len(curl) < 600, "it is to be read"


def test_open_sizes_are_taken_for_what_is_tried(tmp_path: Path) -> None:
    model = inspect(models.linear(tmp_path / "m.onnx")).model
    inputs = (TensorSpec("x", "FP32", (-1, -1)), TensorSpec("state", "FP32", (2, -1, 4)))
    model = msgspec.structs.replace(model, inputs=inputs)
    made = Plan(model=model, engine="onnxruntime", options=RunnerOptions())
    tried = example(made, 512, first_only=True)
    assert tried is not None
    shapes = [each["shape"] for each in json.loads(tried.body)["inputs"]]
    assert shapes == [[1, 512], [2, 1, 4]]
    assert example(made, 1 << 20) is None


def test_texts_and_classes(tmp_path: Path) -> None:
    made = example(plan(classifier_folder(tmp_path / "m")))
    assert made is not None
    assert made.path == "/predict"
    assert json.loads(sent(made.curl("http://h"))) == {"model": "m", "inputs": "fit to fly"}

"""Which programs load a format, and what makes it one that others load."""

from __future__ import annotations

from pathlib import Path

import pytest

import model_files
import models
from airworthy.artifacts.formats.registry import FORMATS
from airworthy.core.model import FileInfo, ModelInfo
from airworthy.flows.inspect import inspect
from airworthy.knowledge.loaders import conversions, loaders


def folder(weights: str, format_: str, quantization: str = "") -> ModelInfo:
    files = (FileInfo(weights, 10, format_),)
    path = "/m/my model"
    return ModelInfo(
        name="my model",
        path=path,
        format="huggingface",
        entry=f"{path}/{weights}",
        files=files,
        quantization=quantization,
    )


@pytest.mark.parametrize("format_", [name for name in FORMATS.own_names() if name not in ("huggingface", "encrypted")])
def test_every_format_has_a_program(format_: str) -> None:
    model = ModelInfo(name="m", path="/m", format=format_, entry="/m", producer="scikit-learn")
    assert loaders(model)


def test_folders_are_loaded_by_what_is_in_them() -> None:
    names = [each.engine for each in loaders(folder("model.safetensors", "safetensors"))]
    assert names == ["Transformers", "vLLM", "SGLang"]
    assert "ONNX Runtime" in [each.engine for each in loaders(folder("model.onnx", "onnx"))]
    assert [each.to for each in conversions(folder("pytorch_model.bin", "pytorch"))] == ["safetensors"]


def test_servers_without_kernels_for_a_quantisation_are_left_out() -> None:
    quantised = folder("model.safetensors", "safetensors", "bitsandbytes, 4 bits")
    assert [each.engine for each in loaders(quantised)] == ["Transformers"]
    assert "vLLM" in [each.engine for each in loaders(folder("model.safetensors", "safetensors", "gptq, 4 bits"))]
    assert conversions(quantised) == ()


def test_commands_quote_what_a_name_could_do() -> None:
    (command,) = (each.command for each in conversions(folder("pytorch_model.bin", "pytorch")))
    assert "'/m/my model'" in command


def test_inspect_tells_them(tmp_path: Path) -> None:
    answer = inspect(model_files.torchscript(tmp_path / "s.pt")).data
    assert [each["engine"] for each in answer["engines"]] == ["PyTorch"]
    onnx = inspect(models.linear(tmp_path / "m.onnx")).data
    assert [each["to"] for each in onnx["conversions"]] == ["tensorrt", "openvino"]
    assert all("2026-" in each["source"] for each in onnx["engines"])

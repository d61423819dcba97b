"""Folders as Hugging Face lays them out: the entry that is picked, what lies beside it, what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import models
from airworthy.artifacts.identify import inspect
from airworthy.core.keys import MODEL_DEFECTS, MODEL_LFS_POINTERS, MODEL_PICKLE_IMPORTS
from airworthy.core.model import Inspection


def kinds(found: Inspection) -> list[tuple[str, str]]:
    return [(each.member, each.kind) for each in found.facts.value(MODEL_DEFECTS)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return models.text_folder(tmp_path / "tiny-embedder")


def test_an_embedding_model_is_told_with_its_companions(folder: Path) -> None:
    model = inspect(folder).model
    assert (model.name, model.format, model.entry_format) == ("tiny-embedder", "huggingface", "onnx")
    assert (model.task, model.architecture, model.max_length) == ("embedding", "TinyModel", 32)
    assert model.entry == str(folder / "model.onnx")
    assert model.tokenizer == str(folder / "tokenizer.json")


def test_the_graph_beside_its_tokenizer_is_the_same_model(folder: Path) -> None:
    whole, alone = inspect(folder).model, inspect(folder / "model.onnx").model
    for field in (
        "name",
        "task",
        "architecture",
        "max_length",
        "tokenizer",
        "entry",
        "inputs",
        "outputs",
        "parameters",
    ):
        assert getattr(alone, field) == getattr(whole, field), field
    assert alone.format == "onnx"


def test_a_graph_in_the_onnx_folder_finds_its_companions(folder: Path) -> None:
    (folder / "onnx").mkdir()
    shutil.move(folder / "model.onnx", folder / "onnx" / "model.onnx")
    for path in (folder, folder / "onnx" / "model.onnx"):
        model = inspect(path).model
        assert (model.task, model.tokenizer) == ("embedding", str(folder / "tokenizer.json"))
        assert model.name == "tiny-embedder"


def test_without_a_tokenizer_it_is_a_model_of_tensors(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    assert inspect(folder).model.task == "tensors"


def test_the_entry_is_what_an_engine_loads(folder: Path) -> None:
    models.safetensors(folder / "model.safetensors")
    models.torch_zip(folder / "pytorch_model.bin")
    assert inspect(folder).model.entry_format == "onnx"
    (folder / "model.onnx").unlink()
    assert inspect(folder).model.entry_format == "safetensors"
    (folder / "model.safetensors").unlink()
    assert inspect(folder).model.entry_format == "pytorch"
    assert inspect(folder).facts.value(MODEL_PICKLE_IMPORTS)


def test_a_trainers_pickle_is_not_taken_for_weights(folder: Path) -> None:
    models.plain_pickle(folder / "training_args.bin")
    assert inspect(folder).model.entry_format == "onnx"
    (folder / "model.onnx").unlink()
    models.safetensors(folder / "model.safetensors")
    assert inspect(folder).model.entry_format == "safetensors"


def test_one_graph_without_a_configuration_is_enough(tmp_path: Path) -> None:
    models.linear(tmp_path / "only.onnx")
    found = inspect(tmp_path)
    assert (found.model.name, found.model.entry) == ("only", str(tmp_path / "only.onnx"))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("config.json", b"{", "structure"),
        ("config.json", b"", "empty"),
        ("config.json", models.PAGE, "error-page"),
        ("config.json", b"[]", "structure"),
        ("config.json", b'{"architectures": ' + b"[" * 5000, "structure"),
        ("tokenizer.json", b'{"version": "1.0", "mod', "truncated"),
        ("tokenizer.json", b"<s>", "structure"),
        ("tokenizer.json", b"", "empty"),
        ("model.onnx", b"", "empty"),
    ],
)
def test_a_damaged_companion_is_told_once(folder: Path, name: str, content: bytes, kind: str) -> None:
    (folder / name).write_bytes(content)
    assert kinds(inspect(folder)) == [(name, kind)]


@pytest.mark.parametrize("value", [None, 1, "x", [], [1], {"a": 1}, True])
def test_odd_settings_are_passed_over(folder: Path, value: object) -> None:
    odd = {"architectures": value, "model_type": value, "max_position_embeddings": value}
    (folder / "config.json").write_text(json.dumps(odd))
    found = inspect(folder)
    assert kinds(found) == []
    assert isinstance(found.model.architecture, str)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "config.json"])
def test_a_pointer_among_the_files_is_told(folder: Path, name: str) -> None:
    (folder / name).write_bytes(models.POINTER)
    (pointer,) = inspect(folder).facts.value(MODEL_LFS_POINTERS)
    assert pointer.path == str(folder / name)


def test_shards_are_joined(tmp_path: Path) -> None:
    model = inspect(models.sharded(tmp_path / "big")).model
    assert (model.parameters, model.datatypes, model.entry_format) == (9, {"FP32": 36}, "safetensors")


def test_a_missing_shard_is_told(tmp_path: Path) -> None:
    folder = models.sharded(tmp_path / "big")
    (folder / "model-00002-of-00002.safetensors").unlink()
    found = inspect(folder)
    assert kinds(found) == [("model-00002-of-00002.safetensors", "missing")]
    assert found.model.parameters is None


def test_a_damaged_shard_and_a_pointer_are_told(tmp_path: Path) -> None:
    folder = models.sharded(tmp_path / "big")
    (folder / "model-00001-of-00002.safetensors").write_bytes(models.POINTER)
    shard = folder / "model-00002-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    found = inspect(folder)
    assert kinds(found) == [(shard.name, "truncated")]
    assert len(found.facts.value(MODEL_LFS_POINTERS)) == 1


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"{}", "structure"),
        (b'{"weight_map": {"a": "../secret"}}', "path"),
        (b'{"weight_map": {"a": "/etc/passwd"}}', "path"),
        (b'{"weight_map": {}}', "structure"),
        (b'{"weight_map": {"a": 1}}', "structure"),
    ],
)
def test_a_damaged_index_is_told(tmp_path: Path, content: bytes, kind: str) -> None:
    folder = models.sharded(tmp_path / "big")
    (folder / "model.safetensors.index.json").write_bytes(content)
    assert kinds(inspect(folder)) == [("model.safetensors.index.json", kind)]


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    folder = models.sharded(tmp_path / "big")
    shard = folder / "model-00002-of-00002.safetensors"
    shard.unlink()
    shard.symlink_to(tmp_path / "gone")
    assert kinds(inspect(folder)) == [(shard.name, "missing")]

"""What a `config.json` asks of its loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from airworthy.artifacts.configuration.companions import read_configuration
from airworthy.artifacts.identify import inspect
from airworthy.core.facts import Absent, Unknown
from airworthy.core.keys import MODEL_CONFIGURATION, MODEL_ENTRY_FORMAT
from airworthy.core.values import ModelConfiguration
from airworthy.core.version import Version


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    models.safetensors(tmp_path / "model.safetensors")
    return tmp_path


def configure(folder: Path, **config: Any) -> ModelConfiguration:
    (folder / "config.json").write_text(json.dumps(config))
    return inspect(folder).facts.value(MODEL_CONFIGURATION)


def test_a_plain_model(folder: Path) -> None:
    (folder / "tokenizer.model").write_bytes(b"x")
    (folder / "tokenizer_config.json").write_text("{}")
    found = configure(
        folder, model_type="qwen3_moe", architectures=["Qwen3MoeForCausalLM"], transformers_version="4.51.0"
    )
    assert (found.model_type, found.architectures) == ("qwen3_moe", ("Qwen3MoeForCausalLM",))
    assert found.transformers == Version("4.51.0")
    assert (found.remote_code, found.quantization) == ((), "")
    assert found.tokenizer_files == ("tokenizer.model",)
    assert inspect(folder).facts.value(MODEL_ENTRY_FORMAT) == "safetensors"


def test_code_of_its_own_in_both_files(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"auto_map": {"AutoTokenizer": ["tokenization_chatglm.ChatGLMTokenizer", None]}})
    )
    found = configure(folder, model_type="chatglm", auto_map={"AutoModel": "modeling_chatglm.ChatGLMModel"})
    assert found.remote_code == ("modeling_chatglm.ChatGLMModel", "tokenization_chatglm.ChatGLMTokenizer")


@pytest.mark.parametrize(
    ("asked", "method"),
    [
        ({"quant_method": "AWQ", "bits": 4}, "awq"),
        ({"load_in_8bit": True}, "bitsandbytes"),
        ({"_load_in_4bit": True, "quant_method": "bitsandbytes"}, "bitsandbytes"),
        ({"load_in_8bit": False}, ""),
        ({}, ""),
        ("awq", ""),
    ],
)
def test_the_method_of_quantisation(folder: Path, asked: Any, method: str) -> None:
    assert configure(folder, quantization_config=asked).quantization == method


def test_the_older_name_of_that_section(folder: Path) -> None:
    assert (
        configure(folder, compression_config={"quant_method": "compressed-tensors"}).quantization
        == "compressed-tensors"
    )


def test_without_a_configuration_it_is_absent(tmp_path: Path) -> None:
    alone = inspect(models.safetensors(tmp_path / "model.safetensors"))
    assert isinstance(alone.facts.fact(MODEL_CONFIGURATION), Absent)
    assert isinstance(inspect(tmp_path).facts.fact(MODEL_CONFIGURATION), Absent)


def test_a_damaged_configuration_is_unknown(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    assert isinstance(inspect(folder).facts.fact(MODEL_CONFIGURATION), Unknown)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["model_type", "architectures", "auto_map", "quantization_config", "transformers_version", "compression_config"]
)


@given(st.dictionaries(NAMES, JSON), st.dictionaries(NAMES, JSON))
def test_any_json_is_taken(config: dict[str, Any], settings: dict[str, Any]) -> None:
    found = read_configuration(Path("/nowhere"), config, settings)
    assert isinstance(found.model_type, str)
    assert all(isinstance(name, str) for name in (*found.architectures, *found.remote_code))
    assert found.tokenizer_files == ()

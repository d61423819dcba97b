"""Chat template and attention heads of a Hugging Face folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airworthy.artifacts.configuration.text_generation import facts_of
from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.keys import MODEL_ATTENTION_HEADS, MODEL_CACHE, MODEL_CHAT_TEMPLATE, MODEL_SHAPE

LLAMA = {"architectures": ["LlamaForCausalLM"], "num_attention_heads": 28}


def folder(path: Path, config: Any, settings: Any = None, **files: str) -> Path:
    (path / "config.json").write_text(json.dumps(config))
    if settings is not None:
        (path / "tokenizer_config.json").write_text(json.dumps(settings))
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text)
    return path


@pytest.mark.parametrize(
    ("config", "tokenizer", "files", "template"),
    [
        (LLAMA, {"chat_template": "{{ messages }}"}, {}, "tokenizer_config.json"),
        (LLAMA, {"chat_template": [{"name": "default", "template": "x"}]}, {}, "tokenizer_config.json"),
        (LLAMA, {"model_max_length": 4096}, {"chat_template__jinja": "x"}, "chat_template.jinja"),
        (LLAMA, {"model_max_length": 4096}, {}, ""),
        (LLAMA, None, {}, ""),
    ],
)
def test_where_the_template_is(
    tmp_path: Path, config: Any, tokenizer: Any, files: dict[str, str], template: str
) -> None:
    fact = facts_of(folder(tmp_path, config, tokenizer, **files))[MODEL_CHAT_TEMPLATE.name]
    assert isinstance(fact, Known)
    assert fact.value == template


@pytest.mark.parametrize("architecture", ["BertModel", "T5ForConditionalGeneration", "MarianMTModel"])
def test_nobody_chats_with_others(tmp_path: Path, architecture: str) -> None:
    found = facts_of(folder(tmp_path, {"architectures": [architecture]}))
    assert isinstance(found[MODEL_CHAT_TEMPLATE.name], Absent)


def test_damage_leaves_it_open(tmp_path: Path) -> None:
    folder(tmp_path, LLAMA, tokenizer_config__json="{")
    assert isinstance(facts_of(tmp_path)[MODEL_CHAT_TEMPLATE.name], Unknown)
    (tmp_path / "config.json").write_text("{")
    assert all(isinstance(fact, Unknown) for fact in facts_of(tmp_path).values())
    (tmp_path / "config.json").unlink()
    assert facts_of(tmp_path) == {}


@pytest.mark.parametrize(
    ("config", "heads"),
    [(LLAMA, 28), ({"n_head": 71}, 71), ({"text_config": {"num_attention_heads": 16}}, 16), ({}, None)],
)
def test_heads(tmp_path: Path, config: Any, heads: int | None) -> None:
    fact = facts_of(folder(tmp_path, config))[MODEL_ATTENTION_HEADS.name]
    assert fact.value == heads if isinstance(fact, Known) else heads is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMED = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("architectures", "num_attention_heads", "text_config", "chat_template"), JSON)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=NAMED | JSON, tokenizer=NAMED | JSON)
def test_any_configuration_gives_facts(tmp_path: Path, config: Any, tokenizer: Any) -> None:
    found = facts_of(folder(tmp_path, config, tokenizer))
    assert set(found) == {MODEL_ATTENTION_HEADS.name, MODEL_CACHE.name, MODEL_CHAT_TEMPLATE.name, MODEL_SHAPE.name}
    assert all(isinstance(fact, (Known, Absent, Unknown)) for fact in found.values())

"""Names of tensors held against those that are looked for, and the mapping that mends them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from airworthy.artifacts.weights.key_mapping import Fit, faults, fit
from airworthy.cli.main import main
from airworthy.flows.inspect import inspect
from airworthy.flows.weights import Depth, NothingToFit
from airworthy.knowledge.architecture_keys import expected

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 12,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "num_hidden_layers": 2,
    "vocab_size": 10,
}
BERT = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "hidden_size": 4,
    "intermediate_size": 8,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "vocab_size": 9,
    "max_position_embeddings": 5,
    "type_vocab_size": 2,
}


def shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    found = expected(config)
    assert found is not None
    return found.shapes


def held(ours: dict[str, tuple[int, ...]], config: dict[str, Any] = LLAMA) -> Fit:
    found = expected(config)
    assert found is not None
    return fit(ours, found.shapes, "the configuration", optional=found.optional, tied=found.tied)


def test_a_configuration_asks_for_its_tensors() -> None:
    wanted = shapes(LLAMA)
    assert len(wanted) == 3 + 2 * 9
    assert wanted["model.layers.1.self_attn.k_proj.weight"] == (4, 8)
    assert wanted["lm_head.weight"] == (10, 8)
    assert "model.layers.0.self_attn.q_norm.weight" in shapes({**LLAMA, "model_type": "qwen3", "head_dim": 16})
    assert shapes({**LLAMA, "model_type": "qwen2"})["model.layers.0.self_attn.q_proj.bias"] == (8,)
    assert "embeddings.LayerNorm.weight" in shapes(BERT)


def test_sizes_that_a_configuration_leaves_out_are_those_of_its_architecture() -> None:
    short = {name: value for name, value in LLAMA.items() if name != "num_key_value_heads"}
    key = "model.layers.0.self_attn.k_proj.weight"
    assert shapes(short)[key] == (2 * 4, 8)
    assert shapes({**short, "model_type": "mistral"})[key] == (8 * 4, 8)
    assert shapes({**short, "model_type": "mistral", "num_key_value_heads": None})[key] == (2 * 4, 8)
    assert shapes({**short, "model_type": "qwen3"})[key] == (32 * 128, 8)


@pytest.mark.parametrize(
    "change",
    [
        {"architectures": ["BertLMHeadModel"]},
        {"add_cross_attention": True},
        {"position_embedding_type": "relative_key"},
    ],
)
def test_a_bert_with_more_than_the_row_tells_is_not_guessed(change: dict[str, Any]) -> None:
    assert expected({**BERT, **change}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "other"},
        {"attention_bias": True},
        {"quantization_config": {"bits": 4}},
        {"hidden_size": "8"},
        {"num_hidden_layers": 10**9},
        {"architectures": ["LlamaForSequenceClassification"]},
        {"vocab_size": None},
    ],
)
def test_what_no_row_tells_is_not_guessed(change: dict[str, Any]) -> None:
    assert expected({**LLAMA, **change}) is None


def test_what_fits_needs_nothing() -> None:
    found = held(shapes(LLAMA))
    assert found.fits
    assert (found.matched, found.rules, faults(found, "m")) == (21, (), [])
    assert held({**shapes(BERT), "pooler.dense.weight": (4, 4)}, BERT).fits


@pytest.mark.parametrize(
    ("before", "rules"),
    [
        ("module.", ["take `module.` off the front"]),
        ("_orig_mod.", ["take `_orig_mod.` off the front"]),
        ("base_model.model.", ["take `base_model.model.` off the front"]),
        ("strange.", ["take `strange.` off the front"]),
    ],
)
def test_a_prefix_is_found_and_taken_off(before: str, rules: list[str]) -> None:
    found = held({before + name: shape for name, shape in shapes(LLAMA).items()})
    assert list(found.rules) == rules
    assert found.mapping[f"{before}lm_head.weight"] == "lm_head.weight"
    assert (found.missing, found.unexpected, len(found.mapping)) == ((), (), 21)
    (fault,) = faults(found, "m.safetensors")
    assert (fault.kind, "21 tensors" in fault.detail) == ("surplus", True)


def test_prefixes_nest_and_parts_within_names_are_taken_out() -> None:
    nested = {f"module._orig_mod.{name}": shape for name, shape in shapes(LLAMA).items()}
    assert len(held(nested).mapping) == 21
    within = {name.replace("q_proj.", "q_proj.base_layer."): shape for name, shape in shapes(LLAMA).items()}
    assert held(within).rules == ("take `base_layer.` out",)


def test_a_body_without_its_prefix_and_old_names_of_a_norm() -> None:
    bare = {name.removeprefix("model."): shape for name, shape in shapes(LLAMA).items()}
    assert held(bare).rules == ("put `model.` before",)
    old = {
        n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): s
        for n, s in shapes(BERT).items()
    }
    found = held({f"bert.{name}": shape for name, shape in old.items()}, BERT)
    assert len(found.rules) == 3
    assert found.mapping["bert.embeddings.LayerNorm.gamma"] == "embeddings.LayerNorm.weight"
    assert not found.missing


def test_a_tied_head_is_no_fault() -> None:
    ours = shapes(LLAMA)
    del ours["lm_head.weight"]
    for config in (LLAMA, {**LLAMA, "tie_word_embeddings": True}):
        found = held(ours, config)
        assert found.tied == {"lm_head.weight": "model.embed_tokens.weight"}
        assert found.fits


def test_what_no_rule_mends_is_told_with_its_near_name() -> None:
    ours = shapes(LLAMA)
    ours["model.final_norm.weight"] = ours.pop("model.norm.weight")
    ours["model.layers.0.mlp.up_proj.weight"] = (12, 9)
    ours["model.layers.0.mlp.up_proj.lora_A.weight"] = (2, 8)
    found = held(ours)
    assert found.missing == ("model.norm.weight",)
    assert found.near == {"model.norm.weight": "model.final_norm.weight"}
    assert found.misshapen == {"model.layers.0.mlp.up_proj.weight": ((12, 9), (12, 8))}
    assert found.adapter == 1
    assert sorted(fault.kind for fault in faults(found, "m")) == ["absent", "shape", "surplus", "surplus"]


_NAMES = st.lists(
    st.sampled_from(["module", "model", "a", "b", "LayerNorm", "gamma", "weight"]), min_size=1, max_size=4
)
_TABLE = st.dictionaries(_NAMES.map(".".join), st.sampled_from([(2,), (3, 2)]), max_size=6)


@given(ours=_TABLE, wanted=_TABLE)
def test_no_tensor_is_lost_or_told_twice(ours: dict[str, tuple[int, ...]], wanted: dict[str, tuple[int, ...]]) -> None:
    found = fit(ours, wanted, "x")
    assert len(set(found.mapping.values())) == len(found.mapping)
    used = {found.mapping.get(name, name) for name in ours}
    assert {*found.missing} | {*found.tied} == wanted.keys() - used
    assert {found.mapping.get(name, name) for name in found.unexpected} == used - wanted.keys()


def folder(path: Path, tensors: dict[str, tuple[int, ...]], config: dict[str, Any] | None) -> Path:
    path.mkdir()
    entries: dict[str, Any] = {}
    at = 0
    for name, shape in tensors.items():
        size = 4
        for each in shape:
            size *= each
        entries[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    (path / "model.safetensors").write_bytes(models.safetensors_bytes(json.dumps(entries), bytes(at)))
    if config is not None:
        (path / "config.json").write_text(json.dumps(config))
    return path


def test_the_command_tells_the_mapping(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrapped = folder(tmp_path / "w", {f"module.{name}": shape for name, shape in shapes(LLAMA).items()}, LLAMA)
    assert main(["inspect", str(wrapped), "--keys"]) == 1
    told = capsys.readouterr().out
    assert "take `module.` off the front" in told
    assert "keys-mismatch" in told
    report = inspect(wrapped, depth=Depth(keys=True))
    assert report.data["keys"]["mapping"]["module.lm_head.weight"] == "lm_head.weight"
    whole = folder(tmp_path / "h", shapes(LLAMA), LLAMA)
    assert main(["inspect", str(whole), "--keys"]) == 0
    compared = inspect(wrapped, depth=Depth(compare=str(whole))).data
    assert (len(compared["keys"]["mapping"]), len(compared["differences"])) == (21, 21)


@pytest.mark.parametrize("config", [None, {"model_type": "unheard-of"}, []])
def test_nothing_to_hold_against_is_said(tmp_path: Path, config: Any) -> None:
    with pytest.raises(NothingToFit, match="cannot be compared"):
        inspect(folder(tmp_path / "m", {"a": (2,)}, config), depth=Depth(keys=True))

"""What sentence-transformers' files beside a model make of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.artifacts.configuration.sentence_modules import read_modules
from airworthy.artifacts.identify import inspect
from models import WIDTH
from text_models import DENSE, classifier_folder, sentence_folder

MEAN = {"pooling_mode_mean_tokens": True}


@pytest.mark.parametrize(
    ("config", "modes"),
    [
        (MEAN, ("mean",)),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, ("cls",)),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, ("cls", "mean")),
        ({"pooling_mode": "lasttoken"}, ("lasttoken",)),
        ({"pooling_mode": ["max", "cls"]}, ("max", "cls")),
        ({}, ("mean",)),
    ],
)
def test_pooling_by_the_names_of_every_release(config: dict[str, Any], modes: tuple[str, ...], tmp_path: Path) -> None:
    model = inspect(sentence_folder(tmp_path / "m", config, "Normalize")).model
    assert model.task == "embedding"
    assert model.pooling is not None
    assert model.pooling.modes == modes
    assert model.outputs[-1].name == "sentence_embedding"
    assert model.outputs[-1].shape == (-1, WIDTH * len(modes))
    assert (model.max_length, model.lower_case) == (16, True)


def test_a_dense_layer_decides_the_size(tmp_path: Path) -> None:
    model = inspect(sentence_folder(tmp_path / "m", MEAN, "Dense", "Normalize")).model
    assert model.outputs[-1].shape == (-1, DENSE)
    assert model.pooling is not None
    assert [layer.kind for layer in model.pooling.layers] == ["dense", "normalize"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"modules.json": [{"type": "x.Transformer", "path": ""}, {"type": "x.Router", "path": "1"}]}, "'Router'"),
        ({"1_Pooling/config.json": {"pooling_mode": "median"}}, "'median'"),
        (
            {"modules.json": [{"type": "x.Transformer", "path": ""}, {"type": "x.Pooling", "path": "../../etc"}]},
            "outside",
        ),
        ({"2_Dense/config.json": {"activation_function": "os.system"}}, "'system'"),
        ({"2_Dense/config.json": {"use_residual": True}}, "more than the pooled vector"),
        (
            {
                "1_Pooling/config.json": {"include_prompt": False},
                "config_sentence_transformers.json": {"prompts": {"q": "q: "}, "default_prompt_name": "q"},
            },
            "prompt",
        ),
    ],
)
def test_what_can_not_be_followed_is_served_by_its_tensors_and_says_why(
    changed: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    folder = sentence_folder(tmp_path / "m", MEAN, "Dense")
    for name, content in changed.items():
        (folder / name).write_text(json.dumps(content))
    model = inspect(folder).model
    assert (model.task, model.pooling) == ("tensors", None)
    assert reason in model.task_problem


def test_without_a_recipe_the_setting_is_named(tmp_path: Path) -> None:
    model = inspect(sentence_folder(tmp_path / "m", None)).model
    assert model.task == "tensors"
    assert "--pooling mean" in model.task_problem


def test_prompts(tmp_path: Path) -> None:
    prompts = {"prompts": {"query": "w1 ", "passage": "", "odd": 3}, "default_prompt_name": "query"}
    model = inspect(sentence_folder(tmp_path / "m", MEAN, prompts=prompts)).model
    assert (model.prompts, model.prompt) == ({"query": "w1 "}, "w1 ")


@pytest.mark.parametrize(
    ("labels", "known"),
    [(["sad", "glad", "flat"], ("sad", "glad", "flat")), (["one"], ("LABEL_0", "LABEL_1", "LABEL_2")), (None, None)],
)
def test_a_classifier_has_the_names_of_its_classes(
    labels: list[str] | None, known: tuple[str, ...] | None, tmp_path: Path
) -> None:
    model = inspect(classifier_folder(tmp_path / "m", labels)).model
    assert model.task == "classification"
    assert model.labels == (known or ("LABEL_0", "LABEL_1", "LABEL_2"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("type", "path", "pooling_mode", "prompts", "default_prompt_name", "activation_function", "include_prompt")


@given(listed=JSON | st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3), max_size=4), config=JSON)
def test_any_files_are_a_recipe_or_a_reason(listed: Any, config: Any) -> None:
    found = read_modules(Path("/nowhere"), lambda _: config if isinstance(config, dict) else {}, listed)
    assert found is None or found.problem or all(isinstance(mode, str) for mode in found.modes)

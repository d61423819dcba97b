"""Shorter vectors, and configurations that allow them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import models
from airworthy.artifacts.identify import inspect
from airworthy.serve.protocols.text_vectors import _cut


def test_a_unit_vector_is_a_unit_vector_again() -> None:
    cut = _cut([0.6, 0.0, 0.8], 2)
    assert cut == [1.0, 0.0]
    assert math.hypot(*_cut([0.5, 0.5, 0.5, 0.5], 3)) == pytest.approx(1)
    assert _cut([3.0, 4.0, 12.0], 2) == [3.0, 4.0]
    assert _cut([0.0, 0.0, 1.0], 2) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("config", "dimensions"),
    [
        ({}, ()),
        ({"is_matryoshka": True}, (-1,)),
        ({"is_matryoshka": "yes"}, ()),
        ({"matryoshka_dimensions": [3, 2, 2]}, (2, 3)),
        ({"matryoshka_dimensions": [True, -1, "2", 2.0]}, ()),
        ({"matryoshka_dimensions": 2, "is_matryoshka": True}, (-1,)),
    ],
)
def test_what_the_configuration_says(tmp_path: Path, config: dict[str, object], dimensions: tuple[int, ...]) -> None:
    model = inspect(models.text_folder(tmp_path / "m", **config)).model
    assert (model.task, model.dimensions) == ("embedding", dimensions)


def test_a_classifier_of_one_label_reranks_and_one_of_several_classifies(tmp_path: Path) -> None:
    assert inspect(models.pair_folder(tmp_path / "m")).model.task == "rerank"
    several = models.text_folder(tmp_path / "n", architectures=["TinyForSequenceClassification"])
    assert inspect(several).model.task == "classification"

"""What the faults need: a model that can be broken at leisure."""

from __future__ import annotations

from pathlib import Path

import pytest

import models


@pytest.fixture(scope="session")
def linear_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.linear(tmp_path_factory.mktemp("faults") / "linear.onnx")

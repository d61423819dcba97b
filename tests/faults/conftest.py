"""What the faults need: a model that can be broken at leisure, and the table of what was felt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import models
from faults.recovery import FAULT_PROPERTY, TABLE, Faults, summary


@pytest.fixture(scope="session")
def linear_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.linear(tmp_path_factory.mktemp("faults") / "linear.onnx")


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    return Faults(tmp_path / "fault")


@pytest.fixture(autouse=True)
def felt(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """What a test's clients felt goes with its report, whichever process ran it."""
    TABLE.clear()
    yield
    for line in summary():
        record_property(FAULT_PROPERTY, line)

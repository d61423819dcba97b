"""What the faults need: a model that can be broken at leisure, and the table of what was felt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import models
from faults.recovery import Faults, summary


@pytest.fixture(scope="session")
def linear_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.linear(tmp_path_factory.mktemp("faults") / "linear.onnx")


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    return Faults(tmp_path / "fault")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how long each fault was felt."""
    if lines := summary():
        terminalreporter.section("faults: back after, longest wait, answers")
        for line in lines:
            terminalreporter.write_line(line)

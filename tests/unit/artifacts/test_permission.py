"""A file that this user may not read is one clear error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import models
from airworthy.artifacts.identify import inspect
from airworthy.core.errors import InputUnreadable
from permissions import as_nobody, open_to_all


@pytest.fixture
def nobody() -> Iterator[None]:
    with as_nobody():
        yield


@pytest.fixture
def unreadable(tmp_path: Path) -> Path:
    open_to_all(tmp_path)
    path = models.linear(tmp_path / "linear.onnx")
    inspect(path)  # imports what it needs while that may be read
    path.chmod(0)
    return path


def test_the_error_names_the_file_and_the_way_out(unreadable: Path, nobody: None) -> None:
    with pytest.raises(InputUnreadable) as caught:
        inspect(unreadable)
    assert str(unreadable) in caught.value.text
    assert "permission" in (caught.value.text + caught.value.way_out).lower()

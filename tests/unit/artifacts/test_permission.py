"""A file that this user may not read is one clear error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import models
from airworthy.artifacts.identify import inspect
from airworthy.core.errors import InputUnreadable

NOBODY = 65534


@pytest.fixture
def as_nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Root may read everything, so for root the test runs as nobody."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def unreadable(tmp_path: Path) -> Path:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    path = models.linear(tmp_path / "linear.onnx")
    inspect(path)  # imports what it needs while that may be read
    path.chmod(0)
    return path


def test_the_error_names_the_file_and_the_way_out(unreadable: Path, as_nobody: None) -> None:
    with pytest.raises(InputUnreadable) as caught:
        inspect(unreadable)
    assert str(unreadable) in caught.value.text
    assert "permission" in (caught.value.text + caught.value.way_out).lower()

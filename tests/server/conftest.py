"""Services that several tests share; each test leaves its service as it found it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import models
from server.running import Running, running
from text_models import classifier_folder


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one model of each kind that the service is tested with."""
    folder = tmp_path_factory.mktemp("models")
    models.digits(folder / "digits.onnx")
    models.linear(folder / "linear.onnx")
    models.simple(folder / "simple.onnx")
    models.strings(folder / "strings.onnx")
    models.float16(folder / "half.onnx")
    models.bfloat16(folder / "brain.onnx")
    models.text_folder(folder / "words")
    models.text_folder(folder / "nested", is_matryoshka=True)
    models.pair_folder(folder / "pairs")
    classifier_folder(folder / "moods")
    return folder


@pytest.fixture(scope="session")
def service(files: Path) -> Iterator[Running]:
    """One service with all of them."""
    names = ("digits", "linear", "simple", "strings", "half", "brain")
    folders = ("words", "nested", "pairs", "moods")
    paths = [files / f"{name}.onnx" for name in names] + [files / name for name in folders]
    with running("serve", *paths) as started:
        yield started
        assert started.stop() == 0

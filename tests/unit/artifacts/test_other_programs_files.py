"""Files that share a suffix with PyTorch's or a pickle's and are of other programs: none is called damaged."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import model_files
import models
from airworthy.artifacts.identify import inspect
from airworthy.core.errors import NotAModel
from airworthy.core.keys import MODEL_DEFECTS, MODEL_PICKLE_IMPORTS

FLOATS = np.linspace(-1, 1, 999, dtype=np.float32).tobytes()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("cc.en.300.bin", b"\xba\x16\x4f\x2f\x0c\0\0\0" + FLOATS, "a fastText model"),
        ("GoogleNews.bin", b"3000000 300\n</s> " + FLOATS, "a table of word vectors"),
        ("weights.bin", FLOATS, "it begins with"),
        ("test.sav", b"SR\x00\x04\x00\x00\x00\x0a" + bytes(99), "variables that IDL saved"),
        ("saved_model.pb", b"\x08\x01\x12\x10", "name "),
        ("torch.pth", b"/opt/lib/python\nimport site\n", "a list of paths"),
        ("RECORD", b"aiohttp/__init__.py,sha256=abc,8302\n" * 40, "it begins with"),
        ("LICENSE", b"Copyright (c) 2014 Vitaly Puzyrin, Alex Kocharin.\n" * 9, "it begins with"),
    ],
)
def test_other_programs_files_are_no_model(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NotAModel, match=re.escape(told)):
        inspect(tmp_path / name)


@pytest.mark.parametrize("padding", [b"", b"I1\n0" * 100, b"I1\n0" * 40_000])
def test_a_text_that_imports_is_a_pickle_under_any_name(tmp_path: Path, padding: bytes) -> None:
    """However far it goes on before, and whether or not it ends."""
    (tmp_path / "RECORD").write_bytes(b"(" + padding + b"cos\nsystem\n(S'x'\ntRgarbage")
    found = inspect(tmp_path / "RECORD")
    assert "os.system" in {each.name for each in found.facts.value(MODEL_PICKLE_IMPORTS)}


def test_weights_of_openvino_point_at_their_graph(tmp_path: Path) -> None:
    model_files.openvino(tmp_path / "model.xml")
    (tmp_path / "model.bin").write_bytes(FLOATS)
    with pytest.raises(NotAModel, match=r"name model\.xml"):
        inspect(tmp_path / "model.bin")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "adapter_model.bin", "training_args.bin", "m.pt"])
def test_what_is_named_as_pytorch_names_it_is_called_damaged(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FLOATS)
    assert [each.kind for each in inspect(tmp_path / name).facts.value(MODEL_DEFECTS)] == ["header"]


def test_a_cut_archive_is_called_damaged_under_any_name(tmp_path: Path) -> None:
    path = models.torch_zip(tmp_path / "weights.bin")
    path.write_bytes(path.read_bytes()[:-30])
    assert inspect(path).facts.value(MODEL_DEFECTS)

"""Files whose suffix lies about their content."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from airworthy.artifacts.identify import inspect
from airworthy.artifacts.wrong_suffix import content_of
from airworthy.core.keys import MODEL_DEFECTS, MODEL_MISNAMED
from airworthy.core.model import Inspection

SAFETENSORS = struct.pack("<Q", 2) + b"{}" + b" " * 8


def told(found: Inspection) -> list[tuple[str, str, str]]:
    return [(each.member, each.suffix, each.content) for each in found.facts.value(MODEL_MISNAMED)]


@pytest.mark.parametrize(
    ("head", "content"),
    [
        (b"GGUF\x03\0\0\0", "GGUF"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"PK\x03\x04", "a ZIP archive"),
        (SAFETENSORS, "safetensors"),
        (b"\x80\x02}q\x00.", "a pickle"),
        (b"\x80\x09", ""),
        (b"\x80", ""),
        (b"", ""),
        (b"version https://git-lfs", ""),
        (b"<!DOCTYPE html>", ""),
    ],
)
def test_content_is_told_by_its_first_bytes(head: bytes, content: str) -> None:
    assert content_of(head) == content


@given(st.binary(max_size=32))
def test_any_bytes_are_taken(head: bytes) -> None:
    assert content_of(head) in {"", "GGUF", "HDF5", "safetensors", "a ZIP archive", "a pickle"}


def test_a_torch_archive_named_safetensors(tmp_path: Path) -> None:
    found = inspect(models.torch_zip(tmp_path / "model.safetensors"))
    assert told(found) == [("model.safetensors", ".safetensors", "a ZIP archive")]


def test_in_a_folder_it_is_not_taken_for_damage(tmp_path: Path) -> None:
    folder = models.sharded(tmp_path / "big")
    models.torch_zip(folder / "model-00002-of-00002.safetensors")
    found = inspect(folder)
    assert told(found) == [("model-00002-of-00002.safetensors", ".safetensors", "a ZIP archive")]
    assert found.facts.value(MODEL_DEFECTS) == ()


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.ckpt", "pytorch_model.bin"])
def test_safetensors_under_a_name_of_pytorch(tmp_path: Path, name: str) -> None:
    found = inspect(models.safetensors(tmp_path / name))
    assert [content for _, _, content in told(found)] == ["safetensors"]


def test_names_that_say_nothing_are_not_judged(tmp_path: Path) -> None:
    assert told(inspect(models.safetensors(tmp_path / "weights.bin"))) == []
    assert told(inspect(models.torch_zip(tmp_path / "model.bin"))) == []


def test_well_named_files_are_not_told(tmp_path: Path) -> None:
    for path in (
        models.safetensors(tmp_path / "a.safetensors"),
        models.torch_zip(tmp_path / "b.pt"),
        models.torch_legacy(tmp_path / "c.pth"),
        models.linear(tmp_path / "d.onnx"),
        models.plain_pickle(tmp_path / "e.pkl"),
        models.text_folder(tmp_path / "f"),
    ):
        assert told(inspect(path)) == []


def test_damage_stays_damage(tmp_path: Path) -> None:
    path = models.safetensors(tmp_path / "model.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    found = inspect(path)
    assert told(found) == []
    assert [defect.kind for defect in found.facts.value(MODEL_DEFECTS)] == ["truncated"]

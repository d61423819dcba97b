"""ZIP archives that are made to harm whoever unpacks them: bombs, shared bytes, names and links that lead out."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

import models
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.encodings.zips import read_archive
from airworthy.artifacts.identify import inspect
from airworthy.core.errors import NotAModel
from airworthy.core.keys import MODEL_DEFECTS


def kinds(path: Path) -> list[tuple[str, str]]:
    with Source(path) as source:
        return [(each.member, each.kind) for each in read_archive(source).defects]


def test_a_bomb_is_told_and_not_unpacked(tmp_path: Path) -> None:
    path = models.torch_zip(tmp_path / "m.pt")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/9", b"\0" * 4_000_000)
    whole = bytearray(path.read_bytes())
    # Say that it unfolds to some gigabytes more, in the directory and before the member itself.
    for magic, at in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        place = whole.rindex(magic)
        struct.pack_into("<L", whole, place + at, 3_000_000_000)
    path.write_bytes(whole)
    assert kinds(path) == [("archive/data/9", "bomb")]
    tracemalloc.start()
    begun = time.perf_counter()
    assert "bomb" in [each.kind for each in inspect(path).facts.value(MODEL_DEFECTS)]
    assert time.perf_counter() - begun < 1
    assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    tracemalloc.stop()


def test_an_array_of_zeros_is_no_bomb(tmp_path: Path) -> None:
    import numpy as np

    np.savez_compressed(tmp_path / "m.npz", w=np.zeros((2000, 1000)))
    assert inspect(tmp_path / "m.npz").facts.value(MODEL_DEFECTS) == ()


def test_members_that_share_bytes_are_told(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", b"x" * 100)
        archive.writestr("b", b"x" * 100)
    whole = bytearray(file.getvalue())
    second = whole.rindex(b"PK\x01\x02")
    struct.pack_into("<L", whole, second + 42, 0)  # the second's header is the first's
    whole[second + 46 : second + 47] = b"a"
    (tmp_path / "m.zip").write_bytes(whole)
    assert "overlap" in [kind for _, kind in kinds(tmp_path / "m.zip")]


@pytest.mark.parametrize("name", ["../up", "a/../../up", "/etc/passwd", "C:/x", "..\\up", "\\\\host\\x"])
def test_names_that_lead_out_are_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"x")
    assert [kind for _, kind in kinds(path)] == ["path"]


def test_a_link_in_an_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    link = zipfile.ZipInfo("archive/data/0")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert kinds(path) == [("archive/data/0", "path")]


def test_a_bomb_of_archives_ends(tmp_path: Path) -> None:
    inner = models.torch_zip(tmp_path / "0.pt").read_bytes()
    for _ in range(10):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/data.pkl", models.torch_pickle({}))
            archive.writestr("a/data/x/model.pt", inner)
        inner = file.getvalue()
    (tmp_path / "m.pt").write_bytes(inner)
    defects = inspect(tmp_path / "m.pt").facts.value(MODEL_DEFECTS)
    assert any("nested" in each.detail for each in defects)


def test_an_archive_that_is_no_model_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("readme.txt", b"x")
    with pytest.raises(NotAModel, match="ZIP archive"):
        inspect(tmp_path / "m.zip")

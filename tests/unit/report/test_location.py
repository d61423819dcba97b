"""Which subjects are files, and the URIs made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.report.location import is_path, path_uri


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/srv/models/a b.onnx", "file:///srv/models/a%20b.onnx"),
        ("models/größe.onnx", "models/gr%C3%B6%C3%9Fe.onnx"),
        ("C:\\models\\a#b.onnx", "file:///C:/models/a%23b.onnx"),
        ("./a%b", "./a%25b"),
    ],
)
def test_path_uri(path: str, uri: str) -> None:
    assert is_path(path)
    assert path_uri(path) == uri


@pytest.mark.parametrize("subject", ["NVIDIA A100", "torch 2.6.0+cu124", "127.0.0.1:8000", ""])
def test_other_things_are_no_paths(subject: str) -> None:
    assert not is_path(subject)


@given(st.text(st.characters(codec=None, categories=None)))
def test_any_text_makes_ascii(text: str) -> None:
    is_path(text)
    uri = path_uri(text)
    assert uri.isascii()
    assert not set(uri) & set(' "<>\\^`{|}\n\r')

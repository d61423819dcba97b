"""A reason that holds a user's words is a parameter, never the template: a brace in it would end the check."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from airworthy.causes import registry

FILES = sorted(Path(registry.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_reasons_are_templates(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Undecidable":
            assert isinstance(node.args[0], ast.Constant), f"{path.name}:{node.lineno}"

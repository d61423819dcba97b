"""Plain data as TOML: tables of texts, numbers, and lists of them; what the locks' own files hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def toml_text(document: Mapping[str, Any]) -> str:
    """A document; values first, then tables, then lists of tables."""
    return "\n".join(_table(document, "")).strip("\n") + "\n"


def _table(table: Mapping[str, Any], name: str) -> list[str]:
    rows, later = [], []
    for key, value in table.items():
        path = f"{name}.{_key(key)}" if name else _key(key)
        if isinstance(value, Mapping):
            later += ["", f"[{path}]", *_table(value, path)]
        elif isinstance(value, (list, tuple)) and value and all(isinstance(each, Mapping) for each in value):
            for each in value:
                later += ["", f"[[{path}]]", *_table(each, path)]
        elif value is not None:
            rows.append(f"{_key(key)} = {_value(value)}")
    return rows + later


def _key(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    # JSON's escapes are a subset of TOML's, but for surrogates and DEL.
    return json.dumps(str(value).encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")

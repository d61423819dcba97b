"""Collected cases in two halves: one to build from, one that measures. The hash of the source decides, not a reader."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from catalogue import CORPUS

MEASURES = ("errors-2", "compat")
"""Collections of which one half is kept to measure with; of the others all may be read."""


def may_be_read(row: dict[str, Any]) -> bool:
    """Whether a case belongs to the half that is built from."""
    return hashlib.sha256(row["source"].encode()).digest()[0] % 2 == 0


def collected(name: str, *, readable: bool = True) -> list[dict[str, Any]]:
    """The cases of a collection that may be read, or those that may not; none where the collection is absent."""
    file = CORPUS / f"{name}.jsonl"
    if not file.is_file():
        return []
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    if name not in MEASURES:
        return rows if readable else []
    return [row for row in rows if may_be_read(row) is readable]

"""transformers: which model types a release knows, and what quantised weights need beside it."""

from __future__ import annotations

import functools

from airworthy.core.version import Version
from airworthy.knowledge.answers import TableAnswer, exact, newest_row, unknown
from airworthy.knowledge.tables import Row, rows


class TransformersRelease(Row, frozen=True):
    """The model types that came with a release, or between it and the row above."""

    version: Version
    """The release that was read."""
    types: tuple[str, ...]
    """The model types that it knows and the row above does not."""


class Method(Row, frozen=True):
    """A method that weights are quantised with."""

    name: str
    """Its name in `quantization_config.quant_method`."""
    packages: tuple[str, ...]
    """The distributions of which transformers needs one."""
    engines: tuple[str, ...]
    """The distributions of servers that have kernels of their own for it."""
    install: tuple[str, ...]
    """What to install for transformers."""


@functools.cache
def _types() -> dict[str, tuple[Version, Version | None]]:
    """Each type with the first release seen with it and the last one seen without."""
    found: dict[str, tuple[Version, Version | None]] = {}
    before: Version | None = None
    for row in sorted(rows("model_types", "release", TransformersRelease), key=lambda row: row.version):
        for name in row.types:
            found.setdefault(name, (row.version, before))
        before = row.version
    return found


def first_with(model_type: str) -> Version | None:
    """The first release seen with a model type; None where the table doesn't have the type."""
    known = _types().get(model_type)
    return known[0] if known else None


def knows(model_type: str, installed: Version) -> TableAnswer[bool]:
    """Whether a release knows a model type."""
    known = _types().get(model_type)
    last = max(rows("model_types", "release", TransformersRelease), key=lambda row: row.version)
    asked = f"{model_type} in transformers {installed}"
    if known is None:
        return unknown(f"model type {model_type}", "model_types", last, last.version)
    first, without = known
    if installed > last.version:
        return newest_row(True, last, asked, last.version)
    if installed >= first:
        return exact(True)
    return exact(False) if without is not None and installed <= without else unknown(asked, "model_types")


def quantisation(method: str) -> Method | None:
    """What a method needs; None where that is not known."""
    return next((row for row in rows("quantization", "method", Method) if row.name == method), None)

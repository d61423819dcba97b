"""ONNX Runtime: the newest model format and operator set that each release reads."""

from __future__ import annotations

from airworthy.core.version import Version
from airworthy.knowledge.answers import TableAnswer, exact, newest_row, unknown
from airworthy.knowledge.tables import Row, rows


class OnnxRuntimeCeiling(Row, frozen=True):
    """What a release of ONNX Runtime reads."""

    release: Version
    """Major and minor version, `1.20`."""
    ir: int
    """The newest IR version of a model."""
    opset: int | None = None
    """The newest operator set of the standard domain."""

    def of(self, kind: str) -> int | None:
        """The ceiling for a kind of version: `onnx-ir` or `onnx-opset`."""
        return {"onnx-ir": self.ir, "onnx-opset": self.opset}.get(kind)


def ceiling(version: Version, kind: str, wanted: int) -> TableAnswer[int]:
    """The ceiling of a runtime for a kind of version; unknown where the table can't decide about the version wanted.

    Ceilings never fall from one release to the next: a runtime newer than the table reads at least what the newest row
    reads, and one older than the table at most what the oldest row reads.
    """
    known = [(row, limit) for row in _ceilings() if (limit := row.of(kind)) is not None]
    release = Version(f"{version.major}.{version.minor}")
    asked = f"onnxruntime {version}"
    for row, limit in known:
        if row.release == release:
            return exact(limit, row)
    if known and release > known[-1][0].release:
        row, limit = known[-1]
        return newest_row(limit, row, asked, row.release)
    if known and release < known[0][0].release and wanted > known[0][1]:
        return exact(known[0][1], known[0][0])
    return unknown(asked, "onnx")


def first_runtime(kind: str, wanted: int) -> Version | None:
    """The first release known to read a version."""
    return next((row.release for row in _ceilings() if (row.of(kind) or 0) >= wanted), None)


def _ceilings() -> tuple[OnnxRuntimeCeiling, ...]:
    return tuple(sorted(rows("onnx", "onnxruntime", OnnxRuntimeCeiling), key=lambda row: row.release))

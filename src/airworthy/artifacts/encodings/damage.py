"""Bytes that are not what their format says: what every reader of bytes raises."""

from __future__ import annotations

from airworthy.core.values import Defect


class Damaged(Exception):
    """Content that can't be read, and where."""

    def __init__(self, kind: str, detail: str, offset: int | None = None) -> None:
        """Describe damage.

        Args:
            kind: one of the kinds of `core.values.Defect`.
            detail: what was expected and what was found, one line.
            offset: the byte where it shows, where there is one.
        """
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.offset = offset

    def of(self, member: str) -> Defect:
        """It as a defect of a file or of a member of an archive."""
        return Defect(member=member[:200], kind=self.kind, detail=self.detail, offset=self.offset)

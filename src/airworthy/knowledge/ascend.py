"""Ascend: which torch-npu was made for which PyTorch and which CANN."""

from __future__ import annotations

from airworthy.core.version import Version
from airworthy.knowledge.tables import Row, rows


class Pair(Row, frozen=True):
    """A release of torch-npu and what it was made for."""

    torch_npu: str
    """The release as pip writes it; its post-release decides, `2.7.1.post4`."""
    torch: Version
    """The PyTorch release that it needs."""
    cann: Version
    """The CANN release that it was made with, `8.3.RC1`."""


def table() -> tuple[Pair, ...]:
    """All releases, the newest CANN first."""
    return rows("ascend", "pair", Pair)


def pairs(torch_npu: Version) -> tuple[Pair, ...]:
    """What a release of torch-npu was made for; empty where the table has no such release."""
    wanted = torch_npu.text.partition("+")[0]
    return tuple(row for row in table() if row.torch_npu == wanted)

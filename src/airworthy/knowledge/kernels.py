"""Which generations of devices engines have kernels for: quantised arithmetic, attention."""

from __future__ import annotations

import re

from airworthy.core.version import Version
from airworthy.knowledge.answers import TableAnswer, found, unknown
from airworthy.knowledge.tables import Row, rows, within


class Quantised(Row, frozen=True):
    """The devices for which an engine has kernels for a way of quantising."""

    engine: str
    """The distribution."""
    method: str
    """The way of quantising, `awq`."""
    until: Version
    """The last release of the engine that the row is about."""
    minimum: Version
    """The compute capability of the oldest device."""
    mixture: bool = False
    """Whether it is about the experts of a mixture-of-experts model only."""


class Attention(Row, frozen=True):
    """The devices that attention kernels run on."""

    name: str
    """The package or the name that they are requested by."""
    minimum: Version
    """The compute capability of the oldest device."""
    only_major: bool = False
    """Whether they run on that generation alone."""


def quantised(
    engine: str, version: Version, method: str, *, mixture: bool = False, weights_only: bool = False
) -> TableAnswer[Quantised]:
    """The row that decides about a way of quantising.

    Unknown for a release after the last row: engines add kernels for older devices, so that row need not hold.
    """
    wanted = re.sub(r"[^a-z0-9_]+", "_", method.lower()).strip("_")
    asked = f"{method} on {engine} {version}"
    table: list[Quantised] = [
        row for row in rows("quantised_kernels", "kernel", Quantised) if row.engine == engine and row.method == wanted
    ]
    fitting = [row for row in table if within(version, Version("0"), row.until)]
    if table and not fitting:
        last = max(table, key=lambda row: row.until)
        return unknown(asked, "quantised_kernels", last, last.until)
    special = mixture and not weights_only and any(row.mixture for row in fitting)
    row = next((row for row in fitting if row.mixture is special), None)
    return found(row, asked, "quantised_kernels", row)


def attention(name: str) -> Attention | None:
    """The row of attention kernels by the name under which they are requested: `flash_attention_2`, `fa3`."""
    text = (
        name.lower().replace("_", "-").replace("flash-attention", "flash-attn").replace("flashattention", "flash-attn")
    )
    text = re.sub(r"^fa-?(\d)$", r"flash-attn-\1", text).replace("flash-attn3", "flash-attn-3")
    if re.search(r"flash-attn-?3", text):
        wanted = "flash-attn-3"
    elif text.startswith("flash-attn"):
        wanted = "flash-attn"
    else:
        wanted = text
    return next((row for row in rows("attention_kernels", "kernel", Attention) if row.name == wanted), None)

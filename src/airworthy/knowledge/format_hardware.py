"""Which way to store weights an engine computes with on which generation of devices."""

from __future__ import annotations

from airworthy.core.version import Version
from airworthy.knowledge.tables import Row, rows

YES, WEIGHTS_ONLY, NO, PARTLY, UNKNOWN = "yes", "weights only", "no", "partly", "unknown"
"""The answers: `weights only` has a kernel that widens them while it computes."""
COLUMNS = ("7.0", "7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0", "gfx942", "gfx950", "ascend", "cpu")
"""Devices that the table has a column for: NVIDIA's by compute capability, AMD's by target, others by name."""


class FormatSupport(Row, frozen=True):
    """One engine and one way."""

    engine: str
    """`vllm`, `sglang`, `tensorrt-llm`, `llamacpp`."""
    methods: tuple[str, ...]
    """Names of the way, as in the table of precisions, lower case."""
    yes: tuple[str, ...] = ()
    """Columns with a kernel for it."""
    weights_only: tuple[str, ...] = ()
    """Columns where weights are stored so, and widened to compute."""
    partly: tuple[str, ...] = ()
    """Columns where some of it works, or some releases."""
    no: tuple[str, ...] = ()
    """Columns without."""
    note: str = ""
    """What else is known, one line."""


def column(vendor: str, capability: str) -> str:
    """The column of a device; empty for one that the table has none for.

    A device between two columns of NVIDIA's belongs to the lower one: kernels run on later ones of a generation.
    """
    if vendor in ("", "cpu"):
        return "cpu"
    if vendor == "ascend":
        return "ascend"
    if capability in COLUMNS:
        return capability
    if vendor == "nvidia" and capability:
        asked = Version(capability)
        older = [each for each in COLUMNS[:8] if Version(each) <= asked and Version(each).major == asked.major]
        return max(older, key=Version, default="")
    return ""


def support(engine: str, method: str, vendor: str, capability: str) -> tuple[str, FormatSupport | None]:
    """Whether an engine computes with a way to store weights on a device, and the row that says so."""
    place = column(vendor, capability)
    for row in rows("format_hardware", "support", FormatSupport):
        if row.engine == engine and method.lower() in row.methods:
            for answer, places in (
                (YES, row.yes),
                (WEIGHTS_ONLY, row.weights_only),
                (PARTLY, row.partly),
                (NO, row.no),
            ):
                if place and place in places:
                    return answer, row
            return UNKNOWN, row
    return UNKNOWN, None

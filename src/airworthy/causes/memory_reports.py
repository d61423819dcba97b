"""What PyTorch reports of a device's memory when it runs out: what was requested, and who holds what.

Several causes print the same line; the numbers in it distinguish them.
"""

from __future__ import annotations

from airworthy.core.messages import bytes_text

LITERAL = "out of memory. Tried to allocate"
"""What the lines of all back ends and versions have in common."""
_SIZE = r"\d+(?:\.\d+)? (?:bytes|[KMGT]iB)"
_ASKED = rf"(?P<api>\w+) out of memory\. Tried to allocate (?P<asked>{_SIZE})"
UNTIL_2_0 = (
    rf"{_ASKED} \(\w+ (?P<device>\d+); (?P<total>{_SIZE}) total capacity; (?P<allocated>{_SIZE}) already allocated; "
    rf"(?:{_SIZE} current active; )?(?:(?P<free>{_SIZE}) free; )?(?P<reserved>{_SIZE}) (?:reserved in total|cached)"
)
"""The line up to PyTorch 2.0, and that of back ends that followed it."""
SINCE_2_1 = (
    rf"{_ASKED}\. (?:GPU|NPU|XPU|\w+) (?P<device>\d+) has a total capac\w+ of (?P<total>{_SIZE})"
    rf"(?: of which (?P<free>{_SIZE}) is free)?"
    rf"(?:.{{0,600}}?this process has (?P<mine>{_SIZE}) memory in use)?"
    rf"(?:.{{0,600}}?(?P<allocated>{_SIZE}) is allocated by PyTorch)?"
    rf"(?:.{{0,200}}?(?P<slack>{_SIZE}) is reserved by PyTorch but unallocated)?"
)
"""The line from PyTorch 2.1 on."""

_UNITS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_CONTEXT = 1 << 30
"""Bytes that a process may hold beside PyTorch's: context, loaded kernels, collectives."""
_MUCH = 0.1
"""The share of what PyTorch holds that has to lie unused before fragmentation is to blame."""
_OTHERS = 0.2
"""The share of the device that other processes must hold before they are to blame."""


def size_of(text: str) -> float:
    """Bytes of a size as PyTorch writes it, `4.30 GiB`."""
    number, _, unit = text.partition(" ")
    return float(number) * _UNITS[unit]


def _known(params: dict[str, str]) -> tuple[dict[str, float], float, float]:
    """The numbers of a line; what lies reserved and unused; what others hold. Unknown ones count as 0."""
    names = ("asked", "total", "free", "allocated", "reserved", "mine", "slack")
    sizes = {name: size_of(params[name]) if name in params else 0.0 for name in names}
    slack = sizes["slack"] if "slack" in params else max(0.0, sizes["reserved"] - sizes["allocated"])
    own = sizes["mine"] or (sizes["allocated"] + slack + _CONTEXT)
    others = max(0.0, sizes["total"] - sizes["free"] - own) if "free" in params else 0.0
    return sizes, slack, others


def fragmented(params: dict[str, str]) -> dict[str, str] | None:
    """Parameters where much lies reserved and unused, and would have sufficed in one piece."""
    sizes, slack, _ = _known(params)
    much = slack >= _MUCH * (sizes["allocated"] + slack) and slack >= sizes["asked"] / 2
    if not much or slack + sizes["free"] < sizes["asked"]:
        return None
    return {**params, "slack": bytes_text(slack)}


def crowded(params: dict[str, str]) -> dict[str, str] | None:
    """Parameters where other processes hold what is missing."""
    sizes, slack, others = _known(params)
    if others < _OTHERS * sizes["total"] or others + slack + sizes["free"] < sizes["asked"]:
        return None
    return {**params, "others": bytes_text(others)}


def exhausted(params: dict[str, str]) -> dict[str, str] | None:
    """Parameters where this process alone has filled the device."""
    return params if fragmented(params) is None and crowded(params) is None else None

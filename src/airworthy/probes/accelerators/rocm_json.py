"""The JSON of rocm-smi and of hy-smi, which descends from it: an object a card."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from airworthy.core.messages import say
from airworthy.core.values import Device
from airworthy.probes.seam.host import HostError

_CARD = re.compile(r"card(\d{1,3})")
MIB = 1024 * 1024


def parse_cards(text: str, vendor: str, tool: str) -> tuple[Device, ...]:
    """The devices in `--showproductname --showmeminfo vram --json`.

    Raises:
        HostError: it is something else, or it names no card.
    """
    start = text.find("{")  # warnings of the tool come first, in the same stream
    try:
        data: Any = msgspec.json.decode(text[max(start, 0) :].encode())
    except (msgspec.DecodeError, RecursionError):
        data = None
    if not isinstance(data, dict):
        said = next((line.strip() for line in text.splitlines() if line.strip()), "")
        raise HostError(say("{tool} printed no JSON: {said}", tool=tool, said=said[:200] or say("nothing")))
    devices = []
    for name, card in data.items():
        match = _CARD.fullmatch(str(name))
        if match and isinstance(card, dict):
            devices.append(_device(int(match[1]), {str(k).lower(): str(v) for k, v in card.items()}, vendor))
    if not devices:
        raise HostError(say("{tool} names no card", tool=tool))
    return tuple(sorted(devices, key=lambda device: device.index))


def _device(index: int, card: dict[str, str], vendor: str) -> Device:
    total, used = _size(card, "total"), _size(card, "total used")
    return Device(
        vendor=vendor,
        name=(card.get("card series") or card.get("device name") or card.get("card model") or vendor)[:100],
        index=index,
        memory=total,
        memory_free=max(0, total - used) if total is not None and used is not None else None,
        architecture=found[0] if (found := re.match(r"gfx[0-9a-f]{3,5}", card.get("gfx version", ""))) else "",
    )


def _size(card: dict[str, str], which: str) -> int | None:
    for unit, factor in (("b", 1), ("mib", MIB)):
        text = card.get(f"vram {which} memory ({unit})", "")
        if re.fullmatch(r"\d{1,18}", text):
            return int(text) * factor
    return None

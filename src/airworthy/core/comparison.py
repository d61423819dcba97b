"""What differs between two machines, what says most first: the way from "it works there" to what is missing here.

Pure. What always differs and says nothing is passed over: addresses, paths, identifiers, what is free just now.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from airworthy.core.facts import NOT_LOOKED_AT, Absent, Fact, Facts, Unknown, dump
from airworthy.core.messages import say

_ORDER: tuple[tuple[str, ...], ...] = (
    ("*.devices", "*.driver", "*.sdk", "visible.*", "nvidia.health", "nvidia.xids", "amd.*", "rocm.*", "ascend.*"),
    ("nvidia.cuda", "container.gpu_support", "container.nvidia_*"),
    ("frameworks",),
    ("distributions:informative",),
    ("cpu.architecture", "python.version", "libc.*", "libstdcxx.*", "cuda.toolkit"),
    ("distributions:compiled", "libraries", "loader.*", "binaries", "numpy.*"),
    (
        "container.*",
        "access.*",
        "access.devices",
        "memory.*",
        "disks",
        "cpu.instructions",
        "cpu.quota",
        "limits.*",
        "model.*",
        "target.*",
    ),
    ("distributions:pure",),
    ("*",),
)
"""Groups of facts by how often they are what makes the difference; within one, a name that comes earlier."""
_TELLING = re.compile(
    r"torch\w*(-npu)?|tensorflow[\w-]*|onnxruntime[\w-]*|onnx|jax[\w-]*|numpy|triton[\w-]*|nvidia-.+|cupy[\w-]*|vllm.*"
    r"|sglang|lmdeploy|tensorrt.*|transformers|tokenizers|accelerate|safetensors|flash-attn|xformers|bitsandbytes"
    r"|deepspeed|peft|protobuf|ctranslate2|llama-cpp-python|paddlepaddle.*|mindspore|openvino"
)
"""Packages that models run on."""
_PATHS = frozenset({"python.executable", "python.prefix", "model.path", "pci.devices"})
_IDENTITY = {
    "distributions": ("name",),
    "frameworks": ("name",),
    "disks": ("use",),
    "libraries": ("soname",),
    "loader.shadowed": ("soname",),
    "binaries": ("distribution", "path"),
    "numpy.uses": ("distribution",),
    "access.places": ("use",),
    "access.devices": ("path",),
    "model.defects": ("member", "kind"),
    "nvidia.xids": ("number",),
}
"""What makes two members of a list the same thing; of other lists it is `index`, where members have one."""
_PASSED_OVER = frozenset(
    {
        *("uuid", "location", "origin", "requires", "requires_python", "address", "owner", "group", "mode", "path"),
        *("memory_free", "free", "inodes_free", "used", "meant", "binary"),
    }
)
_BY_PACKAGE = frozenset({"binaries", "numpy.uses"})
"""Lists whose members come and go with packages."""
_VOLATILE = frozenset({"memory.available", "memory.swap_free"})
_ROUGH = frozenset({"memory", "total", "memory.total", "memory.limit", "memory.swap"})
_ALIKE = 0.95
"""Two sizes are alike whose ratio is above this."""


class Difference(NamedTuple):
    """One thing that is not the same on two machines."""

    fact: str
    """The fact's name."""
    about: str
    """Which member of it, `torch`; empty for the fact itself."""
    first: Any
    """Its value on the first machine as plain JSON data, or the fields that differ; None where it is not there."""
    second: Any
    """Its value on the second."""
    note: str = ""
    """Why one of the values is not known, where one isn't."""


def compare(first: Facts, second: Facts) -> tuple[Difference, ...]:
    """What differs between two machines, what says most first."""
    left, right = (msgspec.json.decode(dump(facts))["facts"] for facts in (first, second))
    found: list[_Ranked] = []
    for name in dict.fromkeys((*left, *right)):
        if name not in _PATHS and name not in _VOLATILE:
            found.extend(_differences(name, first.get(name), second.get(name), left.get(name), right.get(name)))
    return tuple(each for _, each in sorted(found, key=lambda pair: pair[0]))


_Ranked = tuple[tuple[int, int, int, str, str], Difference]


def _differences(name: str, first: Fact | None, second: Fact | None, left: Any, right: Any) -> Iterator[_Ranked]:
    unknown = [fact is None or isinstance(fact, Unknown) for fact in (first, second)]
    if any(unknown):
        known = second if unknown[0] else first
        if not all(unknown) and not isinstance(known, Absent):
            reason = next((fact.reason for fact in (first, second) if isinstance(fact, Unknown)), NOT_LOOKED_AT)
            values = [None if side is None else side.get("value") for side in (left, right)]
            # Of a long list the other machine's members are no difference: they were not read.
            yield _ranked(Difference(name, "", _counted(values[0]), _counted(values[1]), reason), "", 4)
        return
    one, other = left.get("value"), right.get("value")
    if one is None or other is None:
        yield from () if one is other else (_ranked(Difference(name, "", _counted(one), _counted(other)), "", 0),)
    elif _members(one) or _members(other):
        yield from _of_lists(name, one, other)
    elif not _same(name, one, other):
        if isinstance(one, list) and isinstance(other, list):
            one, other = [v for v in one if v not in other], [v for v in other if v not in one]
        yield _ranked(Difference(name, "", one, other), "", _step(one, other))


def _counted(value: Any) -> Any:
    """A list of things as their number and the names of the first few; anything else as it is."""
    if not isinstance(value, list) or (value and not _members(value)):
        return value
    names = dict.fromkeys(str(member["name"]) for member in value if "name" in member)
    return ", ".join([say("{count} of them", count=len(value)), *tuple(names)[:3]])


def _members(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(member, dict) for member in value)


def _of_lists(name: str, one: list[dict[str, Any]], other: list[dict[str, Any]]) -> Iterator[_Ranked]:
    left, right = _by_identity(name, one), _by_identity(name, other)
    for identity in dict.fromkeys((*left, *right)):
        a, b = left.get(identity), right.get(identity)
        if a is None or b is None:
            if name in _BY_PACKAGE:
                continue  # the packages say so already
            values = [None if side is None else _shown(name, side) for side in (a, b)]
            yield _ranked(Difference(name, identity, values[0], values[1]), _kind(name, a or b), 1 if b is None else 3)
            continue
        fields = [f for f in dict.fromkeys((*a, *b)) if f not in _PASSED_OVER and not _same(f, a.get(f), b.get(f))]
        if name == "distributions":
            fields = [field for field in fields if field == "version"]
        if fields:
            parts = [{field: side[field] for field in fields if side.get(field) is not None} for side in (a, b)]
            step = _step(a.get("version"), b.get("version"))
            yield _ranked(Difference(name, identity, parts[0], parts[1]), _kind(name, a), step)


def _by_identity(name: str, members: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for number, member in enumerate(members):
        fields = _IDENTITY.get(name, ("index",))
        parts = [str(member.get(field, "")).rpartition("/")[2] for field in fields]
        identity = " ".join(part for part in parts if part)
        # The first of several has no index in its JSON, as zero is what it is without one.
        found.setdefault(identity or ("0" if fields == ("index",) else str(number)), member)
    return found


def _shown(name: str, member: Mapping[str, Any]) -> Any:
    if name == "distributions":
        return {"version": member.get("version")}
    told = {*_PASSED_OVER, *_IDENTITY.get(name, ("index",))}
    return {field: value for field, value in member.items() if field not in told}


def _same(name: str, one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return sorted(map(str, one)) == sorted(map(str, other))
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in (one, other))
    if name in _ROUGH and numbers and max(one, other) > 0:
        return bool(min(one, other) / max(one, other) > _ALIKE)
    return bool(one == other)


def _step(one: Any, other: Any) -> int:
    """How far apart two versions are: 0 in the first number, 1 in the second, 2 further back."""
    parts = [re.findall(r"\d+", value.partition("+")[0]) if isinstance(value, str) else [] for value in (one, other)]
    for place, (a, b) in enumerate(zip(*parts, strict=False)):
        if int(a) != int(b):
            return min(place, 2)
    return 0 if one is None or other is None else 2


def _kind(name: str, member: Mapping[str, Any] | None) -> str:
    if name != "distributions" or member is None:
        return ""
    if _TELLING.fullmatch(str(member.get("name", ""))):
        return ":informative"
    return ":compiled" if any(not tag.endswith("-any") for tag in member.get("tags", ())) else ":pure"


def _ranked(difference: Difference, kind: str, step: int) -> _Ranked:
    name = difference.fact + kind
    matching = [
        (len(pattern), group, place)
        for group, patterns in enumerate(_ORDER)
        for place, pattern in enumerate(patterns)
        if _matches(pattern, name)
    ]
    _, group, place = max(matching)  # the longest pattern says most
    return (group, place, step, name, difference.about), difference


def _matches(pattern: str, name: str) -> bool:
    start, star, end = pattern.partition("*")
    return name.startswith(start) and name.endswith(end) if star else name == pattern

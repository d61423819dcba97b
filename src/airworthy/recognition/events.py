"""What `kubectl` prints, in any of its formats, as the lines that `kubectl describe` would print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

MAX_EVENTS_BYTES = 16 * 1024 * 1024
"""Bytes that are taken for a document; more is read as plain lines."""

_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_YAML_HEAD = re.compile(r"\A(?:---\s*\n|#[^\n]*\n)*(?:apiVersion|kind|items|metadata):", re.MULTILINE)
_YAML_ROW = re.compile(r"(?P<indent>\s*)(?:- )?(?P<key>[A-Za-z][\w./-]{0,80}):(?: (?P<value>.*))?$")
_STATES = ("waiting", "terminated", "running")


def plain(text: str) -> str:
    """The text as lines; what is neither JSON nor YAML of a cluster stays as it is."""
    head = text.lstrip("\ufeff \t\r\n")
    if len(text) > MAX_EVENTS_BYTES:
        return text
    if head.startswith(("{", "[")):
        try:
            return "\n".join(_json(msgspec.json.decode(head.encode("utf-8", "replace")))) + "\n"
        except (msgspec.DecodeError, RecursionError):
            return text
    return "\n".join(_yaml(head)) + "\n" if _YAML_HEAD.match(head) else text


def _json(data: Any, key: str = "", indent: int = 0) -> Iterator[str]:
    pad = "  " * min(indent, 40)
    if isinstance(data, dict):
        if data.get("kind") == "Event" or {"involvedObject", "reason"} <= data.keys():
            yield f"  {data.get('type', '')}  {data.get('reason', '')}  {_component(data)}  {data.get('message', '')}"
            return
        if {"type", "status"} <= data.keys() and isinstance(data.get("status"), str):
            yield "  ".join(str(data[name]) for name in ("type", "status", "reason", "message") if data.get(name))
            return
        if key:
            yield f"{pad}{_title(key)}:"
        for name, value in data.items():
            if name in _STATES and isinstance(value, dict):
                yield f"{pad}  State: {name.capitalize()}"
                for inner, told in value.items():
                    yield from _json(told, inner, indent + 2)
            else:
                yield from _json(value, name, indent + 1)
    elif isinstance(data, list):
        for each in data:
            yield from _json(each, key if not isinstance(each, dict) else "", indent)
    elif data is not None and data != "":
        for line in str(data).splitlines() or [""]:
            yield f"{pad}{_title(key)}: {line}" if key else f"{pad}{line}"


def _component(event: dict[str, Any]) -> str:
    source = event.get("source")
    told = source.get("component", "") if isinstance(source, dict) else ""
    return str(told or event.get("reportingComponent") or "")


def _title(key: str) -> str:
    """`exitCode` as `Exit Code`, the way a description spells it."""
    if not key or not key[0].islower() or any(each in key for each in "./-"):
        return key
    words = _WORDS.sub(" ", key)
    return words[0].upper() + words[1:]


def _yaml(text: str) -> Iterator[str]:
    """The rows, long values joined, keys as a description spells them. Not a reader of YAML: of what clusters print."""
    row, indent = "", 0
    for raw in text.splitlines():
        stripped = raw.strip()
        depth = len(raw) - len(raw.lstrip(" "))
        match = _YAML_ROW.match(raw)
        if row and stripped and match is None and not stripped.startswith("- ") and depth > indent:
            row = f"{row} {stripped}"
            continue
        if row:
            yield row
        row, indent = "", depth
        if match is None:
            row = raw
            continue
        value = (match["value"] or "").strip()
        if value in ("|", "|-", ">", ">-"):
            value = ""
        row = f"{match['indent']}{_title(match['key'])}: {value.strip(chr(39) + chr(34))}"
    if row:
        yield row

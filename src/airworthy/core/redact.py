"""Taking out of facts what names a person, a host or a secret, so that they can be sent to others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from airworthy.core.facts import Facts, load, to_json

Replacement = Callable[[re.Match[str]], str]

_IPV4 = r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(/home/|/Users/|\\Users\\)[^/\\\s\"']+"), r"\1<user>"),
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)[^/\s:@]+:[^/\s@]+@", re.IGNORECASE), r"\1<secret>@"),
    (re.compile(r"\b(?:hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,})"), "<token>"),
    (re.compile(r"(?i)\b((?:api[-_]?key|token|secret|password|passwd)\s*[=:]\s*)[^\s,;\"']+"), r"\1<secret>"),
    (re.compile(r"(?i)\b(bearer\s+)[a-z0-9._~+/-]{8,}=*"), r"\1<token>"),
    (re.compile(r"\bGPU-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"(?i)\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b"), "<mac>"),
    (re.compile(r"(?i)(serial(?: number)?\s*[=:]\s*)\S+"), r"\1<serial>"),
)
_ADDRESS = re.compile(_IPV4)
_KEEP_ADDRESSES = frozenset({"127.0.0.1", "0.0.0.0", "255.255.255.255"})  # noqa: S104 - compared, not bound


def redact_text(text: str, names: tuple[str, ...] = ()) -> str:
    """Remove users, hosts, addresses, tokens and serials from a text.

    Args:
        text: what is to be shown.
        names: the user's and the host's own names, removed wherever they stand as words.
    """
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = _ADDRESS.sub(lambda match: match.group() if match.group() in _KEEP_ADDRESSES else "<address>", text)
    for name in names:
        if len(name) >= 3 and name not in {"root", "localhost"}:
            text = re.sub(rf"\b{re.escape(name)}\b", "<name>", text)
    return text


def redact(facts: Facts, names: tuple[str, ...] = ()) -> Facts:
    """A copy of the facts that names no person, host or secret; versions and sizes stay as they are."""
    document = _walk(to_json(facts), names)
    return load(msgspec.json.encode(document), "redacted facts")


_VERSION_FIELDS = frozenset({"version", "runtime", "glibc", "requires"})


def _walk(data: Any, names: tuple[str, ...], field: str = "") -> Any:
    if isinstance(data, dict):
        return {key: "" if key == "uuid" else _walk(value, names, key) for key, value in data.items()}
    if isinstance(data, list):
        return [_walk(item, names, field) for item in data]
    if isinstance(data, str) and field not in _VERSION_FIELDS:
        return redact_text(data, names)
    return data

"""Taking out of facts what names a person, a host or a secret, so that they can be sent to others."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from airworthy.core.facts import Facts, load, to_json
from airworthy.core.keys import KEYS, OS_KERNEL
from airworthy.core.version import Version

_IPV4 = r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(/home/|/[Uu]sers/|\\Users\\)[^/\\\s\"':,;]+"), r"\1<user>"),
    (re.compile(r"\b([a-z][a-z0-9+.-]{0,20}://)[^/\s@]{1,400}@", re.IGNORECASE), r"\1<secret>@"),
    (
        re.compile(
            r"\b(?:hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}"
            r"|glpat-[A-Za-z0-9_-]{16,}|nvapi-[A-Za-z0-9_-]{20,}|pypi-[A-Za-z0-9_-]{20,}|AKIA[A-Z0-9]{16}"
            r"|eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]*)"
        ),
        "<token>",
    ),
    (
        re.compile(
            r"(?i)((?:api[-_]?key|access[-_]?key|token|secret|password|passwd)[\"']?\s*[=:]\s*[\"']?)[^\s,;&\"']+"
        ),
        r"\1<secret>",
    ),
    (re.compile(r"(?i)\b(bearer\s+)[a-z0-9._~+/-]{8,}=*"), r"\1<token>"),
    (re.compile(r"(?i)\b(?:GPU-|MIG-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"(?i)(?<![\w:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![\w:])"), "<mac>"),
    (re.compile(r"(?i)(serial(?:[ _]?(?:number|no\.?))?\s*[=:]\s*)\S+"), r"\1<serial>"),
    (re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}\b"), "<email>"),
)
_ADDRESS_6 = re.compile(
    r"(?i)(?<![\w:.])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6})(?![\w:])"
)
_ADDRESS = re.compile(_IPV4)
_KEEP_ADDRESSES = frozenset({"127.0.0.1", "0.0.0.0", "255.255.255.255"})  # noqa: S104 - compared, not bound


def redact_text(text: str, names: tuple[str, ...] = (), *, addresses: bool = True) -> str:
    """Remove users, hosts, addresses, tokens and serials from a text.

    Args:
        text: what is to be shown.
        names: the user's and the host's own names, removed wherever they stand as words.
        addresses: whether four numbers with dots between are an address; not so in a version.
    """
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    if addresses:
        text = _ADDRESS.sub(lambda match: match.group() if match.group() in _KEEP_ADDRESSES else "<address>", text)
        text = _ADDRESS_6.sub("<address>", text)
    for name in names:
        if len(name) >= 3 and name not in {"root", "localhost"}:
            text = re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", "<name>", text)
    return text


def redact(facts: Facts, names: tuple[str, ...] = ()) -> Facts:
    """A copy of the facts that names no person, host or secret; versions and sizes stay as they are."""
    document = to_json(facts)
    entries = document["facts"]
    for name, entry in entries.items():
        # `5.15.153.1-microsoft-standard-WSL2` is a kernel, not an address.
        version = KEYS[name].type is Version or name == OS_KERNEL.name
        entries[name] = {key: _walk(value, names, key, version) for key, value in entry.items()}
    return load(msgspec.json.encode(document), "redacted facts")


_VERSION_FIELDS = frozenset({"version", "runtime", "glibc", "glibcxx", "cxxabi", "cudnn", "requires"})


def _walk(data: Any, names: tuple[str, ...], field: str, version: bool) -> Any:
    if isinstance(data, dict):
        return {key: "" if key == "uuid" else _walk(value, names, key, version) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_walk(item, names, field, version) for item in data]
    if isinstance(data, str):
        is_version = field in _VERSION_FIELDS or (version and field == "value")
        return redact_text(data, names, addresses=not is_version)
    return data

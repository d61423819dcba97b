"""What was found out: each fact is known with its source, absent with its source, or unknown with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, TypeVar, Union

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.keys import KEYS, Key
from airworthy.core.version import Version

T = TypeVar("T")
D = TypeVar("D")

SCHEMA = 1
"""The number that a facts file carries; it grows when an old reader would misread a new file."""

NOT_LOOKED_AT = "it was not inspected"
"""Why a fact is unknown that no probe provides here."""


class Known(msgspec.Struct, frozen=True):
    """A fact with its value."""

    value: Any
    """The value, of the key's type."""
    source: str
    """Where it was read: a file, a command, a library call."""


class Absent(msgspec.Struct, frozen=True):
    """What the fact is about does not exist here: no such device, no limit set. As sure as a value."""

    source: str
    """What says so."""


class Unknown(msgspec.Struct, frozen=True):
    """The fact could not be read. Never a pass, never a failure."""

    reason: str
    """Why not, in one line."""


Fact = Union[Known, Absent, Unknown]


class FactUnknown(AirworthyError):
    """A fact without a value was read."""

    code = "fact-unknown"
    message = "{key} is not known: {reason}"


class FactsUnreadable(AirworthyError):
    """A facts file that is not one, or is of another schema."""

    code = "facts-unreadable"
    message = "{source} is not a facts file: {reason}"
    hint = "make one with `airworthy facts --save {source}` on the machine in question"


def encode_value(value: Any) -> Any:
    """Turn a `Version` into its text; the hook that msgspec calls for what it doesn't know."""
    if isinstance(value, Version):
        return value.text
    raise NotImplementedError(type(value))


def decode_value(type_: Any, value: Any) -> Any:
    """Make a `Version` of its text; the hook that msgspec calls for what it doesn't know."""
    if type_ is Version:
        if not isinstance(value, str):
            raise ValueError(f"not a version: {value!r}")
        return Version(value)
    raise NotImplementedError(type_)


class Facts(Mapping[str, Fact]):
    """An immutable set of facts by name, with typed access by key.

    `facts[KEY.name]` is the fact with its source; `facts.value(KEY)` is the value.
    """

    __slots__ = ("_entries", "taken")

    taken: str
    """When they were read, ISO 8601 in UTC."""

    def __init__(self, entries: Mapping[str, Fact] | Iterable[tuple[str, Fact]] = (), taken: str = "") -> None:
        self._entries = dict(entries)
        self.taken = taken or datetime.now(timezone.utc).isoformat(timespec="seconds")

    def __getitem__(self, name: str) -> Fact:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def fact(self, key: Key[Any]) -> Fact:
        """The fact for a key; one that no probe provided is unknown."""
        return self._entries.get(key.name, Unknown(NOT_LOOKED_AT))

    def value(self, key: Key[T]) -> T:
        """The value for a key.

        Raises:
            FactUnknown: it is unknown or absent. Checks don't meet this for what they declare as needs.
        """
        fact = self.fact(key)
        if isinstance(fact, Known):
            value: T = fact.value
            return value
        raise FactUnknown(key=key.name, reason=fact.reason if isinstance(fact, Unknown) else fact.source)

    def get_value(self, key: Key[T], default: D) -> T | D:
        """The value for a key, or the default where it is unknown or absent."""
        fact = self.fact(key)
        return fact.value if isinstance(fact, Known) else default

    def source(self, key: Key[Any]) -> str:
        """Where a known or absent fact was read; the reason for an unknown one."""
        fact = self.fact(key)
        return fact.reason if isinstance(fact, Unknown) else fact.source

    def merged(self, other: Mapping[str, Fact]) -> Facts:
        """These facts with those of `other` added, which win."""
        return Facts({**self._entries, **other}, self.taken)


def to_json(facts: Facts) -> dict[str, Any]:
    """Facts as plain JSON data, names sorted."""
    entries: dict[str, Any] = {}
    for name in sorted(facts):
        fact = facts[name]
        if isinstance(fact, Known):
            value = msgspec.to_builtins(fact.value, enc_hook=encode_value)
            entries[name] = {"value": value, "source": fact.source}
        elif isinstance(fact, Absent):
            entries[name] = {"absent": True, "source": fact.source}
        else:
            entries[name] = {"unknown": fact.reason}
    return {"schema": SCHEMA, "taken": facts.taken, "facts": entries}


def dump(facts: Facts) -> bytes:
    """A facts file: indented JSON."""
    return msgspec.json.format(msgspec.json.encode(to_json(facts)), indent=2) + b"\n"


def load(data: bytes, source: str = "-") -> Facts:
    """Read a facts file. Names that this version doesn't know are passed over.

    Raises:
        FactsUnreadable: not JSON, not an object of ours, another schema, or a value of the wrong type.
    """
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FactsUnreadable(source=source, reason=str(error)) from None
    if not isinstance(document, dict) or not isinstance(document.get("facts"), dict):
        raise FactsUnreadable(source=source, reason="there is no object `facts` in it")
    if document.get("schema") != SCHEMA:
        reason = f"its schema is {document.get('schema')!r}, this version reads {SCHEMA}"
        raise FactsUnreadable(source=source, reason=reason)
    entries = ((name, _entry(name, entry, source)) for name, entry in document["facts"].items() if name in KEYS)
    return Facts(entries, taken=str(document.get("taken", "")))


def _entry(name: str, entry: Any, source: str) -> Fact:
    if isinstance(entry, dict):
        if isinstance(entry.get("unknown"), str):
            return Unknown(entry["unknown"])
        if entry.get("absent") is True:
            return Absent(str(entry.get("source", source)))
        if "value" in entry:
            return Known(convert(KEYS[name], entry["value"], source), str(entry.get("source", source)))
    raise FactsUnreadable(source=source, reason=f"{name} has neither `value`, `absent` nor `unknown`")


def convert(key: Key[T], value: Any, source: str) -> T:
    """Plain JSON data as the value of a key.

    Raises:
        FactsUnreadable: the data does not fit the key's type.
    """
    try:
        converted: T = msgspec.convert(value, key.type, dec_hook=decode_value)
    except (msgspec.ValidationError, ValueError) as error:
        raise FactsUnreadable(source=source, reason=f"{key.name}: {error}") from None
    return converted

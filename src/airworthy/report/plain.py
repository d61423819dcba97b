"""Making data harmless to show: no control character, no lone surrogate, nothing but plain JSON types."""

from __future__ import annotations

from typing import Any

import msgspec

from airworthy.core.facts import encode_value


def printable(text: str, keep: str = "") -> str:
    r"""The text with every character that would not show itself written as an escape, `\x1b`.

    File names and logs come from strangers: an escape sequence could repaint the terminal, a line feed could forge
    a line of the report, a right-to-left mark could turn a command around.

    Args:
        text: the text.
        keep: characters that stay as they are, such as the line feeds of a text of many lines.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode("ascii") for c in text)


def value_text(value: Any) -> str:
    """A fact's value on one line, as short as it can be written."""
    return printable(_told(builtins(value)))


def _told(data: Any) -> str:
    if isinstance(data, str):
        return data
    if isinstance(data, dict):
        return " ".join(f"{name}={_told(item)}" for name, item in data.items() if item not in (None, "", []))
    if isinstance(data, list):
        separator = "; " if any(isinstance(item, dict) for item in data) else ", "
        return separator.join(_told(item) for item in data) or "none"
    return msgspec.json.encode(data).decode()


def json_text(data: Any) -> str:
    """Plain data as indented JSON in which no character is raw that would not show itself; the values are the same."""
    text = msgspec.json.format(msgspec.json.encode(data), indent=2).decode()
    return "".join(c if c == "\n" or c.isprintable() else _json_escape(c) for c in text) + "\n"


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def builtins(value: Any) -> Any:
    """The value as plain JSON data that every JSON writer takes."""
    return _clean(msgspec.to_builtins(value, enc_hook=_encode, str_keys=True))


def _encode(value: Any) -> Any:
    try:
        return encode_value(value)
    except NotImplementedError:
        return str(value)


def _clean(data: Any) -> Any:
    # A file name that isn't UTF-8 reaches Python as lone surrogates, which no JSON document can hold.
    if isinstance(data, str):
        return data.encode("utf-8", "backslashreplace").decode() if not data.isascii() else data
    if isinstance(data, dict):
        return {_clean(key): _clean(item) for key, item in data.items()}
    if isinstance(data, (list, tuple)):
        return [_clean(item) for item in data]
    return data

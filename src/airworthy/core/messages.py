"""The one place where a template and its parameters become text for a person.

A template names its parameters (`"{path} holds {size:bytes}"`). A translation replaces the template, never the
parameters, so the same finding can be shown in another language from its JSON.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_catalogue: Mapping[str, str] = {}


def use_catalogue(catalogue: Mapping[str, str]) -> None:
    """Replace the translations: template in English → template in the reader's language."""
    global _catalogue
    _catalogue = catalogue


def bytes_text(count: float) -> str:
    """A number of bytes in binary units, with at most one decimal: `1.5 GiB`."""
    size = float(count)
    for unit in _UNITS:
        if abs(size) < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"


def seconds_text(seconds: float) -> str:
    """A duration in the unit a person would pick: `3 ms`, `1.2 s`, `4 min`."""
    if seconds < 1:
        milliseconds = seconds * 1000
        return f"{round(milliseconds, 0 if milliseconds >= 10 else 1):g} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def count_text(count: float) -> str:
    """A large number with a suffix: `22.7 M`."""
    for size, suffix in ((1e12, " T"), (1e9, " B"), (1e6, " M"), (1e3, " k")):
        if abs(count) >= size:
            return f"{count / size:.1f}{suffix}"
    return f"{count:g}"


_SPECS = {"bytes": bytes_text, "seconds": seconds_text, "count": count_text}


class _Formatter(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec in _SPECS:
            return _SPECS[format_spec](value)
        if isinstance(value, (tuple, list, set, frozenset)) and not format_spec:
            return ", ".join(str(item) for item in value)
        return str(super().format_field(value, format_spec))


_formatter = _Formatter()


def say(template: str, /, **params: Any) -> str:
    """Fill a template's named parameters, in the reader's language.

    Besides Python's format specifications it knows `bytes`, `seconds` and `count`; a tuple is joined by commas.

    Raises:
        KeyError: the template names a parameter that was not given.
    """
    return _formatter.vformat(_catalogue.get(template, template), (), params)


def placeholders(template: str) -> frozenset[str]:
    """The parameter names that a template uses."""
    return frozenset(name.partition(".")[0].partition("[")[0] for _, name, _, _ in _formatter.parse(template) if name)

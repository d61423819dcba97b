"""Licences compared with a policy, and suppressions that end on a day."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

import msgspec

from airworthy.core.errors import SettingInvalid
from airworthy.core.messages import say

# Names that packages use in classifiers and free texts, with the SPDX identifier of the same licence. A name that
# stands for several (`BSD License`) is none of them.
_NAMES = {
    "mit license": "MIT",
    "mit": "MIT",
    "the mit license": "MIT",
    "apache software license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "isc license (iscl)": "ISC",
    "isc": "ISC",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "mpl 2.0": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "psf": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "gnu affero general public license v3": "AGPL-3.0-only",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
}
_WORDS = re.compile(r"\(|\)|[^\s()]+")


class Suppression(msgspec.Struct, frozen=True):
    """An advisory that is accepted until a day."""

    advisory: str
    """Its name, or one of its aliases."""
    package: str
    """The package for which it is accepted; empty for any."""
    until: date
    """The last day."""
    reason: str
    """Why."""


_FORM = re.compile(r"\s*(\S+?)(?:@(\S+))?\s+until\s+(\d{4}-\d{2}-\d{2})\s*:\s*(\S.*)", re.IGNORECASE)


def parse_suppression(text: str) -> Suppression:
    """Read `GHSA-… until 2027-01-31: reason`, or with `@package` behind the name.

    Raises:
        SettingInvalid: it has no day on which it ends, or no reason.
    """
    match = _FORM.fullmatch(text)
    problem = say("{text!r} is no suppression", text=text)
    suggestion = say("write `GHSA-xxxx-xxxx-xxxx@package until 2027-01-31: why it does not matter here`")
    if match is None:
        raise SettingInvalid(source="audit.suppress", problem=problem, suggestion=suggestion)
    try:
        until = date.fromisoformat(match[3])
    except ValueError:
        raise SettingInvalid(source="audit.suppress", problem=problem, suggestion=suggestion) from None
    return Suppression(match[1], (match[2] or "").lower(), until, match[4].strip())


def license_of(text: str) -> str:
    """A licence as an SPDX expression, where the text is one or names one; else empty."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    plain = " ".join(text.split())
    known = _NAMES.get(plain.lower())
    if known:
        return known
    parts = [_NAMES.get(each.strip().lower()) for each in plain.split(", ")]
    if len(parts) > 1 and all(parts):
        return " AND ".join(dict.fromkeys(each for each in parts if each))
    if not plain or len(plain) > 300:
        return ""
    try:
        return str(canonicalize_license_expression(plain))
    except InvalidLicenseExpression:
        return ""


def permitted(expression: str, allowed: Iterable[str], denied: Iterable[str]) -> bool:
    """Whether a policy takes an SPDX expression: of `OR` one side has to be taken, of `AND` both.

    Without a list of allowed licences, what is not denied is allowed.
    """
    allowed_ids, denied_ids = {each.lower() for each in allowed}, {each.lower() for each in denied}

    def takes(identifier: str) -> bool:
        plain = identifier.lower().removesuffix("+")
        if plain in denied_ids or identifier.lower() in denied_ids:
            return False
        return not allowed_ids or plain in allowed_ids or identifier.lower() in allowed_ids

    words = _WORDS.findall(expression)
    position = 0

    def either() -> bool:
        nonlocal position
        value = both()
        while position < len(words) and words[position].upper() == "OR":
            position += 1
            other = both()
            value = value or other
        return value

    def both() -> bool:
        nonlocal position
        value = one()
        while position < len(words) and words[position].upper() == "AND":
            position += 1
            other = one()
            value = value and other
        return value

    def one() -> bool:
        nonlocal position
        if position >= len(words):
            return False
        word = words[position]
        position += 1
        if word == "(":
            value = either()
            position += 1
            return value
        if position + 1 < len(words) and words[position].upper() == "WITH":
            position += 2  # an exception only permits more
        return takes(word)

    return bool(words) and either() and position >= len(words)

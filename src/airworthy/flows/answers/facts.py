"""The answer of `facts`."""

from __future__ import annotations

from typing import Any, Optional

from airworthy.core.report import VerbAnswer


class FactsAnswer(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `facts`; in JSON it is a facts file."""

    taken: Optional[str] = None
    """When they were read, ISO 8601 in UTC."""
    facts: Optional[dict[str, dict[str, Any]]] = None
    """Facts by name: `value` and `source`, `absent` and `source`, or `unknown` with the reason."""
    compared: Optional[list[str]] = None
    """The two machines that were compared, with `--compare`."""
    differences: Optional[list[dict[str, Any]]] = None
    """What differs between them, what says most first."""

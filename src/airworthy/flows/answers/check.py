"""The answer of `check`."""

from __future__ import annotations

from typing import Any, Literal, Optional

from airworthy.core.report import VerbAnswer


class CheckAnswer(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `check`."""

    verdict: Literal["works", "fails", "unknown"]
    """`fails` with an error among the findings, `unknown` where a check could not be made, else `works`."""
    facts_taken: Optional[str] = None
    """When the facts were read, ISO 8601 in UTC."""
    machine: Optional[dict[str, Any]] = None
    """The machine in short: `cpu`, `memory` (bytes), `devices`, `drivers` and `frameworks`; not with `--given`."""
    storage: Optional[dict[str, Any]] = None
    """What was measured of the storage: `path`, `read` and `writes` in bytes a second, `load_seconds`; or `unknown`."""
    needs: Optional[dict[str, Any]] = None
    """What the model needs: `disk`, `memory` and `device_memory` of its process in bytes, `capability` and others."""
    battery: Optional[dict[str, Any]] = None
    """What was measured of each device, with `--probe`; or `unknown`."""
    given: Optional[dict[str, Any]] = None
    """The description that was judged, with `--given`."""
    decided: Optional[list[str]] = None
    """Causes that the description rules out."""
    undecided: Optional[dict[str, str]] = None
    """Causes that it leaves open, each with the reason."""
    fixes: Optional[list[dict[str, Any]]] = None
    """Remedies that were run, with `--fix`: `cause`, `subject`, `why`, `outcome`, `detail`."""

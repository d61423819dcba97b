"""Airworthy takes an AI model from a file to a service its owner can trust, and says why whenever it can't.

The verbs of the command line are functions here; they are imported on use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airworthy.diagnose import diagnose
    from airworthy.flows.check import check
    from airworthy.flows.facts import gather as facts
    from airworthy.flows.inspect import inspect

__version__ = "0.1.0"

__all__ = ["__version__", "check", "diagnose", "facts", "inspect"]

_VERBS = {
    "check": "airworthy.flows.check:check",
    "diagnose": "airworthy.diagnose:diagnose",
    "facts": "airworthy.flows.facts:gather",
    "inspect": "airworthy.flows.inspect:inspect",
}


def __getattr__(name: str) -> Any:
    if name not in _VERBS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module, _, attribute = _VERBS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)

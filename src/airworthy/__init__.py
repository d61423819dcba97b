"""Airworthy takes an AI model from a file to a service its owner can trust, and says why whenever it can't.

The verbs of the command line are functions here; they are imported on use.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airworthy.diagnose import diagnose
    from airworthy.flows.check import check
    from airworthy.flows.encrypt import decrypt, encrypt
    from airworthy.flows.facts import gather as facts
    from airworthy.flows.inspect import inspect
    from airworthy.flows.sign import sign, verify

__version__ = "0.1.0"

__all__ = ["__version__", "check", "decrypt", "diagnose", "encrypt", "facts", "inspect", "sign", "verify"]

_VERBS = {
    "check": "airworthy.flows.check:check",
    "decrypt": "airworthy.flows.encrypt:decrypt",
    "diagnose": "airworthy.diagnose:diagnose",
    "encrypt": "airworthy.flows.encrypt:encrypt",
    "facts": "airworthy.flows.facts:gather",
    "inspect": "airworthy.flows.inspect:inspect",
    "sign": "airworthy.flows.sign:sign",
    "verify": "airworthy.flows.sign:verify",
}


def __getattr__(name: str) -> Any:
    if name not in _VERBS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module, _, attribute = _VERBS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


class _Package(ModuleType):
    """This package, in which a verb stays a function when a room of the same name is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system hangs the module `airworthy.check` here, where users find the function `airworthy.check`.
        if not (name in _VERBS and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

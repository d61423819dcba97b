"""Airworthy takes an AI model from a file to a service its owner can trust, and says why whenever it can't.

The verbs of the command line are functions here; they are imported on use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airworthy.flows.check import check
    from airworthy.flows.encrypt import decrypt, encrypt
    from airworthy.flows.facts import gather as facts
    from airworthy.flows.inspect import inspect
    from airworthy.flows.sign import sign, verify
    from airworthy.recognition import diagnose

__version__ = "0.1.0"

__all__ = ["__version__", "check", "decrypt", "diagnose", "encrypt", "facts", "inspect", "sign", "verify"]

_VERBS = {
    "check": "airworthy.flows.check:check",
    "decrypt": "airworthy.flows.encrypt:decrypt",
    "diagnose": "airworthy.recognition:diagnose",
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

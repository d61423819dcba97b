"""Airworthy takes an AI model from a file to a service its owner can trust, and says why whenever it can't.

The verbs of the command line are functions here; they are imported on use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airworthy.flows.bench import bench
    from airworthy.flows.causes import causes
    from airworthy.flows.chat import chat
    from airworthy.flows.check import check
    from airworthy.flows.diagnose import diagnose
    from airworthy.flows.encrypt import decrypt, encrypt, keygen
    from airworthy.flows.explain import explain
    from airworthy.flows.facts import gather as facts
    from airworthy.flows.fit.fit import fit
    from airworthy.flows.inspect import inspect
    from airworthy.flows.serve import serve
    from airworthy.flows.sign import sign, verify
    from airworthy.flows.up import up

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "bench",
    "causes",
    "chat",
    "check",
    "decrypt",
    "diagnose",
    "encrypt",
    "explain",
    "facts",
    "fit",
    "inspect",
    "keygen",
    "serve",
    "sign",
    "up",
    "verify",
]

_PACKAGES = ("causes", "fit", "serve")
"""Verbs that share their name with a package, which is then what is called."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _PACKAGES:
        import importlib

        return importlib.import_module(f"airworthy.{name}")
    from airworthy.core.verb_functions import verb_function

    return verb_function(name)

"""Airworthy takes an AI model from a file to a service its owner can trust, and says why whenever it can't.

The verbs of the command line are functions here; they are imported on use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airworthy.flows.audit import audit_deps
    from airworthy.flows.bench import bench
    from airworthy.flows.causes import causes
    from airworthy.flows.chat import chat
    from airworthy.flows.check import check
    from airworthy.flows.deps import deps
    from airworthy.flows.diagnose import diagnose
    from airworthy.flows.encrypt import decrypt, encrypt, keygen
    from airworthy.flows.explain import explain
    from airworthy.flows.facts import gather as facts
    from airworthy.flows.fit.fit import fit
    from airworthy.flows.gate import gate
    from airworthy.flows.graph import graph
    from airworthy.flows.inspect import inspect
    from airworthy.flows.lock import lock
    from airworthy.flows.optimise import optimise
    from airworthy.flows.releases.reading import release
    from airworthy.flows.serve import serve
    from airworthy.flows.sign import sign, verify
    from airworthy.flows.sync import sync
    from airworthy.flows.up import up

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "audit_deps",
    "bench",
    "causes",
    "chat",
    "check",
    "decrypt",
    "deps",
    "diagnose",
    "encrypt",
    "explain",
    "facts",
    "fit",
    "gate",
    "graph",
    "inspect",
    "keygen",
    "lock",
    "optimise",
    "release",
    "serve",
    "sign",
    "sync",
    "up",
    "verify",
]

_PACKAGES = ("causes", "fit", "serve")
"""Verbs that share their name with a package, which is then what is called."""


def __dir__() -> list[str]:
    """All that is here, verbs that were not called yet included."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _PACKAGES:
        import importlib

        return importlib.import_module(f"airworthy.{name}")
    from airworthy.core.verb_functions import verb_function

    return verb_function(name)

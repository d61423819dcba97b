"""The verbs as functions, by name: `"module:attr"`, imported on use."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

VERB_FUNCTIONS = {
    "audit_deps": "airworthy.flows.audit:audit_deps",
    "bench": "airworthy.flows.bench:bench",
    "causes": "airworthy.flows.causes:causes",
    "chat": "airworthy.flows.chat:chat",
    "check": "airworthy.flows.check:check",
    "decrypt": "airworthy.flows.encrypt:decrypt",
    "deps": "airworthy.flows.deps:deps",
    "diagnose": "airworthy.flows.diagnose:diagnose",
    "encrypt": "airworthy.flows.encrypt:encrypt",
    "explain": "airworthy.flows.explain:explain",
    "facts": "airworthy.flows.facts:gather",
    "fit": "airworthy.flows.fit.fit:fit",
    "gate": "airworthy.flows.gate:gate",
    "graph": "airworthy.flows.graph:graph",
    "inspect": "airworthy.flows.inspect:inspect",
    "keygen": "airworthy.flows.encrypt:keygen",
    "lock": "airworthy.flows.lock:lock",
    "optimise": "airworthy.flows.optimise:optimise",
    "release": "airworthy.flows.releases.reading:release",
    "serve": "airworthy.flows.serve:serve",
    "sign": "airworthy.flows.sign:sign",
    "sync": "airworthy.flows.sync:sync",
    "up": "airworthy.flows.up:up",
    "verify": "airworthy.flows.sign:verify",
}
"""All verbs; a hyphen in a verb is an underscore here."""


def verb_function(name: str) -> Any:
    """The function of a verb."""
    module, _, attribute = VERB_FUNCTIONS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


class VerbPackage(ModuleType):
    """A package that has the name of a verb: calling it is the verb.

    Importing `airworthy.serve.service` makes Python set `airworthy.serve` to the package, so a function of that name
    would be there or not depending on what was imported before.
    """

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Do what the verb does."""
        return verb_function(self.__name__.rpartition(".")[2])(*args, **options)

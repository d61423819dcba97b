"""Choosing the engine for a model: the first that doesn't refuse it, or the one that was named."""

from __future__ import annotations

from airworthy.core.errors import AirworthyError
from airworthy.core.facts import Facts
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.engines.interface import Engine, LoadsFromMemory
from airworthy.engines.registry import ENGINES


class NoEngine(AirworthyError):
    """No engine takes the model."""

    code = "no-engine"
    message = "no engine can load {path}: {reasons}"
    hint = "end one of these reasons; `airworthy inspect {path}` says what the model is"


def select(model: ModelInfo, facts: Facts, name: str = "") -> Engine:
    """The engine that is to load a model. Nothing is imported but the engines' own files.

    Args:
        model: what it is.
        facts: what is known of the environment.
        name: the engine that was requested; empty lets the registry's order decide, without the engines that are
            only for those who name them.

    Raises:
        UnknownName: no engine has that name.
        NoEngine: the engine that was named, or every one, refuses the model; each reason is reported.
    """
    asked = (ENGINES.get(name),) if name else tuple(engine for engine in ENGINES if engine.automatic)
    reasons = []
    for engine in asked:
        reason = engine.refuses(model, facts)
        if not reason and model.sealed is not None and not isinstance(engine, LoadsFromMemory):
            reason = say("it loads no encrypted models")
        if not reason:
            return engine
        reasons.append(say("{engine}: {reason}", engine=engine.name, reason=reason))
    raise NoEngine(path=model.path, reasons="; ".join(reasons))

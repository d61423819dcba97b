"""How a language model is to be loaded: the slots and the context that fit, worked out before anything is read."""

from __future__ import annotations

from airworthy.core.facts import Facts
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.core.settings import Settings
from airworthy.engines.interface import RunnerOptions
from airworthy.fit.generation import plan
from airworthy.flows.fit.devices import usable_memory
from airworthy.flows.fit.model import fit_model
from airworthy.serve.service import Plan


def plan_generator(model: ModelInfo, engine: str, facts: Facts, settings: Settings, threads: int) -> Plan:
    """The plan of a model that generates text.

    Raises:
        DoesNotFit: it needs more memory than there is; the message says what would fit.
    """
    asked = settings.serve.generation
    options = RunnerOptions(threads=threads, slots=asked.slots, context=asked.context, cache_type=asked.cache_type)
    about = fit_model(model, facts)
    if about.cache is None:
        return Plan(model=model, engine=engine, options=options, generates=True)
    bill = plan(
        about,
        available=usable_memory(facts),
        slots=asked.slots,
        context=asked.context,
        cache_type=asked.cache_type,
    )
    options = RunnerOptions(threads=threads, slots=bill.slots, context=bill.context, cache_type=asked.cache_type)
    notes = tuple(
        say("  memory   {line}", line=line) if not i else f"           {line}" for i, line in enumerate(bill.lines())
    )
    return Plan(model=model, engine=engine, options=options, generates=True, notes=notes)

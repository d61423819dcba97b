"""Before: will it work here? The catalogue is applied to facts of the host, the model and the target."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from airworthy.causes.catalogue import Catalogue
from airworthy.causes.prediction import predict
from airworthy.core.errors import InputNotFound, SettingInvalid
from airworthy.core.facts import NOT_LOOKED_AT, Facts, Known, Unknown
from airworthy.core.keys import (
    BATTERY_TRIALS,
    MODEL_CACHE,
    MODEL_DATATYPES,
    MODEL_PATH,
    MODEL_SIZE,
    POLICY,
    REQUIREMENTS,
    STORAGE,
    TARGET_ENDPOINT,
    Area,
)
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import CheckResult, Crashed, Failed, Passed, Report, Skipped, verdict
from airworthy.core.settings import PolicySettings, RequirementSettings, Settings
from airworthy.core.values import Policy, Requirements
from airworthy.core.version import Version
from airworthy.flows.answers.check import CheckAnswer
from airworthy.flows.catalogue import catalogue_for
from airworthy.flows.files import model_path
from airworthy.flows.fit.model import needs as memory_needs
from airworthy.flows.machine import machine_summary
from airworthy.flows.serving_inspection import inspect_for_serving

_NOT_SAID = f" is unknown: {NOT_LOOKED_AT}"
"""How the reason of a check ends that was skipped for want of a fact that was not given."""


class Examined(NamedTuple):
    """A check with what it was decided from."""

    report: Report[CheckAnswer]
    """The outcome."""
    facts: Facts
    """All facts that were asked about."""
    model: ModelInfo | None
    """What the model is, where one was inspected."""


def check(
    model: str | Path | None = None,
    *,
    facts: Facts | None = None,
    settings: Settings | None = None,
    endpoint: tuple[str, int] | None = None,
    given: Mapping[str, Any] | None = None,
    storage: str | None = None,
    probe: float | None = None,
    progress: Progress = SILENT,
    catalogue: Catalogue | None = None,
) -> Report[CheckAnswer]:
    """Predict what will go wrong.

    Args:
        model: a model file or folder, or None to ask about host and environment alone.
        facts: those of another machine, or of this one at another time; gathered here and now when None.
        settings: how findings are judged; the defaults when None, no file is looked for.
        endpoint: address and port that a service is to listen on, or None where that is not in question.
        given: a description of a machine that isn't there, `{"gpu": "RTX 5090", "driver": "570"}`, in place of facts.
        storage: a folder whose speed is measured, which writes and removes a file there; None to measure nothing.
        probe: seconds that each device may take to run the battery of kernels; None to try nothing.
        progress: receives the stages.
        catalogue: the causes that are asked; those of the place by default: of this installation and of the project.

    Raises:
        InputNotFound: the model's path leads nowhere.
        NotAModel: there is no model in it.
        SettingInvalid: the settings turn off a cause that doesn't exist.
        GivenInvalid: the description has a key that doesn't exist, or contradicts itself.
    """
    return examine(
        model,
        facts=facts,
        settings=settings,
        endpoint=endpoint,
        given=given,
        storage=storage,
        probe=probe,
        progress=progress,
        catalogue=catalogue,
    ).report


def examine(
    model: str | Path | None = None,
    *,
    facts: Facts | None = None,
    settings: Settings | None = None,
    endpoint: tuple[str, int] | None = None,
    given: Mapping[str, Any] | None = None,
    storage: str | None = None,
    probe: float | None = None,
    progress: Progress = SILENT,
    catalogue: Catalogue | None = None,
) -> Examined:
    """Check, and keep what the checks were made from; arguments and errors are those of `check`."""
    from airworthy.knowledge import Knowledge

    settings = settings or Settings()
    catalogue = catalogue or catalogue_for(model)
    _check_slugs(settings.check.ignore, catalogue.slugs)
    # The model comes first: a path that leads nowhere is said before the host is inspected, which takes a while.
    inspection = None if model is None else _inspect(model, settings, progress)
    elsewhere = facts is not None or given is not None
    described: dict[str, Any] = {}
    if given is not None:
        from airworthy.flows.described.facts import facts_of
        from airworthy.flows.given import normalise

        described = normalise(given)
        facts = facts_of(described).merged(facts or {})
    if facts is None:
        from airworthy.flows.facts import gather

        facts = gather(progress=progress)
    if inspection is not None:
        facts = facts.merged(inspection.facts)
    areas = {Area.HOST, Area.ENVIRONMENT}
    if isinstance(facts.fact(MODEL_PATH), Known):
        areas.add(Area.MODEL)
    if endpoint is not None:
        facts = facts.merged({TARGET_ENDPOINT.name: _target(*endpoint, elsewhere=elsewhere)})
    if TARGET_ENDPOINT.name in facts:
        areas.add(Area.TARGET)
    if storage is not None:
        progress.stage(say("measuring the storage of {path}", path=storage))
        facts = facts.merged({STORAGE.name: _storage(storage)})
    if probe is not None:
        from airworthy.flows import battery

        facts = facts.merged(battery.run(facts, probe, progress))
    if BATTERY_TRIALS.name in facts:
        areas.add(Area.BATTERY)
    demands = dict(_demands(settings))
    if demands:
        facts = facts.merged(demands)
        areas.add(Area.SETTINGS)
    progress.stage(say("asking the catalogue"))
    if given is not None:
        areas = set(Area)
    results = predict(facts, catalogue, Knowledge(), areas=areas, ignore=settings.check.ignore)
    if BATTERY_TRIALS.name in facts:
        from airworthy.flows import battery

        results = battery.explained(results)
    answer = {**_answer(results, facts), "machine": machine_summary(facts), **_load_time(facts), **_needs(facts)}
    if probe is not None:
        answer["battery"] = battery.answer(facts)
    if given is not None:
        results = _only_what_was_said(_with_plans(results, facts, catalogue, settings.check.ignore))
        answer = _foretold(results, described)
    subject = say("the described machine") if given is not None else _subject(model, elsewhere)
    report = Report(verb="check", subject=subject, results=results, answer=msgspec.convert(answer, CheckAnswer))
    return Examined(report, facts, None if inspection is None else inspection.model)


def _with_plans(
    results: tuple[CheckResult, ...], facts: Facts, catalogue: Catalogue, ignore: Collection[str]
) -> tuple[CheckResult, ...]:
    """The checks with what the rules about plans found; a rule stands in for a check that found nothing."""
    from airworthy.causes.plan.rules import foretell
    from airworthy.knowledge import Knowledge

    foretold = foretell(facts, catalogue, Knowledge(), ignore=ignore)
    said = {result.check for result in foretold if not isinstance(result, Skipped)}
    found = {result.check for result in results if isinstance(result, (Failed, Crashed))}
    kept = tuple(each for each in results if each.check not in said or each.check in found)
    return (*kept, *(each for each in foretold if isinstance(each, (Failed, Crashed)) or each.check not in found))


def _demands(settings: Settings) -> Iterator[tuple[str, Known]]:
    """What the settings ask of a machine, as facts; nothing where they ask nothing."""
    if settings.requirements != RequirementSettings():
        asked = msgspec.structs.asdict(settings.requirements)
        versions = {name: Version(asked[name]) if asked[name] else None for name in ("capability", "driver", "python")}
        yield REQUIREMENTS.name, Known(Requirements(**{**asked, **versions}), say("the settings, [requirements]"))
    if settings.policy != PolicySettings():
        yield POLICY.name, Known(Policy(**msgspec.structs.asdict(settings.policy)), say("the settings, [policy]"))


def _only_what_was_said(results: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
    """The checks for which something that they need was not given, as skipped by choice: they were not requested."""
    return tuple(
        msgspec.structs.replace(each, chosen=True) if isinstance(each, Skipped) and _NOT_SAID in each.reason else each
        for each in results
    )


def _foretold(results: tuple[CheckResult, ...], described: Mapping[str, Any]) -> dict[str, Any]:
    """The answer about a machine that isn't there: what was not said is no reason to doubt what was."""
    decided = [result.check for result in results if isinstance(result, Passed) and not result.note]
    undecided = {result.check: result.reason for result in results if isinstance(result, Skipped) and not result.chosen}
    answer = verdict(results)
    if answer == "unknown" and decided and not any(isinstance(result, Crashed) for result in results):
        answer = "works"
    elif answer == "works" and not decided:
        answer = "unknown"
    return {"verdict": answer, "given": dict(described), "decided": sorted(decided), "undecided": undecided}


def _inspect(model: str | Path, settings: Settings, progress: Progress) -> Inspection:
    with model_path(model) as path:
        return inspect_for_serving(path, settings, progress)


def _target(address: str, port: int, *, elsewhere: bool) -> Known | Unknown:
    """The address as a fact; only the machine in question can say whether it is free."""
    if elsewhere:
        return Unknown(say("the facts are those of another machine or time; inspect the port there"))
    from airworthy.probes.host.endpoint import read_endpoint
    from airworthy.probes.seam.local import LocalHost

    return read_endpoint(LocalHost(), address, port)


def _storage(path: str) -> Known | Unknown:
    from airworthy.probes.host.storage import measure
    from airworthy.probes.seam.local import LocalHost

    if not Path(path).is_dir():
        raise InputNotFound(path=path, cwd=Path.cwd())
    return measure(LocalHost(), path)


def _load_time(facts: Facts) -> dict[str, Any]:
    """What was measured of the storage, and how long it takes to read this model from it once."""
    if STORAGE.name not in facts:
        return {}
    speed, size = facts.get_value(STORAGE, None), facts.get_value(MODEL_SIZE, None)
    if speed is None:
        return {"storage": {"unknown": facts.source(STORAGE)}}
    told: dict[str, Any] = msgspec.to_builtins(speed)
    return {"storage": told if size is None else {**told, "load_seconds": round(size / speed.read, 3)}}


def _needs(facts: Facts) -> dict[str, Any]:
    """What this model needs of a machine, in bytes, tokens and versions; nothing without a model.

    Memory is that of the process, as `fit` estimates it, and not the size of the weights.

    Cores are not among it: with few it is slow and works.
    """
    from airworthy.knowledge import Knowledge

    known = Knowledge()
    size = facts.get_value(MODEL_SIZE, None)
    if size is None:
        return {}
    needs: dict[str, Any] = {"disk": size, **memory_needs(facts)}
    cache = facts.get_value(MODEL_CACHE, None)
    if cache is not None and cache.longest:
        needs["longest_context"] = cache.longest
    types = [row for name in facts.get_value(MODEL_DATATYPES, ()) if (row := known.datatype(name)) is not None]
    if types:
        newest = max(types, key=lambda row: row.capability)
        needs |= {"datatype": newest.name, "capability": newest.capability.text}
    return {"needs": needs}


def _check_slugs(ignored: Iterable[str], known: tuple[str, ...]) -> None:
    for slug in ignored:
        if slug not in known:
            near = difflib.get_close_matches(slug, known, n=1)
            suggestion = say("did you mean `{near}`?", near=near[0]) if near else say("`airworthy explain` lists them")
            problem = say("`check.ignore` names {slug!r}, and there is no such cause", slug=slug)
            raise SettingInvalid(source=say("settings"), problem=problem, suggestion=suggestion)


def _subject(model: str | Path | None, elsewhere: bool) -> str:
    host = say("the host of the facts") if elsewhere else say("this host")
    return host if model is None else say("{model} on {host}", model=model, host=host)


def _answer(results: tuple[CheckResult, ...], facts: Facts) -> dict[str, Any]:
    return {"verdict": verdict(results), "facts_taken": facts.taken}

"""The whole way of a model: facts, check, inspect, choose an engine, and the plan that a service runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from airworthy.causes.catalogue import Catalogue
from airworthy.core.cores import usable_cores
from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.facts import Facts
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import Report
from airworthy.core.settings import Settings
from airworthy.engines.interface import RunnerOptions
from airworthy.flows.answers.serving import ServingAnswer
from airworthy.flows.catalogue import catalogue_for
from airworthy.flows.check import examine
from airworthy.flows.generators import plan_generator
from airworthy.flows.serving_inspection import refuse_unopened
from airworthy.flows.upstreams import find_one, is_url, key_given, plans
from airworthy.serve.scheduling.tuner import Profile
from airworthy.serve.service import InferenceService, Plan
from airworthy.state import profiles
from airworthy.state.directory import state_directory

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


class Prepared(NamedTuple):
    """A model on its way to being served."""

    report: Report[ServingAnswer]
    """What the checks said."""
    plan: Plan | None
    """How it will be served; None where a finding blocks it."""
    facts: Facts
    """What the checks were made from."""


def up(
    model: str | Path,
    *,
    name: str | None = None,
    engine: str | None = None,
    settings: Settings | None = None,
    on_ready: Callable[[InferenceService], None] | None = None,
    progress: Progress = SILENT,
    catalogue: Catalogue | None = None,
) -> Report[ServingAnswer]:
    """Check, inspect and serve a model. Returns when a signal ends the service, or at once where a finding blocks it.

    Args:
        model: a model file or folder.
        name: the name to serve it under; the file's or folder's own by default.
        engine: the engine to take; the first that can load the model by default.
        settings: how findings are judged and how the service runs.
        on_ready: called once the service answers; its `url` says where.
        progress: receives the stages.
        catalogue: the causes that are asked; those of the place by default: of this installation and of the project.

    Returns:
        What the checks said, or why the service could not start; `answer.models` is set where it was started.

    Raises:
        InputNotFound: the path leads nowhere.
        NotAModel: there is no model in it.
        NoEngine: no engine can load it; the message says why each can't.
    """
    from airworthy.flows.service import run_after

    settings = settings or Settings()
    catalogue = catalogue or catalogue_for("." if is_url(str(model)) else model)
    made = prepare(model, name=name, engine=engine, settings=settings, progress=progress, catalogue=catalogue)
    judged = settings.check
    if made.plan is None or made.report.exit_status(judged.fail_on, judged.strict) is not Exit.OK:
        return made.report
    return run_after([made.plan], settings, made.facts, catalogue, made.report, on_ready=on_ready)


def prepare(
    path: str | Path,
    *,
    name: str | None = None,
    engine: str | None = None,
    settings: Settings | None = None,
    check_port: bool = True,
    progress: Progress = SILENT,
    catalogue: Catalogue | None = None,
) -> Prepared:
    """Check a model for this host and plan how to serve it.

    Args:
        path: a model file or folder, or the URL of a server that runs a language model.
        name: the name to serve it under; the file's or folder's own by default.
        engine: the engine to take; the first that can load the model by default.
        settings: how findings are judged and how the service runs.
        check_port: whether the port's being free is in question; not for port 0.
        progress: receives the stages.
        catalogue: the causes that are asked; those of the place by default: of this installation and of the project.

    Raises:
        InputNotFound: the path leads nowhere.
        NotAModel: there is no model in it.
        NoEngine: no engine can load it; the message says why each can't.
    """
    settings = settings or Settings()
    serve = settings.serve
    if is_url(str(path)):
        checked = Report(verb="up", subject=str(path), results=(), answer=ServingAnswer())
        return Prepared(checked, plans(find_one(str(path), name, settings, key_given()))[0], Facts())
    endpoint = (serve.host, serve.port) if check_port and serve.port else None
    report, facts, model = examine(path, settings=settings, endpoint=endpoint, progress=progress, catalogue=catalogue)
    checked = Report(verb="up", subject=report.subject, results=report.results, answer=ServingAnswer())
    if model is None or checked.blocks(settings.check.fail_on):
        return Prepared(checked, None, facts)
    progress.stage(say("choosing an engine"))
    return Prepared(checked, plan(model, facts, settings, name=name, engine=engine), facts)


def plan(
    model: ModelInfo,
    facts: Facts,
    settings: Settings,
    *,
    name: str | None = None,
    engine: str | None = None,
    version: str = "",
) -> Plan:
    """How to serve a model that was checked, as a version of a name.

    Raises:
        KeyMissing: it is encrypted, and no key was given.
        NoEngine: no engine, or not the one asked for, can load it.
        UnknownName: there is no engine of that name.
    """
    from airworthy.engines.select import select

    refuse_unopened(model)
    chosen = select(model, facts, engine or "")
    cores = int(usable_cores(facts) or 1)
    threads = settings.serve.workers.threads or max(1, cores // settings.serve.workers.count)
    model = msgspec.structs.replace(model, name=served_name(model.name, name))
    if chosen.generates:
        made = plan_generator(model, chosen.name, facts, settings, threads)
        return msgspec.structs.replace(made, version=version)
    options = RunnerOptions(threads=threads, lanes=threads)
    key = profiles.profile_key(model, chosen.name, options, facts) if settings.serve.batching.search else ""
    profile = profiles.load(state_directory(settings), key, Profile) if key else None
    return Plan(model=model, engine=chosen.name, options=options, profile=profile, profile_key=key, version=version)


class NameInvalid(AirworthyError):
    """A name to serve a model under that can't stand in a URL."""

    code = "name-invalid"
    message = "{name!r} cannot be the name of a served model: it stands in URLs"
    hint = "letters, digits, `.`, `_` and `-`: `{near}`"


def served_name(name: str, given: str | None = None) -> str:
    """A name that can stand in a URL's path as it is.

    Args:
        name: the file's or folder's own, which is changed where it has other characters.
        given: the name from the caller, which must do as it is.

    Raises:
        NameInvalid: the given name has other characters.
    """
    near = _NOT_IN_NAMES.sub("-", name if given is None else given).strip("-.") or "model"
    if given is not None and near != given:
        raise NameInvalid(name=given, near=near)
    return near

"""Serving several models: each file is checked for itself, the host is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from airworthy.causes.catalogue import Catalogue
from airworthy.causes.prediction import predict
from airworthy.core.errors import AirworthyError
from airworthy.core.facts import Facts
from airworthy.core.keys import Area
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import CheckResult, Report
from airworthy.core.settings import Settings
from airworthy.flows.answers.serving import ServingAnswer
from airworthy.flows.catalogue import catalogue_for
from airworthy.flows.files import model_path
from airworthy.flows.releases.serving import ReleaseServing, release_argument
from airworthy.flows.serving_inspection import inspect_for_serving
from airworthy.flows.up import plan, served_name
from airworthy.flows.upstreams import find, is_url, key_given
from airworthy.flows.upstreams import plans as upstream_plans
from airworthy.serve.service import InferenceService, Plan

PROBES = ("cpu", "memory", "distributions")
"""What choosing engines, thread counts and the context of a language model needs to know."""


class NameTwice(AirworthyError):
    """Two models of one name."""

    code = "name-twice"
    message = "two models are named {name!r}"
    hint = "name them apart: NAME=PATH"


def serve(
    models: Sequence[str],
    *,
    engine: str | None = None,
    settings: Settings | None = None,
    on_ready: Callable[[InferenceService], None] | None = None,
    progress: Progress = SILENT,
    catalogue: Catalogue | None = None,
) -> Report[ServingAnswer]:
    """Serve models, their files checked and the host taken as it is. Returns when a signal ends the service.

    Args:
        models: `PATH` or `NAME=PATH`, one a model; or a release: `NAME` for the one promoted, `NAME@VERSION`.
        engine: the engine to take for all; the first that can load each by default.
        settings: how findings are judged and how the service runs.
        on_ready: called once the service answers; its `url` says where.
        progress: receives the stages.
        catalogue: the causes that are asked; those of each model's place by default.

    Returns:
        What the checks said, or why the service could not start; `answer.models` is set where it was started.

    Raises:
        InputNotFound: a path leads nowhere.
        NotAModel: there is no model in it.
        NameTwice: two models have one name.
        NoEngine: no engine can load one of them.
        DoesNotFit: a language model needs more memory than there is.
    """
    from airworthy.flows.service import run_after

    settings = settings or Settings()
    report, plans, facts = prepare(models, engine=engine, settings=settings, progress=progress, catalogue=catalogue)
    if not plans:
        return report
    causes = catalogue or catalogue_for("." if plans[0].upstreams else plans[0].model.path)
    releases = releases_of(models, settings, engine)
    return run_after(plans, settings, facts, causes, report, on_ready=on_ready, releases=releases)


def releases_of(arguments: Sequence[str], settings: Settings, engine: str | None) -> ReleaseServing | None:
    """What a service needs to follow what is promoted; None where no argument is the name of releases."""
    found = [release_argument(argument, settings) for argument in arguments if not is_url(argument)]
    names = [each.manifest.name for each in found if each is not None and each.follows]
    return ReleaseServing(settings, names, engine) if names else None


def prepare(
    arguments: Sequence[str],
    *,
    engine: str | None = None,
    settings: Settings | None = None,
    progress: Progress = SILENT,
    catalogue: Catalogue | None = None,
) -> tuple[Report[ServingAnswer], tuple[Plan, ...], Facts]:
    """Check the files of models and plan how to serve them.

    Args:
        arguments: `PATH` or `NAME=PATH`, one a model; a URL in place of a path is a server that runs models. Those of
            the settings' `[[serve.upstreams]]` are added.
        engine: the engine to take for all; the first that can load each by default.
        settings: how findings are judged and how the service runs.
        progress: receives the stages.
        catalogue: the causes that are asked; those of the place by default: of this installation and of the project.

    Returns:
        What the checks said; the plans, none where a finding blocks one of the models; the facts.

    Raises:
        InputNotFound: a path leads nowhere.
        NotAModel: there is no model in it.
        NameTwice: two models have one name.
        NoEngine: no engine can load one of them.
        DoesNotFit: a language model needs more memory than there is.
    """
    from airworthy.flows.facts import gather
    from airworthy.knowledge import Knowledge

    settings = settings or Settings()
    facts = gather(only=PROBES, progress=progress)
    known = facts
    results: list[CheckResult] = []
    plans: dict[str, Plan] = {}
    for argument in arguments:
        name, path = split_argument(argument)
        if is_url(path):
            _add(plans, upstream_plans(find(path, name, settings, key_given())))
            continue
        version = ""
        release = release_argument(argument, settings)
        if release is not None:
            name, path, version = release.manifest.name, str(release.path), str(release.manifest.version)
        with model_path(path) as file:
            inspection = inspect_for_serving(file, settings, progress)
        known = facts.merged(inspection.facts)
        causes = catalogue or catalogue_for(path)
        results += predict(known, causes, Knowledge(), areas={Area.MODEL}, ignore=settings.check.ignore)
        if _report(arguments, results).blocks(settings.check.fail_on):
            continue
        planned = plan(inspection.model, known, settings, name=name, engine=engine, version=version)
        _add(plans, (planned,))
    _add(plans, upstream_plans(settings.serve.upstreams))
    report = _report(arguments, results)
    blocked = report.blocks(settings.check.fail_on)
    # What is known of a model decides about its own failure only.
    return report, () if blocked else tuple(plans.values()), known if len(arguments) == 1 else facts


def _add(plans: dict[str, Plan], more: Sequence[Plan]) -> None:
    for planned in more:
        if planned.model.name in plans:
            raise NameTwice(name=planned.model.name)
        plans[planned.model.name] = planned


def _report(arguments: Sequence[str], results: Sequence[CheckResult]) -> Report[ServingAnswer]:
    subject = say("{models}", models=tuple(arguments))
    return Report(verb="serve", subject=subject, results=tuple(results), answer=ServingAnswer())


def split_argument(argument: str) -> tuple[str | None, str]:
    """The name, if one is given, and the path of `PATH` or `NAME=PATH`; an existing file or folder is all path."""
    name, separator, path = argument.partition("=")
    if not separator or not name or served_name(name) != name or Path(argument).exists():
        return None, argument
    return name, path

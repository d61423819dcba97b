"""Promoting a release and taking it back: the policy first, then whichever services run carry it out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from airworthy.core.errors import AirworthyError, Exit, UnknownName
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.core.settings import Settings
from airworthy.core.settings.release import DEMANDS
from airworthy.flows.answers.releases import RolloutEnded
from airworthy.flows.releases.reading import shown
from airworthy.state.directory import state_directory
from airworthy.state.operations import local_principal, operation
from airworthy.state.releases import rollouts, services
from airworthy.state.releases.errors import BadReleaseName, ReleaseDamaged
from airworthy.state.releases.manifest import parse_reference
from airworthy.state.releases.policy import check_policy
from airworthy.state.releases.rollouts import Rollout, RolloutOptions
from airworthy.state.releases.table import Releases

_POLL_S = 0.02


class NoService(AirworthyError):
    """A canary without requests to share."""

    code = "no-service"
    message = "no service on this machine serves {name}"
    hint = "start one with `airworthy serve {name}`, or promote the version: the next start serves it"
    exit = Exit.FINDINGS


class RolloutFailed(AirworthyError):
    """A version that was not brought into service."""

    code = "rollout-failed"
    message = "{name}@{version} was not brought into service: {reason}; what served before goes on"
    hint = "{way_out}"
    exit = Exit.FINDINGS


class RolloutTooSlow(AirworthyError):
    """A rollout that has not ended in the time that this command waits."""

    code = "rollout-too-slow"
    message = "the rollout of {name}@{version} is {state} and has not ended after {seconds:seconds}"
    hint = "it goes on; `airworthy release show {name}` says how far it is, `airworthy release abort {name}` ends it"
    exit = Exit.INCOMPLETE


class ExceptionRefused(AirworthyError):
    """A demand of the policy that may not be waived as it was requested."""

    code = "exception-refused"
    message = "{demands} can't be waived: {reason}"
    hint = "{way_out}"
    exit = Exit.FINDINGS


def promote(
    reference: str,
    *,
    share: float = 0.0,
    shadow: bool = False,
    options: RolloutOptions | None = None,
    is_confirmed: bool = False,
    settings: Settings | None = None,
    principal: str = "",
    progress: Progress = SILENT,
) -> RolloutEnded:
    """Serve a version: checked against the policy, loaded, warmed, compared, then switched to in one step.

    Args:
        reference: `NAME@VERSION` or `NAME@ALIAS`.
        share: the share of requests that it gets at first, as a canary; 0 for all at once.
        shadow: whether it only gets copies of requests, whose answers are compared and dropped.
        options: the rest of how; the demands of the policy that are waived among them.
        is_confirmed: whether a second factor confirmed this very request; only then a demand may be waived.
        settings: the policy, and where the state is.
        principal: who does it; the user of this process by default.
        progress: receives the stages.

    Raises:
        UnknownRelease: there is no such release.
        PolicyRefused: it does not meet the policy.
        ExceptionRefused: a demand can't be waived so.
        ReleaseDamaged: its files are not what was added.
        ReleaseBusy: another change of the same name is under way.
        ReleaseMoved: the version that is served is not the one that the decision was made on.
        RolloutFailed: it did not load, or its answers are wrong; what served before goes on.
    """
    settings = settings or Settings()
    releases = Releases(state_directory(settings))
    wanted = parse_reference(reference)
    if not wanted.version and not wanted.alias:
        raise BadReleaseName(name=reference, reason=say("it names no version to promote"))
    manifest = releases.find(wanted)
    kind = "shadow" if shadow else "canary" if share else "promote"
    options = _options(options or RolloutOptions(), share)
    principal = principal or local_principal()
    with operation(releases.directory, f"release.{kind}", manifest.title, principal) as known:
        _check_exceptions(options, is_confirmed=is_confirmed)
        waived = check_policy(manifest, settings.release, options.excepted)
        if waived:
            known.update(waived=waived, why=options.why)
        progress.stage(say("verifying {release}", release=manifest.title))
        problems = releases.store.problems(manifest, deep=True)
        if problems:
            raise ReleaseDamaged(name=manifest.title, problem=problems[0])
        if kind != "promote" and not services.running(releases.directory, manifest.name):
            raise NoService(name=manifest.name)
        end_abandoned(releases.directory, manifest.name)
        begun = rollouts.begin(releases.directory, manifest.name, kind, manifest.version, options, principal)
        return _carried_out(releases.directory, begun, settings, progress)


def _options(options: RolloutOptions, share: float) -> RolloutOptions:
    return msgspec.structs.replace(options, share=share)


def _check_exceptions(options: RolloutOptions, *, is_confirmed: bool) -> None:
    unknown = [demand for demand in options.excepted if demand not in DEMANDS]
    if unknown:
        raise UnknownName(kind=say("demand"), name=unknown[0], suggestion=say("demands: {known}", known=DEMANDS))
    if options.excepted and not options.why:
        reason, way_out = say("no reason is given"), say("say why with --why TEXT; it is kept")
        raise ExceptionRefused(demands=options.excepted, reason=reason, way_out=way_out)
    if options.excepted and not is_confirmed:
        reason, way_out = say("no second factor has confirmed it"), say("meet the policy instead")
        raise ExceptionRefused(demands=options.excepted, reason=reason, way_out=way_out)


def rollback(
    name: str,
    *,
    generation: int | None = None,
    settings: Settings | None = None,
    principal: str = "",
    progress: Progress = SILENT,
) -> RolloutEnded:
    """Serve the version again that was served before.

    Args:
        name: the name.
        generation: that of the deployment that the decision was made on; None for whichever there is.
        settings: where the state is.
        principal: who does it; the user of this process by default.
        progress: receives the stages.

    Raises:
        NothingToRollBack: there was none.
        ReleaseBusy, ReleaseMoved, RolloutFailed: as `promote`.
    """
    settings = settings or Settings()
    directory = state_directory(settings)
    principal = principal or local_principal()
    Releases(directory).find(name)
    with operation(directory, "release.rollback", name, principal) as known:
        end_abandoned(directory, name)
        begun = rollouts.begin(directory, name, "rollback", 0, RolloutOptions(generation=generation), principal)
        known["version"] = begun.version
        return _carried_out(directory, begun, settings, progress)


def abort(name: str, *, settings: Settings | None = None, principal: str = "") -> RolloutEnded:
    """End what brings a version of a name into service; what was served stays.

    Args:
        name: the name.
        settings: where the state is.
        principal: who does it; the user of this process by default.

    Raises:
        NothingUnderWay: nothing does.
    """
    directory = state_directory(settings or Settings())
    principal = principal or local_principal()
    with operation(directory, "release.abort", name, principal) as known:
        ended = rollouts.abort(directory, name, principal)
        known["version"] = ended.version
        return _answer(directory, ended, ())


def end_abandoned(directory: Path, name: str) -> None:
    """End the rollout of a name whose service is gone: it was killed, or the machine lost power."""
    found = rollouts.under_way(directory, name)
    if found is None or not found.service:
        return
    if found.service not in {service.id for service in services.running(directory)}:
        if found.state == "switching":  # it was decided, and the next start serves it
            rollouts.end(directory, found.id, "serving", found.detail)
            return
        reason = say("the service that brought it into service ended before it was done")
        rollouts.end(directory, found.id, "failed", {**found.detail, "reason": reason})


def _carried_out(directory: Path, begun: Rollout, settings: Settings, progress: Progress) -> RolloutEnded:
    """Wait until a service has carried a rollout out; where none runs, the next start serves the version."""
    found = services.running(directory, begun.name)
    if not found:
        rollouts.switch(directory, begun.id, {"loaded": say("no service runs; the next start serves it")})
        return _answer(directory, rollouts.read(directory, begun.id), ())
    limit = 2 * settings.serve.workers.load_timeout + settings.serve.drain
    end, state = time.monotonic() + limit, ""
    while True:
        now = rollouts.read(directory, begun.id)
        if now.state != state:
            state = now.state
            progress.stage(say("{name}@{version}: {state}", name=now.name, version=now.version, state=state))
        if now.ended is not None or now.state == "observing":
            break
        if time.monotonic() > end:
            raise RolloutTooSlow(name=now.name, version=now.version, state=now.state, seconds=limit)
        if not services.running(directory, begun.name):
            end_abandoned(directory, begun.name)
            reason = say("no service took it up")
            rollouts.end(directory, begun.id, "failed", {"reason": reason})
        time.sleep(_POLL_S)
    if now.state in ("failed", "aborted"):
        reason = now.detail.get("reason", now.state)
        way_out = now.detail.get("way_out") or say("`airworthy release show {name}` says more", name=now.name)
        raise RolloutFailed(name=now.name, version=now.version, reason=reason, way_out=way_out)
    return _answer(directory, now, tuple(service.url for service in found))


def _answer(directory: Path, rollout: Rollout, urls: Sequence[str]) -> RolloutEnded:
    deployed = Releases(directory).deployment(rollout.name)
    active = deployed.active if deployed is not None else None
    return RolloutEnded(name=rollout.name, rollout=shown(rollout), active=active, services=tuple(urls))

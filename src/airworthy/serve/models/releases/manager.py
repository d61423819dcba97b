"""Carries out in a running service what administrators decide of its releases."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from airworthy.core.errors import AirworthyError
from airworthy.core.log_events import log_event
from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings
from airworthy.core.settings.release import ReleaseSettings
from airworthy.serve.models.catalogue import Models, Served
from airworthy.serve.models.releases.judge import TrialVerdict, judge
from airworthy.serve.models.releases.trial import Trial
from airworthy.serve.models.releases.warming import Recorder, SmokeTestFailed, Warmed, warm
from airworthy.serve.models.served_generator import ServedGenerator
from airworthy.serve.workers.link import STOP
from airworthy.state.releases.rollouts import Rollout

POLL_S = 0.01
"""Seconds between two questions whether anything has changed; what is asked is the time of two files."""
MAX_POLL_S = 1.0
"""Seconds after which what is served is read again, whatever these times say."""
END_TRIES = 5
"""Times that it is tried to keep how a rollout ended."""
JUDGE_S = 0.25
"""Seconds between two judgements of a version on trial."""

_log = logging.getLogger("airworthy.serve")
T = TypeVar("T")


class PlannedVersion(NamedTuple):
    """A version that is about to be loaded."""

    served: Served
    """The version."""
    fits_beside: bool
    """Whether memory has room for it beside the one that is served."""
    memory: str
    """Why, in a line."""


class RolloutSource(Protocol):
    """What is decided, and where it is kept that it was carried out. All of it blocks."""

    def stamp(self) -> object:
        """Changes whenever anything may have been decided; quick."""

    def read(self) -> tuple[Sequence[Rollout], dict[str, int]]:
        """The rollouts that have not ended, and the version of each name that is to be served."""

    def claim(self, number: int) -> bool:
        """Let this service carry a rollout out; False where another one does."""

    def progress(self, number: int, state: str, detail: dict[str, Any]) -> bool:
        """Keep how far it is; False where it was ended meanwhile."""

    def decide(self, number: int, detail: dict[str, Any]) -> bool:
        """Make its version the one to serve; False where it was ended meanwhile."""

    def end(self, number: int, state: str, detail: dict[str, Any]) -> None:
        """End it."""


def seconds_since(at: str) -> float:
    """Seconds from a time, ISO 8601, until now."""
    return (datetime.now(timezone.utc) - datetime.fromisoformat(at)).total_seconds()


def _report_broken(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a rollout broke", exc_info=error)


Prepare = Callable[[str, int], Awaitable[PlannedVersion]]
"""Plans a version of a name: verified, not loaded."""


class Superseded(AirworthyError):
    """A rollout that was ended while it was carried out."""

    code = "rollout-ended"
    message = "it was ended meanwhile"


class ReleaseManager:
    """Follows the decisions on the releases of one service."""

    def __init__(
        self,
        models: Models,
        names: Sequence[str],
        source: RolloutSource,
        prepare: Prepare,
        settings: ServeSettings,
        release: ReleaseSettings,
    ) -> None:
        """Follow nothing yet.

        Args:
            models: the served models.
            names: those of them that are releases.
            source: what is decided.
            prepare: plans a version.
            settings: those of the service.
            release: those of releases.
        """
        self._models = models
        self._names = tuple(names)
        self._source = source
        self._prepare = prepare
        self._settings = settings
        self._release = release
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._warm: dict[str, Served] = {}
        self._cooling: dict[str, asyncio.TimerHandle] = {}

    # --- life -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the decisions until this is cancelled."""
        last, waited = None, MAX_POLL_S
        while True:
            stamp = self._source.stamp()
            if stamp != last or waited >= MAX_POLL_S:
                last, waited = stamp, 0.0
                try:
                    await self._follow()
                except AirworthyError as error:
                    log_event(_log, "releases_unreadable", logging.ERROR, reason=error.text)
            await asyncio.sleep(POLL_S)
            waited += POLL_S

    async def stop(self, grace: float) -> None:
        """End every version beside those that are served."""
        for timer in self._cooling.values():
            timer.cancel()
        for task in (*self._tasks.values(), *self._ending):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), *self._ending, return_exceptions=True)
        others = [served for name in self._names for served in self._models.beside(name)]
        await asyncio.gather(*(served.stop(grace) for served in others))
        for served in others:
            served.close()

    async def _follow(self) -> None:
        rollouts, active = await self._blocking(self._source.read)
        for name in self._names:
            task = self._tasks.get(name)
            if task is not None and not task.done():
                continue
            waiting = next((each for each in rollouts if each.name == name and each.state == "waiting"), None)
            if waiting is not None:
                if await self._blocking(self._source.claim, waiting.id):
                    self._begin(name, self._carry_out(waiting))
                continue
            served = self._models[name].version
            is_settled = not any(each.name == name for each in rollouts)
            if is_settled and str(active.get(name, served)) != served:
                self._begin(name, self._follow_other(name, active[name]))

    def _begin(self, name: str, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(_report_broken)
        self._tasks[name] = task

    async def _blocking(self, call: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(None, partial(call, *arguments))

    # --- one rollout ----------------------------------------------------------------------------------------------

    async def _carry_out(self, rollout: Rollout) -> None:
        detail: dict[str, Any] = {}
        try:
            state = await self._try(rollout, detail)
        except Superseded:
            return
        except AirworthyError as error:
            state = "failed"
            detail.update(reason=error.text, way_out=error.way_out)
        except Exception as error:  # noqa: BLE001 - whatever breaks, the administrator is not left waiting
            _log.exception("a rollout broke")
            state = "failed"
            detail.update(reason=say("internal error: {error}", error=type(error).__name__))
        detail["seconds"] = round(seconds_since(rollout.at), 3)
        log_event(_log, "rollout", model=rollout.name, version=rollout.version, kind=rollout.kind, state=state)
        await self._end(rollout.id, state, detail)

    async def _end(self, number: int, state: str, detail: dict[str, Any]) -> None:
        """Keep how a rollout ended; one that stayed open would keep every later one out."""
        for _ in range(END_TRIES):
            if await self._has_ended(number, state, detail):
                return
            await asyncio.sleep(MAX_POLL_S)

    async def _has_ended(self, number: int, state: str, detail: dict[str, Any]) -> bool:
        try:
            await self._blocking(self._source.end, number, state, detail)
        except AirworthyError as error:
            log_event(_log, "rollout_end_not_kept", logging.ERROR, number=number, reason=error.text)
            return False
        return True

    async def _try(self, rollout: Rollout, detail: dict[str, Any]) -> str:
        """Bring a version into service; the state that the rollout ends in."""
        name, current = rollout.name, self._models[rollout.name]
        if str(rollout.version) == current.version:
            detail["loaded"] = say("it is served already")
            await self._decide(rollout, detail)
            return "serving"
        new = self._take_warm(name, rollout.version)
        if new is not None and rollout.kind == "rollback":
            detail["loaded"] = say("it was still loaded")
            await self._decide(rollout, detail)
            self._switch(name, new)
            return "serving"
        new, stopped = await self._load(rollout, new, detail)
        try:
            if rollout.kind in ("canary", "shadow"):
                verdict = await self._observe(rollout, current, new, detail)
                if verdict.outcome != "passed" or rollout.kind == "shadow":
                    self._retire(name, new)
                    return verdict.outcome
            await self._decide(rollout, detail)
        except BaseException:
            self._retire(name, new)
            if stopped:
                await current.load()
            raise
        self._switch(name, new)
        return "serving"

    async def _decide(self, rollout: Rollout, detail: dict[str, Any]) -> None:
        if not await self._blocking(self._source.decide, rollout.id, detail):
            raise Superseded

    async def _load(self, rollout: Rollout, new: Served | None, detail: dict[str, Any]) -> tuple[Served, bool]:
        """Load, warm and compare a version; it, and whether the one before had to be stopped for it."""
        name, current = rollout.name, self._models[rollout.name]
        recorder = Recorder(current)
        stopped = False
        try:
            if new is not None:
                detail["loaded"] = say("it was still loaded")
            else:
                planned = await self._prepare(name, rollout.version)
                new, stopped = planned.served, not planned.fits_beside
                detail["loaded"] = say("stop first") if stopped else say("beside the one before")
                detail["memory"] = planned.memory
                if stopped and rollout.kind in ("canary", "shadow"):
                    reason = say("a version on trial needs room beside the one that is served")
                    raise SmokeTestFailed(reason=reason, way_out=planned.memory)
                await self._blocking(self._source.progress, rollout.id, "preparing", dict(detail))
                if stopped:
                    await current.unload()
                new.start()
                await new.loaded()
            recorder.stop()
            warmed = await warm(
                new,
                None if stopped else current,
                tuple(recorder.requests),
                self._release.warm_up,
                allow_nonfinite=self._settings.allow_nonfinite,
            )
            self._check_difference(rollout, warmed, detail)
        except BaseException:
            if new is not None:
                self._retire(name, new, at_once=True)
            if stopped:
                await current.load()
            raise
        finally:
            recorder.stop()
        return new, stopped

    def _check_difference(self, rollout: Rollout, warmed: Warmed, detail: dict[str, Any]) -> None:
        detail.update(warm_up_requests=warmed.requests, recorded_requests=warmed.recorded)
        if warmed.largest is not None:
            detail["largest_difference"] = warmed.largest
        if warmed.incomparable:
            detail["incomparable_answers"] = warmed.incomparable
        limit = self._limit(rollout)
        # A shadow is there to measure the differences, between answers to clients' requests.
        if limit < 0 or rollout.kind == "shadow" or str(rollout.version) == self._models[rollout.name].version:
            return
        if warmed.largest is None or warmed.incomparable or warmed.largest > limit:
            found = say("not comparable") if warmed.largest is None or warmed.incomparable else f"{warmed.largest:.3g}"
            reason = say(
                "its answers differ from those of the version before: {found}, {limit:.3g} passes",
                found=found,
                limit=limit,
            )
            raise SmokeTestFailed(reason=reason, way_out=say("raise --max-difference if that is meant"))

    def _limit(self, rollout: Rollout) -> float:
        asked = rollout.options.max_difference
        return self._release.max_difference if asked is None else asked

    async def _observe(self, rollout: Rollout, old: Served, new: Served, detail: dict[str, Any]) -> TrialVerdict:
        """Judge a version on trial until there is a verdict, the time is over, or it is aborted."""
        options = rollout.options
        samples, seconds = options.samples or self._release.samples, options.seconds or self._release.observe
        trial = Trial(old, new, options.share, str(rollout.id), self._limit(rollout))
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        trial.start()
        if options.share:
            self._models.set_share(rollout.name, trial)
        self._models.set_beside(rollout.name, [*self._models.beside(rollout.name), new])
        try:
            while True:
                first, second = trial.old.observed(), trial.new.observed()
                verdict = judge(first, second, trial.drift(), samples, self._release.max_slowdown)
                detail.update(
                    answers=second.answers,
                    errors=second.errors,
                    answers_before=first.answers,
                    errors_before=first.errors,
                    verdict=verdict.outcome,
                    reason="; ".join(verdict.reasons),
                )
                if verdict.outcome != "undecided" or loop.time() >= end:
                    return verdict
                if not await self._blocking(self._source.progress, rollout.id, "observing", dict(detail)):
                    raise Superseded
                await asyncio.sleep(JUDGE_S)
        finally:
            trial.stop()
            self._models.set_share(rollout.name, None)

    # --- what was served ------------------------------------------------------------------------------------------

    def _switch(self, name: str, new: Served) -> None:
        """Let a version take the requests, in one step; the one before stays loaded for a while."""
        old = self._models[name]
        others = [served for served in self._models.beside(name) if served not in (old, new)]
        keeps = not old.unloaded
        self._models.switch(name, new, old if keeps else None)
        for served in others:
            self._retire(name, served)
        self._forget_timer(name)
        if keeps:
            self._warm[name] = old
            loop = asyncio.get_running_loop()
            self._cooling[name] = loop.call_later(self._release.keep_warm, self._cool, name, old)
        else:
            self._retire(name, old)
        log_event(_log, "release_switched", model=name, version=new.version, before=old.version)

    def _take_warm(self, name: str, version: int) -> Served | None:
        """The version before, where it is still loaded and is the one that is wanted."""
        found = self._warm.get(name)
        if found is None or found.version != str(version) or not found.ready:
            return None
        self._forget_timer(name)
        return self._warm.pop(name)

    def _forget_timer(self, name: str) -> None:
        timer = self._cooling.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _cool(self, name: str, served: Served) -> None:
        if self._warm.get(name) is served:
            del self._warm[name]
            self._retire(name, served)

    def _retire(self, name: str, served: Served, *, at_once: bool = False) -> None:
        """End a version that takes no requests any more, once those are answered that still hold it."""
        self._models.set_beside(name, [each for each in self._models.beside(name) if each is not served])
        task = asyncio.get_running_loop().create_task(self._end_version(served, at_once=at_once))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end_version(self, served: Served, *, at_once: bool) -> None:
        try:
            if not at_once:
                # A request whose body is on its way chose this version when its head came.
                await asyncio.sleep(self._settings.limits.body_timeout)
                generates = isinstance(served, ServedGenerator)
                limit = self._settings.generation.timeout if generates else self._settings.deadline
                await served.drain(limit)
        finally:
            await served.stop(STOP)
            served.close()

    async def _follow_other(self, name: str, version: int) -> None:
        """Serve what another service on the same state directory has brought into service."""
        try:
            new = self._take_warm(name, version)
            if new is None:
                planned = await self._prepare(name, version)
                if not planned.fits_beside:
                    await self._models[name].unload()
                new = planned.served
                new.start()
                await new.loaded()
            self._switch(name, new)
        except AirworthyError as error:
            log_event(_log, "release_not_followed", logging.ERROR, model=name, version=version, reason=error.text)
            if self._models[name].unloaded:
                await self._models[name].load()
            await asyncio.sleep(MAX_POLL_S)

"""Releases in a running service: what the state directory has decided, and how a version is planned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from airworthy.core.errors import AirworthyError
from airworthy.core.facts import Facts
from airworthy.core.keys import MEMORY_AVAILABLE, MEMORY_LIMIT
from airworthy.core.messages import say
from airworthy.core.progress import SILENT
from airworthy.core.settings import Settings
from airworthy.flows.releases.changing import end_abandoned
from airworthy.state.database import FILE
from airworthy.state.directory import state_directory
from airworthy.state.releases import rollouts, services
from airworthy.state.releases.errors import BadReleaseName, ReleaseDamaged
from airworthy.state.releases.manifest import ReleaseManifest, parse_reference
from airworthy.state.releases.policy import check_policy
from airworthy.state.releases.rollouts import Rollout
from airworthy.state.releases.table import Releases

WORKER_BYTES = 150 << 20
"""Memory of a worker before its model: an interpreter with its runtime."""
MODEL_FACTOR = 1.5
"""Memory of a loaded model to the bytes of its files, with the buffers of its runs."""
USABLE_SHARE = 0.85
"""The share of the available memory that is planned with."""


class NotPromoted(AirworthyError):
    """A name of releases of which none is to be served."""

    code = "not-promoted"
    message = "no version of {name} has been promoted"
    hint = "airworthy release promote {name}@{version}"


class ReleaseArgument(NamedTuple):
    """A release that a command line names in place of a path."""

    manifest: ReleaseManifest
    """The release."""
    path: Path
    """The file or folder to serve."""
    follows: bool
    """Whether the service follows what is promoted: where a name alone was given."""


def release_argument(argument: str, settings: Settings) -> ReleaseArgument | None:
    """The release that an argument names; None where it is a path, or there is no release of that name.

    Raises:
        UnknownRelease: it names a version that is not kept.
        NotPromoted: it names no version, and none was promoted.
        PolicyRefused: the version does not meet the policy.
        ReleaseDamaged: its files are not as they were added.
    """
    try:
        wanted = parse_reference(argument)
    except BadReleaseName:
        return None
    directory = state_directory(settings)
    if Path(argument).exists() or not (directory / FILE).exists():
        return None
    releases = Releases(directory)
    if wanted.name not in releases.names():
        return None
    manifest = releases.find(wanted)
    follows = not wanted.version and not wanted.alias
    if follows and releases.deployment(wanted.name) is None:
        raise NotPromoted(name=wanted.name, version=manifest.version)
    if not follows:
        check_policy(manifest, settings.release)
    return ReleaseArgument(manifest, releases.store.ensure(manifest), follows)


class StateRollouts:
    """The rollouts of a state directory, as a service follows them."""

    def __init__(self, settings: Settings, service: str, names: Sequence[str]) -> None:
        """Follow them.

        Args:
            settings: where the state is.
            service: the service's name for this run.
            names: the names of releases that it serves.
        """
        self._directory = state_directory(settings)
        self._service = service
        self._names = tuple(names)
        self._files = tuple(self._directory / f"{FILE}{suffix}" for suffix in ("", "-wal"))

    def stamp(self) -> object:
        """Sizes and times of the files of the database."""
        return tuple(map(_stamp, self._files))

    def read(self) -> tuple[Sequence[Rollout], dict[str, int]]:
        """The rollouts that have not ended, and the version of each name that is to be served."""
        for name in self._names:
            end_abandoned(self._directory, name)
        releases = Releases(self._directory)
        found = {name: releases.deployment(name) for name in self._names}
        active = {name: deployed.active for name, deployed in found.items() if deployed is not None}
        return rollouts.all_under_way(self._directory), active

    def claim(self, number: int) -> bool:
        """Let this service carry a rollout out."""
        return rollouts.claim(self._directory, number, self._service)

    def progress(self, number: int, state: str, detail: dict[str, Any]) -> bool:
        """Keep how far it is."""
        return rollouts.progress(self._directory, number, state, detail)

    def decide(self, number: int, detail: dict[str, Any]) -> bool:
        """Make its version the one to serve."""
        return rollouts.switch(self._directory, number, detail, is_served=False) is not None

    def end(self, number: int, state: str, detail: dict[str, Any]) -> None:
        """End it."""
        rollouts.end(self._directory, number, state, detail)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


class ReleaseServing:
    """What a service needs to serve releases: the decisions, and plans of versions."""

    def __init__(self, settings: Settings, names: Sequence[str], engine: str | None) -> None:
        """Serve these names.

        Args:
            settings: those of the service and of releases, and where the state is.
            names: the names of releases that follow what is promoted.
            engine: the engine to take; the first that can load each by default.
        """
        self.settings = settings
        self.names = tuple(names)
        self._engine = engine

    def announced(self, url: str) -> Any:
        """Let others know of the service for the length of a block; gives its name for this run."""
        return services.announced(state_directory(self.settings), url, self.names)

    def source(self, service: str) -> StateRollouts:
        """What is decided."""
        return StateRollouts(self.settings, service, self.names)

    def plan(self, name: str, version: int) -> tuple[Any, bool, str]:
        """The plan of a version, its files read and compared; whether memory has room for it beside another, and why.

        Raises:
            UnknownRelease: it is not kept any more.
            PolicyRefused: it does not meet the policy, and the rollout waives nothing.
            ReleaseDamaged: its files are not what was added.
            AirworthyError: it can't be served here.
        """
        from airworthy.flows.facts import gather
        from airworthy.flows.serving_inspection import inspect_for_serving
        from airworthy.flows.up import plan

        releases = Releases(state_directory(self.settings))
        manifest = releases.manifest(name, version)
        path = releases.store.ensure(manifest)
        problems = releases.store.problems(manifest, deep=True)
        if problems:
            raise ReleaseDamaged(name=manifest.title, problem=problems[0])
        facts = gather(only=("cpu", "memory", "distributions"))
        inspection = inspect_for_serving(path, self.settings, SILENT)
        planned = plan(
            inspection.model,
            facts.merged(inspection.facts),
            self.settings,
            name=name,
            engine=self._engine,
            version=str(version),
        )
        fits, why = room_for(planned.model.size, self.settings.serve.workers.count, facts)
        return planned, fits, why


def room_for(size: int, workers: int, facts: Facts) -> tuple[bool, str]:
    """Whether a model fits into memory beside everything that runs now, and why.

    Args:
        size: bytes of its files.
        workers: worker processes that load it.
        facts: what is known of memory.
    """
    need = int(workers * (WORKER_BYTES + MODEL_FACTOR * size))
    known = (facts.get_value(MEMORY_AVAILABLE, None), facts.get_value(MEMORY_LIMIT, None))
    available = min((amount for amount in known if amount is not None), default=None)
    if available is None:
        return False, say("needs {need:bytes}; the memory that is free is not known", need=need)
    fits = need <= USABLE_SHARE * available
    return fits, say("needs {need:bytes} of {available:bytes} that are free", need=need, available=available)

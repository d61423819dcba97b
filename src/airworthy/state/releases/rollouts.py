"""Changes of which version is served: one at a time for each name, claimed by a service, ended with a reason."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Literal, Optional

import msgspec

from airworthy.state.database import transaction
from airworthy.state.releases.errors import NothingToRollBack, NothingUnderWay, ReleaseBusy, ReleaseMoved
from airworthy.state.releases.table import Deployment, deployment_of, utc_now

RolloutKind = Literal["promote", "rollback", "canary", "shadow"]
RolloutState = Literal[
    "waiting", "preparing", "observing", "switching", "serving", "passed", "failed", "undecided", "aborted"
]
OPEN = ("waiting", "preparing", "observing", "switching")
"""States of a rollout that has not ended."""


class RolloutOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a version is brought into service."""

    generation: Optional[int] = None
    """The generation of the deployment that the decision was made on; None for whichever there is."""
    share: float = 0.0
    """The share of requests that a canary gets, above 0 and below 1."""
    samples: int = 0
    """Answers of each side before a canary or a shadow is judged; 0 for the setting."""
    seconds: float = 0.0
    """Seconds after which a canary or a shadow without a verdict ends; 0 for the setting."""
    max_difference: Optional[float] = None
    """The largest difference between answers of the two versions that passes; None to report it alone."""
    excepted: tuple[str, ...] = ()
    """Demands of the policy that are waived."""
    why: str = ""
    """Why they are waived."""


class Rollout(msgspec.Struct, frozen=True):
    """One change of which version is served."""

    id: int
    """Its number."""
    name: str
    """The name."""
    kind: str
    """`promote`, `rollback`, `canary` or `shadow`."""
    version: int
    """The version that is to be served."""
    options: RolloutOptions
    """How."""
    at: str
    """When it was requested, ISO 8601 in UTC."""
    principal: str
    """Who requested it."""
    state: str
    """`waiting`, `preparing`, `observing`, `switching`; or how it ended."""
    service: str
    """The service that carries it out; empty while none does."""
    detail: dict[str, Any]
    """What was found: how it was loaded, the comparison, the verdict, or why it failed."""
    ended: Optional[str]
    """When it ended; None while it is under way."""


_SELECT = "SELECT id, name, kind, version, options, at, principal, state, service, detail, ended FROM rollout"


def begin(directory: Path, name: str, kind: str, version: int, options: RolloutOptions, principal: str) -> Rollout:
    """Request a rollout.

    Args:
        directory: the state directory.
        name: the name.
        kind: `promote`, `rollback`, `canary` or `shadow`.
        version: the version that is to be served; 0 for the one before, of a roll-back.
        options: how.
        principal: who requests it.

    Raises:
        ReleaseBusy: another one of this name has not ended.
        ReleaseMoved: the version that is served is not the one that the decision was made on.
        NothingToRollBack: no version was served before.
    """
    with transaction(directory) as database:
        under_way = _open(database, name)
        if under_way is not None:
            raise ReleaseBusy(
                principal=under_way.principal,
                kind=under_way.kind,
                name=name,
                version=under_way.version,
                at=under_way.at,
            )
        deployed = deployment_of(database, name)
        _check_generation(deployed, options, name)
        if kind == "rollback" and not version:
            if deployed is None or deployed.previous is None:
                raise NothingToRollBack(name=name)
            version = deployed.previous
        encoded = msgspec.json.encode(options).decode()
        number = database.execute(
            "INSERT INTO rollout (name, kind, version, options, at, principal, state, service, detail)"
            " VALUES (?, ?, ?, ?, ?, ?, 'waiting', '', '{}')",
            (name, kind, version, encoded, utc_now(), principal),
        ).lastrowid
        assert number is not None
        return _read(database, number)


def _check_generation(deployed: Deployment | None, options: RolloutOptions, name: str) -> None:
    if options.generation is None:
        return
    if (deployed.generation if deployed else 0) != options.generation:
        where = deployed or Deployment(name, 0, 0, None, "", "")
        raise ReleaseMoved(name=name, active=where.active, principal=where.principal, at=where.at)


def claim(directory: Path, number: int, service: str) -> bool:
    """Let a service carry out a rollout; False where another one does."""
    query = "UPDATE rollout SET service = ?, state = 'preparing' WHERE id = ? AND state = 'waiting'"
    with transaction(directory) as database:
        return database.execute(query, (service, number)).rowcount == 1


def progress(directory: Path, number: int, state: str, detail: dict[str, Any]) -> bool:
    """Keep how far a rollout is; False where it was ended meanwhile."""
    with transaction(directory) as database:
        return (
            database.execute(
                "UPDATE rollout SET state = ?, detail = ? WHERE id = ? AND ended IS NULL",
                (state, _text(detail), number),
            ).rowcount
            == 1
        )


def end(directory: Path, number: int, state: str, detail: dict[str, Any]) -> bool:
    """End a rollout that changed nothing; False where it was ended already."""
    with transaction(directory) as database:
        return _end(database, number, state, detail)


def _end(database: sqlite3.Connection, number: int, state: str, detail: dict[str, Any]) -> bool:
    query = "UPDATE rollout SET state = ?, detail = ?, ended = ? WHERE id = ? AND ended IS NULL"
    return database.execute(query, (state, _text(detail), utc_now(), number)).rowcount == 1


def _text(detail: dict[str, Any]) -> str:
    return msgspec.json.encode(detail).decode()


def switch(directory: Path, number: int, detail: dict[str, Any], *, is_served: bool = True) -> Deployment | None:
    """Make a rollout's version the one that is to be served, in one step.

    Args:
        directory: the state directory.
        number: the rollout's.
        detail: what was found.
        is_served: whether the rollout ends with it; else it is `switching` until a service answers with the version.

    Returns:
        What is served from now on; None where the rollout was ended meanwhile, and nothing has changed.
    """
    with transaction(directory) as database:
        rollout = _read(database, number)
        if rollout.ended is not None:
            return None
        deployed = deployment_of(database, rollout.name)
        previous = deployed.active if deployed is not None else None
        if deployed is not None and deployed.active == rollout.version:
            previous = deployed.previous
        generation = (deployed.generation if deployed is not None else 0) + 1
        row = (rollout.name, generation, rollout.version, previous, utc_now(), rollout.principal)
        database.execute("INSERT OR REPLACE INTO deployment VALUES (?, ?, ?, ?, ?, ?)", row)
        if is_served:
            _end(database, number, "serving", detail)
        else:
            database.execute("UPDATE rollout SET state = 'switching' WHERE id = ?", (number,))
        return Deployment(*row)


def all_under_way(directory: Path) -> list[Rollout]:
    """The rollouts of all names that have not ended."""
    with transaction(directory, write=False) as database:
        return [_rollout(row) for row in database.execute(_SELECT + " WHERE ended IS NULL ORDER BY id").fetchall()]


def under_way(directory: Path, name: str) -> Rollout | None:
    """The rollout of a name that has not ended."""
    with transaction(directory, write=False) as database:
        return _open(database, name)


def abort(directory: Path, name: str, principal: str) -> Rollout:
    """End the rollout of a name that is under way; what was served stays.

    Raises:
        NothingUnderWay: there is none.
    """
    with transaction(directory) as database:
        found = _open(database, name)
        if found is None or found.state == "switching":
            raise NothingUnderWay(name=name)
        _end(database, found.id, "aborted", {**found.detail, "aborted_by": principal})
        return _read(database, found.id)


def read(directory: Path, number: int) -> Rollout:
    """A rollout by its number."""
    with transaction(directory, write=False) as database:
        return _read(database, number)


def history(directory: Path, name: str, most: int = 20) -> list[Rollout]:
    """The rollouts of a name, the latest first."""
    query = _SELECT + " WHERE name = ? ORDER BY id DESC LIMIT ?"
    with transaction(directory, write=False) as database:
        return [_rollout(row) for row in database.execute(query, (name, most)).fetchall()]


def _open(database: sqlite3.Connection, name: str) -> Rollout | None:
    row = database.execute(_SELECT + " WHERE name = ? AND ended IS NULL", (name,)).fetchone()
    return None if row is None else _rollout(row)


def _read(database: sqlite3.Connection, number: int) -> Rollout:
    return _rollout(database.execute(_SELECT + " WHERE id = ?", (number,)).fetchone())


def _rollout(row: tuple[Any, ...]) -> Rollout:
    number, name, kind, version, options, at, principal, state, service, detail, ended = row
    decoded = msgspec.json.decode(options, type=RolloutOptions)
    found: dict[str, Any] = msgspec.json.decode(detail)
    return Rollout(number, name, kind, version, decoded, at, principal, state, service, found, ended)

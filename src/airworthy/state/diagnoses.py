"""Which causes cost most: diagnoses that were kept, and what they add up to."""

from __future__ import annotations

import platform
from datetime import datetime, timezone
from pathlib import Path

from airworthy.core.cost import CauseCost
from airworthy.core.finding import Finding
from airworthy.core.redact import redact_text
from airworthy.state.database import transaction


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def record(directory: Path, source: str, finding: Finding | None, *, host: str = "", at: str = "") -> int | None:
    """Keep a diagnosis; where nothing was found, what is open for the same source counts as resolved.

    Args:
        directory: the state directory.
        source: the log or the command; a later diagnosis of the same one is compared with it.
        finding: the root cause, or None where nothing is wrong any more.
        host: the machine; this one when empty.
        at: when, ISO 8601 in UTC; now when empty.

    Returns:
        The number of the diagnosis, None where there was nothing to keep.

    Raises:
        StateUnusable: the database can't be used.
    """
    host, at = host or platform.node(), at or _now()
    with transaction(directory) as database:
        if finding is None:
            database.execute(
                "UPDATE diagnosis SET resolved = ? WHERE source = ? AND host = ? AND resolved IS NULL",
                (at, source, host),
            )
            return None
        line = redact_text(str(finding.evidence[0].value) if finding.evidence else finding.message)
        # Another cause for the same source: the one before is out of the way.
        database.execute(
            "UPDATE diagnosis SET resolved = ? WHERE source = ? AND host = ? AND cause <> ? AND resolved IS NULL",
            (at, source, host, finding.cause),
        )
        cursor = database.execute(
            "INSERT INTO diagnosis (at, host, source, cause, line) VALUES (?, ?, ?, ?, ?)",
            (at, host, source, finding.cause, line),
        )
        return cursor.lastrowid


def resolve(directory: Path, cause: str, *, at: str = "") -> int:
    """Mark the open diagnoses of a cause as resolved; returns how many there were.

    Raises:
        StateUnusable: the database can't be used.
    """
    with transaction(directory) as database:
        return database.execute(
            "UPDATE diagnosis SET resolved = ? WHERE cause = ? AND resolved IS NULL", (at or _now(), cause)
        ).rowcount


def stats(directory: Path, *, now: str = "") -> tuple[CauseCost, ...]:
    """What each cause has cost, the most expensive first.

    Raises:
        StateUnusable: the database can't be used.
    """
    with transaction(directory, write=False) as database:
        rows = database.execute("SELECT cause, at, resolved FROM diagnosis ORDER BY at, id").fetchall()
    end = datetime.fromisoformat(now or _now())
    by_cause: dict[str, list[tuple[datetime, datetime | None]]] = {}
    for cause, at, resolved in rows:
        times = (datetime.fromisoformat(at), datetime.fromisoformat(resolved) if resolved else None)
        by_cause.setdefault(cause, []).append(times)
    costs = [_cost(cause, times, end) for cause, times in by_cause.items()]
    return tuple(sorted(costs, key=lambda each: (-each.hours, -each.times, each.cause)))


def _cost(cause: str, times: list[tuple[datetime, datetime | None]], end: datetime) -> CauseCost:
    # Diagnoses of one failure that was diagnosed again and again are one outage, from the first to its resolution.
    outages: list[tuple[datetime, datetime | None]] = []
    for at, resolved in times:
        if outages and (outages[-1][1] is None or at < outages[-1][1]):
            last = outages[-1][1]
            outages[-1] = (outages[-1][0], max(last, resolved) if last and resolved else resolved or last)
        else:
            outages.append((at, resolved))
    repairs = [(resolved - at).total_seconds() / 3600 for at, resolved in outages if resolved is not None]
    hours = sum(((resolved or end) - at).total_seconds() / 3600 for at, resolved in outages)
    return CauseCost(
        cause=cause,
        times=len(times),
        came_back=len(outages) - 1,
        open=sum(resolved is None for _, resolved in times),
        hours=round(max(hours, 0.0), 3),
        hours_to_repair=round(sum(repairs) / len(repairs), 3) if repairs else None,
        first=times[0][0].isoformat(),
        last=times[-1][0].isoformat(),
    )

"""Gathering: all probes at once, each with a time limit; one that fails makes only its own facts unknown."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable
from typing import Any

from airworthy.core.facts import Fact, Facts, Unknown
from airworthy.core.keys import Key
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.probes.interface import Probe
from airworthy.probes.seam.host import Host, HostError
from airworthy.probes.seam.sharing import sharing

TIME_LIMIT = 10.0
"""Seconds that a probe has."""


class ProbeBug(Exception):
    """A probe broke its own promise: it yielded a fact that it does not provide, or raised what it should not."""


class _Reading(threading.Thread):
    """One probe at work. A daemon, so that a probe that hangs does not keep the process alive."""

    def __init__(self, host: Host, probe: Probe, done: queue.SimpleQueue[_Reading]) -> None:
        super().__init__(daemon=True, name=f"airworthy-probe-{probe.name}")
        self.probe = probe
        self.facts: list[tuple[Key[Any], Fact]] = []
        self.error: Exception | None = None
        self._host = host
        self._done = done

    def run(self) -> None:
        try:
            for item in self.probe.read(self._host):
                self.facts.append(item)
        except Exception as error:  # noqa: BLE001 - whatever a probe does wrong must not stop the others
            self.error = error
        self._done.put(self)


def gather(
    host: Host,
    probes: Iterable[Probe],
    *,
    time_limit: float = TIME_LIMIT,
    progress: Progress = SILENT,
    strict: bool = False,
) -> Facts:
    """Read facts about a host.

    Args:
        host: the machine, or a recording of one.
        probes: what to read.
        time_limit: seconds for each probe; they run at the same time.
        progress: receives how many probes are done.
        strict: for tests: raise on a fault of a probe's own, instead of making its facts unknown.

    Raises:
        ProbeBug: `strict`, and a probe yielded a key that it does not provide, or raised other than `HostError`.
    """
    progress.stage(say("reading the host"))
    done: queue.SimpleQueue[_Reading] = queue.SimpleQueue()
    with sharing(host):
        running = [_Reading(host, probe, done) for probe in probes]
        deadline = time.monotonic() + time_limit
        for reading in running:
            reading.start()
        ended: set[_Reading] = set()
        while len(ended) < len(running):
            try:
                ended.add(done.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                break
            progress.advance(len(ended), len(running))
        entries: dict[str, Fact] = {}
        for reading in running:
            entries.update(_result(reading, reading in ended, time_limit, strict))
    return Facts(entries)


def _result(reading: _Reading, ended: bool, time_limit: float, strict: bool) -> dict[str, Fact]:
    probe, error = reading.probe, reading.error if ended else None
    if strict and error is not None and not isinstance(error, HostError):
        raise ProbeBug(f"{probe.name} raised {error!r}") from error
    provided = {key.name for key in probe.provides}
    entries: dict[str, Fact] = {}
    for key, fact in tuple(reading.facts):
        if key.name in provided:
            entries[key.name] = fact
        elif strict:
            raise ProbeBug(f"{probe.name} yields {key.name}, which it does not provide")
    if not ended:
        reason = say("reading it took longer than {limit:seconds}", limit=time_limit)
    elif isinstance(error, HostError):
        reason = one_line(str(error))
    elif error is not None:
        template = "the probe {probe} failed: {error}"
        reason = say(template, probe=probe.name, error=one_line(f"{type(error).__name__}: {error}"))
    else:
        reason = say("the probe {probe} did not say", probe=probe.name)
    return {name: entries.get(name, Unknown(reason)) for name in sorted(provided)}


def one_line(text: str, limit: int = 300) -> str:
    """A text as one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"

"""Running the battery: one child for each device, a fresh one where a test took it along, and the facts that remain."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from airworthy.core.facts import Absent, Fact, Known
from airworthy.core.keys import BATTERY_DEVICES, BATTERY_TRIALS
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.core.values import DeviceTrial, TriedDevice
from airworthy.probes.battery.process import Child

SECONDS = 60.0
"""Seconds that a device has in all unless set otherwise, loading the framework included."""
PACED = 8.0
"""Seconds that the tests on the CPU are paced for at the most; the limit is for what does not keep to it."""
PACED_ACCELERATOR = 16.0
"""The same for an accelerator, which has more tests and loads a library for many of them."""
MOST_STARTS = 4
"""Processes that a device gets: the first, and one after each test that took its process along."""
SETTLE = 0.05
"""Seconds until what a child wrote to standard error before an answer is here as well."""
PATIENT = 4.0
"""Seconds after which a test that the end of the time cut short counts as one that hangs."""
ACCELERATORS = "accelerators"
"""What stands for the device where looking for accelerators failed."""
MOST_DEVICES = 64
"""Accelerators that are tried."""
MOST_DETAIL = 4000
"""Characters of an error that a fact keeps: its end."""
FRAMEWORKS = {"torch": ("torch",), "onnxruntime": ("onnxruntime",)}
"""The frameworks of the battery → how the names of distributions that hold them begin."""
_START = (
    "import sys,runpy;sys.path[:]=[p for p in sys.path if p]+[sys.argv[1]];"
    "runpy.run_module('airworthy_bench',run_name='__main__',alter_sys=True)"
)
_OUTCOMES = frozenset({"ok", "unsupported", "failed"})


def run(
    python: str,
    frameworks: Iterable[str],
    *,
    seconds: float = SECONDS,
    paced: float | None = None,
    counts: Mapping[str, int] | None = None,
    environment: Mapping[str, str] | None = None,
    progress: Progress = SILENT,
) -> dict[str, Fact]:
    """Try every device, and say what was found as facts.

    Args:
        python: the interpreter of the examined environment.
        frameworks: those of `FRAMEWORKS` that are installed there.
        seconds: what each device may take in all.
        paced: what the tests of a device are paced for; `PACED` and `PACED_ACCELERATOR`, or less, when None.
        counts: execution provider → how many devices it has, for ONNX Runtime, which does not say.
        environment: variables of the children; this process's when None.
        progress: receives which device is tried.
    """
    named = tuple(frameworks)
    if not named:
        absent = Absent(say("neither torch nor ONNX Runtime is installed for {python}", python=python))
        return {BATTERY_DEVICES.name: absent, BATTERY_TRIALS.name: absent}
    tried = _Tried(python, seconds, paced, dict(counts or {}), dict(os.environ if environment is None else environment))
    for framework in named:
        progress.stage(say("trying the CPU through {framework}", framework=framework))
        listed = tried.device(framework, "cpu", first=True)
        for name in listed[:MOST_DEVICES]:
            progress.stage(say("trying {device} through {framework}", device=name, framework=framework))
            tried.device(framework, name)
    source = say("kernels run by {python}", python=python)
    return {
        BATTERY_DEVICES.name: Known(tuple(tried.devices), source),
        BATTERY_TRIALS.name: Known(tuple(tried.trials), source),
    }


class _Tried:
    """What has been found so far."""

    def __init__(
        self, python: str, seconds: float, paced: float | None, counts: dict[str, int], environment: dict[str, str]
    ) -> None:
        self.devices: list[TriedDevice] = []
        self.trials: list[DeviceTrial] = []
        self._python, self._seconds, self._counts = python, seconds, counts
        self._paced = paced
        # Messages in English, as the catalogue knows them; faults reported by the interpreter itself.
        self._environment = {**environment, "LC_ALL": "C", "PYTHONFAULTHANDLER": "1", "PYTHONUNBUFFERED": "1"}

    def device(self, framework: str, device: str, *, first: bool = False) -> list[str]:
        """Try one device, and add what was found; the first one says which others there are."""
        began = time.monotonic()
        until = began + self._seconds
        run = _Run(framework, device)
        listing, unlisted = first, ""
        for _ in range(MOST_STARTS):
            request = {
                "framework": framework,
                "device": device,
                "seconds": self._pace(device),
                "skip": sorted(run.ended),
                "list": listing,
                "counts": self._counts,
            }
            again = self._child(run, request, until)
            if listing and not run.listed and not run.finished:
                # Looking for accelerators took it along, which the CPU does not need.
                listing, unlisted, run.problem = False, run.problem or say("no answer"), ""
                again = True
            if not again or time.monotonic() >= until:
                break
        run.leave_out()
        if unlisted and run.trials:
            self.devices.append(TriedDevice(framework=framework, device=ACCELERATORS, problem=unlisted))
        run.problem = run.problem or unlisted
        self.devices.append(run.told(time.monotonic() - began))
        self.trials.extend(run.trials)
        return run.others

    def _pace(self, device: str) -> float:
        if self._paced is not None:
            return self._paced
        return min(PACED, self._seconds / 3) if device == "cpu" else min(PACED_ACCELERATOR, self._seconds / 2)

    def _child(self, run: _Run, request: Mapping[str, Any], until: float) -> bool:
        """One process; whether another one is to go on."""
        argv = (self._python, "-c", _START, str(Path(__file__).parent))
        run.begun = run.in_flight = ""
        try:
            child = Child(argv, request, self._environment)
        except OSError as error:
            run.problem = say("{python} cannot be run: {reason}", python=self._python, reason=error.strerror or error)
            return False
        # Loading a framework may take as long as all of its tests; one test may not.
        child.patience = max(1.0, self._seconds / 2)
        for message in child.messages(until):
            run.take(_with_errors(message, child) if message.get("outcome") == "failed" else message)
            if run.in_flight:
                child.patience = max(1.0, self._seconds / 4)
            if run.finished:
                break
        return run.goes_on(child)


class _Run:
    """One device's tests, over all the processes that it takes."""

    def __init__(self, framework: str, device: str) -> None:
        self.framework, self.name = framework, device
        self.trials: list[DeviceTrial] = []
        self.ended: set[str] = set()
        self.others: list[str] = []
        self.listed = self.finished = False
        self.begun = self.in_flight = self.problem = ""
        self._since = 0.0
        self._planned: list[str] = []
        self._about: dict[str, Any] = {}

    def take(self, message: Mapping[str, Any]) -> None:
        """One answer; what it says beyond what is known is passed over, and a value of the wrong type is no answer."""
        if isinstance(message.get("devices"), list):
            self.listed = True
            self.others = [
                each["id"] for each in message["devices"] if isinstance(each, dict) and _text(each.get("id"))
            ]
        elif isinstance(message.get("device"), dict):
            self._about = message["device"]
            self.name = _text(self._about.get("id")) or self.name
        elif isinstance(message.get("plan"), list):
            self._planned = [name for name in message["plan"] if _text(name)]
        elif _text(message.get("begin")):
            self.begun = self.in_flight = message["begin"]
            self._since = time.monotonic()
        elif _text(message.get("end")) and message["end"] == self.in_flight:
            self._end(message)
        elif _text(message.get("failed")):
            self.problem = message["failed"][-MOST_DETAIL:]
        elif message.get("done") is True:
            self.finished = True

    def _end(self, message: Mapping[str, Any]) -> None:
        outcome = _text(message.get("outcome"))
        numbers = {
            name: _number(message.get(name)) for name in ("seconds", "fastest", "flops", "bytes", "error", "largest")
        }
        if outcome not in _OUTCOMES or (outcome == "ok" and (numbers["error"] is None or not numbers["seconds"])):
            self._lose("failed", say("the answer of the test cannot be read"))
            return
        self._add(
            outcome,
            shape=_text(message.get("shape")),
            detail=_text(message.get("detail"))[-MOST_DETAIL:],
            **{name: value or 0.0 for name, value in numbers.items()},
        )

    def _lose(self, outcome: str, detail: str) -> None:
        """The test in flight ended without a result."""
        self._add(outcome, detail=detail[-MOST_DETAIL:])

    def _add(self, outcome: str, **told: Any) -> None:
        operation, dtype, variant = (*self.in_flight.split("/"), "", "")[:3]
        told = {name: value for name, value in told.items() if value}
        trial = DeviceTrial(
            framework=self.framework,
            device=self.name,
            operation=operation,
            dtype=dtype,
            outcome=outcome,
            variant=variant,
            **told,
        )
        self.trials.append(trial)
        self.ended.add(self.in_flight)
        self.in_flight = ""

    def goes_on(self, child: Child) -> bool:
        """Note how a process ended; whether another one is to do what is left."""
        if self.finished or self.problem:
            return False  # a framework that can't be loaded says so, and would say so again
        if self.in_flight:
            took = time.monotonic() - self._since
            if not (child.silent or child.late):
                self._lose("crashed", how_it_ended(child))
            elif child.silent or took > PATIENT:
                self._lose("hung", how_it_ended(child))
            return True
        if not self.begun:
            self.problem = how_it_ended(child)[-MOST_DETAIL:]
            return False
        return True

    def leave_out(self) -> None:
        """What was planned and never came to its turn."""
        if self.finished:
            return
        for name in self._planned:
            if name not in self.ended:
                self.in_flight = name
                self._lose("not-run", self.problem or say("the tests before it took the time or the processes"))

    def told(self, seconds: float) -> TriedDevice:
        """The device as a fact."""
        about = self._about
        return TriedDevice(
            framework=self.framework,
            device=self.name,
            name=_text(about.get("name")),
            kind=_text(about.get("kind")),
            version=_text(about.get("version")),
            overhead=_number(about.get("overhead")) or 0.0,
            load=_number(about.get("load")) or 0.0,
            seconds=round(seconds, 3),
            problem="" if self.trials else self.problem,
        )


def _with_errors(message: Mapping[str, Any], child: Child) -> dict[str, Any]:
    """A failure with what libraries wrote to standard error just before it: there they say why they can't be loaded."""
    time.sleep(SETTLE)
    detail = f"{child.errors[-MOST_DETAIL // 2 :]}\n{_text(message.get('detail'))}"
    return {**message, "detail": detail.strip()}


def how_it_ended(child: Child) -> str:
    """The last words of a process, as a shell would print them, for the catalogue to recognise."""
    said = child.errors.rstrip()
    if child.silent or child.late:
        end = say("no answer within the time limit; the process was ended")
    elif child.status is not None and child.status < 0:
        try:
            words = signal.strsignal(-child.status) or ""
        except ValueError:
            words = ""
        end = say("{words}\npython exited with code {status}", words=words, status=128 - child.status)
    else:
        end = say("python exited with code {status}", status=child.status)
    if child.garbage:
        end = say("{count} lines were no answers\n", count=child.garbage) + end
    return f"{said}\n{end}" if said else end


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) and value >= 0 else None

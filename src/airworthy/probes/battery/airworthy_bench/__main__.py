"""Reads what is asked as one line of JSON, and answers line by line as it goes, so that a crash loses one test.

Asked: `{"framework": "torch", "device": "cpu", "seconds": 10, "skip": ["copy/float32/"], "list": true, "counts": {}}`.
Answers: `devices` and what each is, `device` and what the tested one is, `plan` with the names of all tests, then for
each test `begin` with its name and `end` with its result; at last `done`, or `again` where a fresh process has to go
on because this one's device may be in no state to be used.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import sys
import threading
import time
import traceback
import warnings
from typing import Any, TextIO

from . import pacing
from .testing import KernelBroken, Runner, Unsupported, is_unsupported, name_of

LEAST = 0.03
"""Seconds that a test is paced for at the least."""
LONGEST = 4000
"""Characters of an error that are passed on: its end, where the reason stands."""


def main() -> int:
    """Answer one request; the exit status."""
    # What frameworks print goes to standard error; the answers have a way of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    faulthandler.enable()
    warnings.simplefilter("ignore")
    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        _answer(answers, asked)
    except KernelBroken as broken:
        _say(answers, again=str(broken))
    except Exception:  # noqa: BLE001 - reported to the caller
        _say(answers, failed=traceback.format_exc()[-LONGEST:])
    return 0


def _say(answers: TextIO, **message: Any) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _load() -> float:
    """The share of this machine's processors that other programs have used in the last minute."""
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except (AttributeError, OSError):
        return 0.0


def _leave_with_parent() -> None:
    """End when the parent process has gone: the pipe is its own, and closes with it."""
    while os.read(0, 1):
        pass
    os._exit(3)


def _answer(answers: TextIO, asked: dict[str, Any]) -> None:
    module = importlib.import_module(
        {"torch": ".with_torch", "onnxruntime": ".with_onnxruntime"}[asked["framework"]], __package__
    )
    if asked.get("list"):
        _say(answers, devices=module.devices(asked.get("counts") or {}))
    runner: Runner = module.runner(asked["device"])
    _say(answers, device={**runner.about(), "load": _load()})
    planned = [name_of(*test) for test in runner.plan()]
    _say(answers, plan=planned)
    skipped = frozenset(asked.get("skip") or ())
    left = [test for test in runner.plan() if name_of(*test) not in skipped]
    until = time.perf_counter() + float(asked["seconds"]) * len(left) / max(1, len(planned))
    for number, test in enumerate(left):
        # What one test takes too long the others have less of.
        seconds = max(LEAST, (until - time.perf_counter()) / (len(left) - number))
        name = name_of(*test)
        _say(answers, begin=name)
        result = _one(runner, test, seconds)
        broken = result.pop("broken", False)
        _say(answers, end=name, **result)
        if broken:
            raise KernelBroken("the device may be in no state to be used after that")
    _say(answers, done=True)


def _alive(runner: Runner) -> bool:
    """Whether the device can be gone on with: after some errors every call fails until the process ends."""
    try:
        runner.alive()
    except Exception:  # noqa: BLE001 - whatever it is, a fresh process will show more
        return False
    return True


def _one(runner: Runner, test: tuple[str, str, str], seconds: float) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        case = runner.case(*test, seconds)
        result = case.run()
        runner.settle()
        ratio, largest = case.check(result)
        del result
        took, fastest = pacing.times(case.run, runner.settle, max(0.02, seconds - (time.perf_counter() - began)))
    except Exception as error:  # noqa: BLE001 - whatever a framework raises is what is looked for
        text = traceback.format_exc()[-LONGEST:]
        if isinstance(error, Unsupported) or is_unsupported(error):
            return {"outcome": "unsupported", "detail": f"{type(error).__name__}: {error}"[:LONGEST]}
        return {"outcome": "failed", "detail": text, "broken": not _alive(runner)}
    finally:
        runner.release()
    return {
        "outcome": "ok",
        "seconds": took,
        "fastest": fastest,
        "flops": case.flops,
        "bytes": case.bytes,
        "shape": case.shape,
        # JSON has no infinity.
        "error": min(ratio, 1e30),
        "largest": min(largest, 1e30),
    }


if __name__ == "__main__":
    raise SystemExit(main())

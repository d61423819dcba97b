"""The collected failures: what each is taken for, alone, in a server's log, and as other programs would pass it on."""

from __future__ import annotations

import collections
import json
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from airworthy.causes.registry import CAUSES
from airworthy.recognition import Diagnosis, diagnose
from catalogue import CORPUS
from healthy import server

FILE = CORPUS / "errors.jsonl"
LEAST_FIRST = 0.95
"""Share of the covered samples whose first finding is right."""
LEAST_THREE = 0.98
"""Share of them that have the right one among the first three."""

pytestmark = pytest.mark.skipif(not FILE.is_file(), reason=f"the collected cases are not at {CORPUS}")


@cache
def samples() -> tuple[dict[str, Any], ...]:
    """The samples whose cause has an entry."""
    rows = [json.loads(row) for row in FILE.read_text(encoding="utf-8").splitlines()]
    return tuple(row for row in rows if row["cause"] in CAUSES.names())


@cache
def alone(number: int) -> Diagnosis:
    return diagnose(samples()[number]["log"])


def right(row: dict[str, Any]) -> set[str]:
    return {row["cause"], *(row.get("also") or ())}


def causes(diagnosis: Diagnosis) -> list[str]:
    return [finding.cause for finding in diagnosis.findings]


def test_first_and_first_three(capsys: pytest.CaptureFixture[str]) -> None:
    first = three = 0
    confusion: collections.Counter[tuple[str, str]] = collections.Counter()
    for number, row in enumerate(samples()):
        found = causes(alone(number))
        first += found[:1] != [] and found[0] in right(row)
        three += bool(set(found[:3]) & right(row))
        if found[:1] == [] or found[0] not in right(row):
            confusion[row["cause"], found[0] if found else "nothing"] += 1
    count = len(samples())
    with capsys.disabled():
        print(f"\ncollected failures: {count}, first right {first / count:.1%}, among three {three / count:.1%}")
        for (told, taken), times in sorted(confusion.items()):
            print(f"  {told:32} taken for {taken} ({times})")
    assert first >= LEAST_FIRST * count
    assert three >= LEAST_THREE * count


def test_the_same_answer_in_a_servers_log() -> None:
    """Each sample at a place of its own among 20,000 lines of a healthy server."""
    lines = server()
    whole = "\n".join(lines)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    changed = []
    for number, row in enumerate(samples()):
        at = starts[random.Random(row["id"]).randrange(len(lines))]
        found = causes(diagnose(f"{whole[:at]}{row['log']}\n{whole[at:]}"))
        if found[:1] != causes(alone(number))[:1]:
            changed.append((row["id"], row["cause"], causes(alone(number))[:2], found[:2]))
    assert not changed


def _docker(log: str) -> str:
    rows = (
        json.dumps({"log": f"{line}\n", "stream": "stderr", "time": "2026-11-20T09:00:00Z"}) for line in log.split("\n")
    )
    return "\n".join(rows)


PASSED_ON: dict[str, Callable[[str], str]] = {
    "windows line ends": lambda log: log.replace("\n", "\r\n"),
    "compose": lambda log: "\n".join(f"server-1  | {line}" for line in log.split("\n")),
    "journal": lambda log: "\n".join(f"Nov 20 09:00:01 gpu-7 serve[4711]: {line}" for line in log.split("\n")),
    "rank": lambda log: "\n".join(f"[rank3]: {line}" for line in log.split("\n")),
    "worker": lambda log: "\n".join(
        f"(EngineCore_0 pid=123) ERROR 08-01 09:00:00 [core.py:586] {line}" for line in log.split("\n")
    ),
    "kubectl logs --timestamps": lambda log: "\n".join(
        f"2026-11-20T09:00:00.123456789Z {line}" for line in log.split("\n")
    ),
    "docker json": _docker,
    "colours": lambda log: "\n".join(f"\x1b[31m{line}\x1b[0m" for line in log.split("\n")),
    "a wrapper's word after it": lambda log: (
        f"{log}\n\nThe above exception was the direct cause of the following exception:\n\n"
        'Traceback (most recent call last):\n  File "run.py", line 3, in <module>\n    serve()\n'
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"
    ),
}


@pytest.mark.parametrize("way", sorted(PASSED_ON))
def test_the_same_answer_as_other_programs_pass_it_on(way: str) -> None:
    changed = []
    for number, row in enumerate(samples()):
        before = causes(alone(number))
        found = causes(diagnose(PASSED_ON[way](row["log"])))
        if found[:1] != before[:1]:
            changed.append((row["id"], row["cause"], before[:2], found[:2]))
    assert len(changed) <= 0.02 * len(samples()), changed

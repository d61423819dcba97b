"""A model's operators checked on targets: tables first, and what an installed runtime really assigns where asked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from airworthy.core.errors import AirworthyError, UnknownName
from airworthy.core.facts import Known
from airworthy.core.graph import Program
from airworthy.core.keys import OPERATOR_GAPS
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo
from airworthy.knowledge.operators import ATEN_TARGETS, TARGETS, beyond_tables
from airworthy.report.plain import builtins

SECONDS = 120.0
"""Seconds that the runtime gets to assign nodes."""
MOST_ANSWER = 64 * 1024 * 1024
"""Bytes of its answer that are read."""
MOST_SIZE = 1 << 31


class NoGraph(AirworthyError):
    """A model without a graph of operators."""

    code = "no-graph"
    message = "{path} holds no graph that can be checked on targets: it is {format}; ONNX and torch.export are"
    hint = "export it: to ONNX with `torch.onnx.export`, or with `torch.export.save`"


class SizeInvalid(AirworthyError):
    """A size that is not `NAME=NUMBER`."""

    code = "size-invalid"
    message = "{given!r} is no size"
    hint = "write `--size batch=8`, with a whole number from 1"


@dataclass(frozen=True)
class Against:
    """The targets that a model's operators are checked on."""

    targets: tuple[str, ...]
    """Names of targets."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Open sizes by symbol or by `INPUT.AXIS`."""
    ask_runtime: bool = False
    """Whether the installed ONNX Runtime is asked what it assigns."""


def asked(targets: str, sizes: Sequence[str], ask_runtime: bool) -> Against:
    """What a command line asks for: names apart by commas, or `all`.

    Raises:
        UnknownName: there is no such target.
        SizeInvalid: a size is not `NAME=NUMBER`.
    """
    names = [name.strip().lower() for name in targets.split(",") if name.strip()]
    if names == ["all"]:
        names = list(TARGETS)
    known = dict.fromkeys((*TARGETS, *ATEN_TARGETS))
    for name in names:
        if name not in known:
            suggestion = say("targets are {names}, or `all`", names=tuple(known))
            raise UnknownName(kind=say("target"), name=name, suggestion=suggestion)
    given: dict[str, int] = {}
    for text in sizes:
        name, _, number = text.rpartition("=")
        if not name or not (number.isascii() and number.isdigit()) or not 0 < int(number[:12]) < MOST_SIZE:
            raise SizeInvalid(given=text)
        given[name] = int(number)
    return Against(tuple(dict.fromkeys(names)), given, ask_runtime)


def look_at_targets(inspection: Inspection, against: Against) -> tuple[Inspection, dict[str, Any]]:
    """The inspection with what targets lack among its facts, and the part of the answer: `targets`, `assigned`.

    Raises:
        NoGraph: there is none in the model.
        GraphUnreadable: it is damaged.
    """
    model = inspection.model
    answer: dict[str, Any] = {}
    beyond = ""
    if model.entry_format == "onnx":
        from airworthy.artifacts.formats.onnx_graph import read_program
        from airworthy.targets.judge import judge

        program = read_program(Path(model.entry))
        matrix = judge(program, _held(against.targets, TARGETS), against.sizes)
        beyond = beyond_tables(program.opsets)
        if against.ask_runtime or beyond:
            # Of an operator set that is newer than the tables only the runtime itself knows.
            told = _beside(program, assigned(model))
            if against.ask_runtime or told.get("version"):
                answer["assigned"] = told
    elif any(operator.domain == "aten" for operator in model.operators):
        from airworthy.targets.aten import judge_aten

        matrix = judge_aten(model.operators, _held(against.targets, tuple(ATEN_TARGETS)))
    else:
        raise NoGraph(path=model.path, format=model.entry_format or model.format)
    answer["targets"] = {**builtins(matrix), "unheld": _unheld(model, against.targets), "beyond": beyond}
    del answer["targets"]["gaps"]
    facts = inspection.facts.merged({OPERATOR_GAPS.name: Known(matrix.gaps, model.entry)})
    return Inspection(model, facts), answer


def _beside(program: Program, told: dict[str, Any]) -> dict[str, Any]:
    """The runtime's assignment with what was judged for its first provider: `compared`, `agreeing`."""
    from airworthy.knowledge.operators import target
    from airworthy.targets.comparison import compare
    from airworthy.targets.judge import judge

    provider = next(iter(told.get("providers", ())), "")
    name = next((each for each in TARGETS if target(each).provider == provider), "")
    if "nodes" not in told or not name:
        return told
    rows = compare(judge(program, (name,)), name, provider, told["nodes"])
    return {**told, "target": name, "agreeing": sum(row.agreeing for row in rows), "compared": builtins(rows)}


def _held(wanted: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in wanted if name in known)


def _unheld(model: ModelInfo, wanted: Sequence[str]) -> list[str]:
    """Targets that a model of this format is not checked on."""
    known = TARGETS if model.entry_format == "onnx" else tuple(ATEN_TARGETS)
    return [name for name in wanted if name not in known]


def assigned(model: ModelInfo) -> dict[str, Any]:
    """What the ONNX Runtime of this interpreter assigns, asked in a process of its own with limits.

    `{"version": …, "providers": […], "nodes": [{"provider", "domain", "operator", "name"}]}`, or `{"problem": …}`.
    """
    command = [sys.executable, "-m", "airworthy.engines.assignment", model.entry, str(model.size)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"problem": say("it did not answer within {seconds:seconds}", seconds=SECONDS)}
    except OSError as error:
        return {"problem": say("it could not be started: {reason}", reason=error.strerror or error)}
    try:
        answer = msgspec.json.decode(done.stdout[:MOST_ANSWER], type=dict[str, Any])
    except msgspec.DecodeError:
        return {"problem": say("it ended with status {status} and no answer", status=done.returncode)}
    return answer

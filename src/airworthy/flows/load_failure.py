"""A model that did not load: the causes that the engine's error, the worker's output and its exit status show."""

from __future__ import annotations

import tempfile
from typing import Any

import msgspec

from airworthy.causes.catalogue import Catalogue
from airworthy.core.errors import AirworthyError
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence
from airworthy.core.report import Failed, Report
from airworthy.engines.interface import LoadFailed
from airworthy.flows.answers.serving import ServingAnswer
from airworthy.flows.diagnose import diagnose_parts, diagnosis_report, shell_words
from airworthy.serve.service import InferenceService
from airworthy.serve.workers.link import WorkerExit

MOST_LINES = 20
"""Lines of a worker's output that a report quotes, the last ones."""
LONGEST_LINE = 500
"""Characters of such a line."""


def explain(
    service: InferenceService,
    error: AirworthyError,
    facts: Facts,
    checked: Report[ServingAnswer],
    catalogue: Catalogue,
) -> Report[ServingAnswer] | None:
    """The causes of a failed load, or None where it was not a load that failed and the error says it all.

    Args:
        service: the service that ended.
        error: what ended it.
        facts: what is known about the host and the model.
        checked: the report of the checks that the model passed.
        catalogue: the causes that are looked for.

    Returns:
        A report without findings where no cause is recognised. Where there is none, or a guess alone, its answer names
        the file in which the output is kept.
    """
    plan = service.failed
    if plan is None:
        return None
    output = f"{service.words.rstrip()}\n{_said(error)}\n".lstrip()
    diagnosis = diagnose_parts((output.encode("utf-8", "replace"),), facts, catalogue)
    if not diagnosis.findings and not isinstance(error, (LoadFailed, WorkerExit)):
        return None
    failure: dict[str, Any] = {
        "model": plan.model.name,
        "path": plan.model.path,
        "engine": plan.engine,
        "error": error.code,
        "message": error.text,
        "output": [line[:LONGEST_LINE] for line in service.words.splitlines() if line.strip()][-MOST_LINES:],
    }
    if isinstance(error, WorkerExit):
        failure["exit_status"] = error.params["code"]
    if not diagnosis.findings or diagnosis.findings[0].confidence is Confidence.LOW:
        failure["log"] = _keep(output)
    report = diagnosis_report(plan.model.path, diagnosis)
    return Report(
        verb=checked.verb,
        subject=report.subject,
        results=report.results,
        answer=ServingAnswer(load_failure=failure, unknown=report.answer.unknown),
        ranked=True,
    )


def merged(checked: Report[ServingAnswer], failed: Report[ServingAnswer]) -> Report[ServingAnswer]:
    """One report of the checks and of the load that failed after them; a cause that showed is not passed as well."""
    shown = {result.check for result in failed.results if isinstance(result, Failed)}
    results = tuple(
        result
        for result in (*failed.results, *checked.results)
        if result.check not in shown or (isinstance(result, Failed) and result in failed.results)
    )
    return msgspec.structs.replace(checked, results=results, answer=failed.answer, ranked=True)


def _said(error: AirworthyError) -> str:
    """The error as a log would have it; of a worker that was killed, with what a shell would print."""
    if isinstance(error, WorkerExit):
        code = error.params["code"]
        return error.text + "\n" + shell_words("the worker", 128 - code if code < 0 else code)
    return str(error.params.get("detail", error.text))


def _keep(output: str) -> str:
    """Keep a worker's output for `airworthy diagnose`; empty where no file can be written."""
    try:
        # NamedTemporaryFile makes it 0600: the output names paths.
        with tempfile.NamedTemporaryFile(
            "w", prefix="airworthy-load-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as stream:
            stream.write(output)
            return stream.name
    except OSError:
        return ""

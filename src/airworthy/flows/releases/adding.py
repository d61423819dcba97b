"""Adding a release: its files into the store, then everything that is known of them into its manifest."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from airworthy.core.errors import InputUnreadable
from airworthy.core.keys import MODEL_SIGNATURE, Area
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import CheckResult, Crashed, Failed, Skipped
from airworthy.core.settings import Settings
from airworthy.flows.answers.releases import ReleaseAdded
from airworthy.flows.catalogue import catalogue_for
from airworthy.flows.files import model_path, read, reason
from airworthy.flows.releases.sources import SourceFiles, source_files
from airworthy.flows.serving_inspection import inspect_for_serving
from airworthy.state.directory import state_directory
from airworthy.state.errors import StateUnusable
from airworthy.state.operations import local_principal, operation
from airworthy.state.releases.manifest import (
    GateResult,
    InspectionResult,
    ReleaseFile,
    ReleaseManifest,
    ScanResult,
    SignatureResult,
    check_name,
)
from airworthy.state.releases.policy import shortfalls
from airworthy.state.releases.table import Releases, utc_now

MAX_REPORT_BYTES = 16 * 1024 * 1024
"""Bytes of a report of the quality gate."""
_PASSED, _FAILED = ("passed", "pass", "ok"), ("failed", "fail")


def add(
    model: str | Path,
    *,
    name: str,
    note: str = "",
    licence: str = "",
    gate: str | None = None,
    settings: Settings | None = None,
    principal: str = "",
    progress: Progress = SILENT,
) -> ReleaseAdded:
    """Add a model as the next version of a name. Nothing is copied where the file system can share the content.

    Args:
        model: a model file or folder.
        name: the name that it is served under.
        note: what its author says of it.
        licence: the licence that it is under; that which its files name by default.
        gate: a JSON report of the quality gate; `-` is standard input.
        settings: the policy, the publisher to trust, and where the state is.
        principal: who adds it; the user of this process by default.
        progress: receives the stages.

    Raises:
        BadReleaseName: it can't be served under this name.
        InputNotFound: the path leads nowhere.
        NotAModel: there is no model in it.
        SourceUnusable, SourceChanged: its files can't be kept as they are.
        StateUnusable: the state directory can't be used.
    """
    from airworthy.artifacts.identify import inspect

    settings = settings or Settings()
    principal = principal or local_principal()
    check_name(name)
    directory = state_directory(settings)
    judged = _gate(gate)
    with model_path(model) as path, operation(directory, "release.add", name, principal) as known:
        progress.stage(say("reading {model}", model=path))
        files = source_files(path, inspect(path).model)
        releases = Releases(directory)
        try:
            with releases.store.locked():
                kept, methods = _keep(releases, files, progress)
                built = releases.store.build(name, kept)
                draft = _manifest(built, files, kept, settings, progress, licence)
                draft = msgspec.structs.replace(
                    draft, name=name, at=utc_now(), principal=principal, note=note, gate=judged
                )
                added = releases.add(draft, built)
        except OSError as error:
            if error.filename is None or str(error.filename).startswith(str(directory)):
                raise StateUnusable(path=releases.store.root, reason=reason(error)) from None
            raise InputUnreadable(path=error.filename, reason=reason(error)) from None
        known.update(release=added.title, content=added.content)
    return ReleaseAdded(added=added, methods=dict(methods), lacks=tuple(shortfalls(added, settings.release).values()))


def _keep(releases: Releases, files: SourceFiles, progress: Progress) -> tuple[tuple[ReleaseFile, ...], Counter[str]]:
    kept, methods = [], Counter[str]()
    for relative in files.paths:
        progress.stage(say("hashing {path}", path=relative))
        source = files.base / relative
        # A link, as folders of downloads have them, stands for the file that it leads to.
        file, method = releases.store.put(source.resolve(), relative)
        kept.append(file)
        methods[method] += 1
    return tuple(kept), methods


def _manifest(
    built: Path,
    files: SourceFiles,
    kept: tuple[ReleaseFile, ...],
    settings: Settings,
    progress: Progress,
    licence: str,
) -> ReleaseManifest:
    """What the files in the store are: those that will be served, not those that lay elsewhere a moment ago."""
    served = built if files.served == "." else built / files.served
    inspection = inspect_for_serving(served, settings, progress)
    model = inspection.model
    return ReleaseManifest(
        name="",
        version=0,
        at="",
        principal="",
        path=files.served,
        files=kept,
        inspection=_inspected(model, built),
        scan=_scan(inspection, settings),
        signature=_signature(inspection, settings),
        gate=GateResult("none"),
        licence=licence or model.license,
        policy=settings.release.require,
    )


def _inspected(model: ModelInfo, built: Path) -> InspectionResult:
    entry = Path(model.entry)
    return InspectionResult(
        format=model.format,
        entry=entry.relative_to(built).as_posix() if entry.is_relative_to(built) else entry.name,
        task=model.task,
        architecture=model.architecture,
        quantization=model.quantization,
        parameters=model.parameters,
        inputs=model.inputs,
        outputs=model.outputs,
    )


def _scan(inspection: Inspection, settings: Settings) -> ScanResult:
    from airworthy.causes.prediction import predict
    from airworthy.flows.facts import gather
    from airworthy.knowledge import Knowledge

    facts = gather(only=("cpu", "distributions")).merged(inspection.facts)
    catalogue = catalogue_for(inspection.model.path)
    results = predict(facts, catalogue, Knowledge(), areas={Area.MODEL}, ignore=settings.check.ignore)
    return scan_result(results, settings)


def scan_result(results: tuple[CheckResult, ...], settings: Settings) -> ScanResult:
    """What checks say of a model as a whole: one that crashed, or could not be made, leaves it unknown."""
    worst = settings.check.fail_on.rank
    found = tuple(
        result.check
        for result in results
        if isinstance(result, Failed) and any(finding.severity.rank >= worst for finding in result.findings)
    )
    missed = tuple(
        result.check
        for result in results
        if isinstance(result, Crashed) or (isinstance(result, Skipped) and not result.chosen)
    )
    verdict: Any = "failed" if found else "unknown" if missed or not results else "passed"
    return ScanResult(verdict, found, missed)


def _signature(inspection: Inspection, settings: Settings) -> SignatureResult:
    if not settings.serve.require_signature:
        return SignatureResult("not-checked")
    found = inspection.facts.get_value(MODEL_SIGNATURE, None)
    if found is None or found.state == "missing":
        return SignatureResult("none")
    if found.state != "valid":
        return SignatureResult("invalid", detail=found.detail)
    return SignatureResult("valid", signer=found.signer)


class _GateReport(msgspec.Struct):
    verdict: str = ""
    message: str = ""


def _gate(path: str | None) -> GateResult:
    """What a report of the quality gate says; a verdict in words that are not known is unknown."""
    if path is None:
        return GateResult("none")
    data = read(path, MAX_REPORT_BYTES)
    try:
        report = msgspec.json.decode(data, type=_GateReport)
    except msgspec.MsgspecError as error:
        raise InputUnreadable(path=path, reason=str(error)) from None
    word = report.verdict.casefold()
    verdict: Any = "passed" if word in _PASSED else "failed" if word in _FAILED else "unknown"
    return GateResult(verdict, hashlib.sha256(data).hexdigest(), report.message[:500])

"""Auditing an environment or a lock: advisories, licences, withdrawn releases; raising what can be raised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import msgspec

import airworthy
from airworthy.core.errors import AirworthyError, InputUnreadable
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Evidence, Finding, Remedy, Severity
from airworthy.core.messages import say
from airworthy.core.packages import InstalledSet
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import CheckResult, Failed, Passed, Report, Skipped
from airworthy.core.settings import AuditSettings
from airworthy.environment.audit.judgement import Audited, Unmaintained, Vulnerability, audit
from airworthy.environment.audit.policy import parse_suppression
from airworthy.environment.audit.sources import (
    AdvisorySource,
    OsvService,
    PypiService,
    Release,
    Snapshot,
    SourceAnswer,
    age_days,
)
from airworthy.environment.uv import Indexes
from airworthy.flows.answers.audit import AskedSource, AuditAnswer, Repair
from airworthy.flows.files import OutputFailed, output_path, reason
from airworthy.probes.python.descriptions import read_installed
from airworthy.probes.python.elsewhere import host_of
from airworthy.probes.seam.host import HostError

SERVICES = ("osv", "pypi")
"""Services that can be asked in place of a snapshot."""


class NothingToFix(AirworthyError):
    """`--fix` without a lock."""

    code = "nothing-to-fix"
    message = "--fix raises versions in a lock, and none was given"
    hint = "make one with `airworthy lock`, and give it as --lock DIR"


class Subject(msgspec.Struct, frozen=True):
    """What is audited."""

    name: str
    """The environment or lock."""
    releases: tuple[Release, ...]
    """Its releases."""
    licenses: dict[str, str]
    """The licence of each package, where metadata is there to read."""


def audit_deps(
    python: str | Path | None = None,
    *,
    lock: str | Path | None = None,
    snapshot: str | Path | None = None,
    services: Sequence[str] = (),
    service_url: str = "",
    settings: AuditSettings | None = None,
    fix: bool = False,
    restore: bool = True,
    sbom: str | Path | None = None,
    model: str | Path | None = None,
    native: bool = False,
    indexes: Indexes | None = None,
    now: datetime | None = None,
    progress: Progress = SILENT,
) -> Report[AuditAnswer]:
    """Compare packages with what is published of them.

    Args:
        python: the environment; this program's own if None.
        lock: the folder of a lock, in place of an environment; all of its platforms are audited.
        snapshot: advisories on disk; those of the settings if None.
        services: services to ask, names of `SERVICES`; OSV if there is neither a snapshot nor a service.
        service_url: the address of the service, where it is another than the public one.
        settings: the policy; defaults if None.
        fix: whether affected packages are raised in the lock.
        restore: whether the raised lock is restored to an environment of its own, to prove it.
        sbom: a file for the bill of materials.
        model: the model that the application serves, for the bill.
        native: whether native libraries and drivers are in the bill.
        indexes: where packages come from, for `fix`.
        now: the time by which ages and suppressions are judged.
        progress: receives the stages.

    Raises:
        NotAnEnvironment: the path holds no environment.
        LockUnreadable: it is no lock.
        SettingInvalid: a suppression has no end or no reason.
        NothingToFix: there is no lock to raise versions in.
        OutputFailed: a file could not be written.
    """
    settings = settings or AuditSettings()
    now = now or datetime.now(timezone.utc)
    if fix and lock is None:
        raise NothingToFix
    suppressions = [parse_suppression(text) for text in settings.suppress]
    dates = settings.unmaintained_days > 0
    sources = chosen_sources(snapshot or settings.snapshot or None, services, service_url, dates=dates)

    def ask() -> tuple[Subject, tuple[SourceAnswer, ...], Audited]:
        subject = _subject(python, lock)
        progress.stage(say("asking about {count} releases", count=len(subject.releases)))
        answers = tuple(source.ask(subject.releases) for source in sources)
        found = audit(
            subject.releases,
            answers,
            licenses=subject.licenses,
            allowed=settings.licenses_allowed,
            denied=settings.licenses_denied,
            suppressions=suppressions,
            today=now.date(),
        )
        return subject, answers, found

    subject, answers, found = ask()
    repair: Repair | None = None
    if fix and lock is not None:
        from airworthy.flows.audit_fix import raise_versions

        repair = raise_versions(Path(lock), found, answers, indexes or Indexes(), restore=restore, progress=progress)
        if repair.written:
            subject, answers, found = ask()
    results = judged(found, answers, settings, now, repair)
    old = unmaintained(answers, settings.unmaintained_days, now)
    if old:
        results = _with_policy(results, [_old(each) for each in old])
    written = ""
    if sbom is not None:
        progress.stage(say("writing {path}", path=sbom))
        _write_sbom(output_path(sbom), python, lock, subject, found, model, native, progress)
        written = str(sbom)
    answer = AuditAnswer(
        verdict=_verdict(results),
        of=subject.name,
        releases=len(subject.releases),
        sources=tuple(_asked(each, subject, now) for each in answers),
        vulnerabilities=found.vulnerabilities,
        licenses=found.licenses,
        yanked=found.yanked,
        unmaintained=old,
        unknown=found.unknown,
        repair=repair,
        sbom=written,
    )
    return Report(verb="audit-deps", subject=subject.name, results=tuple(results), answer=answer)


def chosen_sources(
    snapshot: str | Path | None, services: Sequence[str], url: str, *, dates: bool = False
) -> list[AdvisorySource]:
    """The sources to ask; a snapshot that is named never falls back to the network."""
    disk: list[AdvisorySource] = [Snapshot(snapshot)] if snapshot is not None else []
    named = services or (() if disk else ("osv",))
    return [*disk, *(PypiService(url, dates=dates) if name == "pypi" else OsvService(url) for name in named)]


def _subject(python: str | Path | None, lock: str | Path | None) -> Subject:
    if lock is not None:
        from airworthy.flows.locks import packages_of

        packages = packages_of(Path(lock))
        return Subject(str(lock), tuple(Release(each.name, each.version) for each in packages if each.version), {})
    installed = _installed(python)
    packages_there = [each for each in installed.packages if not each.editable]
    releases = tuple(Release(each.name, each.version) for each in packages_there)
    return Subject(installed.prefix, releases, {each.name: each.license for each in packages_there})


def _installed(python: str | Path | None) -> InstalledSet:
    try:
        return read_installed(host_of(python))
    except HostError as error:
        raise InputUnreadable(path=python or "python", reason=error) from None


def _asked(answer: SourceAnswer, subject: Subject, now: datetime) -> AskedSource:
    age = age_days(answer.taken, now) if answer.taken else None
    return AskedSource(
        source=answer.source,
        answered=len({each.name for each in subject.releases} & answer.advisories.keys()),
        unavailable=len(answer.unavailable),
        taken=answer.taken,
        age_days=None if age is None else round(age, 1),
        broken=answer.broken,
    )


def judged(
    found: Audited,
    answers: Sequence[SourceAnswer],
    settings: AuditSettings,
    now: datetime,
    repair: Repair | None = None,
) -> list[CheckResult]:
    """One result for each kind of question; what was not answered is skipped, never passed."""
    blocked = {each.package: each.why for each in repair.blocked} if repair else {}
    findings = [
        _vulnerable(each, blocked.get(each.package, "")) for each in found.vulnerabilities if not each.suppressed
    ]
    doubts = (
        [say("{count} releases are unknown: {first}", count=len(found.unknown), first=found.unknown[0].reason)]
        if found.unknown
        else []
    )
    for answer in answers:
        if answer.broken:
            doubts.append(
                say("{count} advisories of {source} cannot be read", count=answer.broken, source=answer.source)
            )
        if answer.taken:
            age = age_days(answer.taken, now)
            if age is None:
                doubts.append(say("the age of {source} cannot be read", source=answer.source))
            elif age > settings.max_age_days:
                template = "{source} is {age:.0f} days old, and {most:g} are allowed"
                doubts.append(say(template, source=answer.source, age=age, most=settings.max_age_days))
    results: list[CheckResult] = []
    if findings:
        results.append(Failed("known-vulnerability", tuple(findings)))
    if doubts:
        results += [Skipped("known-vulnerability", doubt) for doubt in doubts]
    elif not findings:
        results.append(Passed("known-vulnerability"))
    if found.yanked:
        results.append(
            Failed("release-yanked", tuple(_yanked(each.package, each.version, each.reason) for each in found.yanked))
        )
    if found.licenses:
        results.append(
            Failed(
                "policy-violation", tuple(_license(each.package, each.license, each.known) for each in found.licenses)
            )
        )
    elif settings.licenses_allowed or settings.licenses_denied:
        results.append(Passed("policy-violation"))
    return results


def unmaintained(answers: Sequence[SourceAnswer], most: float, now: datetime) -> tuple[Unmaintained, ...]:
    """Packages whose newest release is older than a number of days; 0 asks for none."""
    found = []
    for name, newest in sorted({name: at for answer in answers for name, at in answer.newest.items()}.items()):
        age = age_days(newest, now)
        if most and age is not None and age > most:
            found.append(Unmaintained(name, newest, int(age)))
    return tuple(found)


def _with_policy(results: list[CheckResult], findings: list[Finding]) -> list[CheckResult]:
    policy = [result for result in results if result.check == "policy-violation"]
    there = [each for result in policy if isinstance(result, Failed) for each in result.findings]
    rest = [result for result in results if result.check != "policy-violation"]
    return [*rest, Failed("policy-violation", (*there, *findings))]


def _old(each: Unmaintained) -> Finding:
    return Finding(
        cause="policy-violation",
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
        subject=each.package,
        message=say("{package} had no release for {days} days", package=each.package, days=each.days),
        params={"package": each.package, "newest": each.newest, "days": each.days},
        evidence=(Evidence(fact="newest release", value=each.newest),),
        remedies=(Remedy(why=say("See whether it is still kept, and what has taken its place.")),),
    )


def _verdict(results: Sequence[CheckResult]) -> Literal["clean", "affected", "unknown"]:
    if any(isinstance(each, Failed) for each in results):
        return "affected"
    return "unknown" if any(isinstance(each, Skipped) for each in results) else "clean"


def _vulnerable(each: Vulnerability, blocked: str) -> Finding:
    from airworthy.causes.dependencies.known_vulnerability import CAUSE

    about = say(" ({summary})", summary=each.summary) if each.summary else ""
    ended = say("; fixed in {fixed}", fixed=each.fixed) if each.fixed else say("; no fixed version is published")
    params: dict[str, Any] = {"package": each.package, "version": each.version, "advisory": each.id}
    params |= {"fixed": each.fixed} if each.fixed else {}
    return CAUSE.finding(
        Facts(),
        f"{each.package}=={each.version}",
        evidence=[
            Evidence(fact="advisory", value=", ".join((each.id, *each.aliases)), source=", ".join(each.sources)),
            *([Evidence(fact="suppression ended", value=each.expired)] if each.expired else []),
            *([Evidence(fact="not raised", value=blocked)] if blocked else []),
        ],
        severity=Severity.WARNING if each.severity == "LOW" else Severity.ERROR,
        message="{package} {version} is affected by {advisory}{about}{ended}",
        about=about,
        ended=ended,
        **params,
    )


def _yanked(package: str, version: str, why: str) -> Finding:
    from airworthy.causes.dependencies.release_yanked import CAUSE

    evidence = [Evidence(fact="reason", value=why)] if why else []
    return CAUSE.finding(Facts(), f"{package}=={version}", evidence=evidence, package=package, version=version)


def _license(package: str, license_: str, known: bool) -> Finding:
    text = "the policy does not take the licence of {package}: {license}"
    if not known:
        text = "the licence of {package} is not understood: {license}"
    return Finding(
        cause="policy-violation",
        severity=Severity.ERROR if known else Severity.WARNING,
        confidence=Confidence.HIGH if known else Confidence.LOW,
        subject=package,
        message=say(text, package=package, license=license_ or say("its metadata names none")),
        params={"package": package, "license": license_},
        remedies=(
            Remedy(why=say("Replace the package, or add the licence to `audit.licenses_allowed` once it was read.")),
        ),
    )


def _write_sbom(
    path: Path,
    python: str | Path | None,
    lock: str | Path | None,
    subject: Subject,
    found: Audited,
    model: str | Path | None,
    native: bool,
    progress: Progress,
) -> None:
    from airworthy.environment.audit.sbom import sbom
    from airworthy.flows.graph import make_graph
    from airworthy.flows.locks import packages_of, source_of

    made = make_graph(python, lock, native, progress)
    locked = packages_of(Path(lock)) if lock is not None else ()
    application = source_of(Path(lock)).project if lock is not None and Path(lock).is_dir() else ""
    info, hashes = None, {}
    if model is not None:
        from airworthy.core.model import ModelInfo
        from airworthy.flows.inspect import inspect

        data = dict(inspect(model, progress=progress).data["model"])
        info = msgspec.convert(data, ModelInfo, strict=False)
        root = Path(model) if Path(model).is_dir() else Path(model).parent
        hashes = {each.path: _sha256(root / each.path) for each in info.files}
    text = sbom(
        made,
        application=application or Path(subject.name).name or "application",
        program=airworthy.__version__,
        locked=locked,
        licenses=subject.licenses,
        model=info,
        hashes=hashes,
        vulnerabilities=found.vulnerabilities,
    )
    try:
        path.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise OutputFailed(path=path, reason=reason(error)) from None


def _sha256(path: Path) -> str:
    from airworthy.environment.wheelhouse import sha256_of

    try:
        return sha256_of(path)
    except OSError as error:
        raise InputUnreadable(path=path, reason=reason(error)) from None

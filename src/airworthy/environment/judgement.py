"""Findings about an environment, under the names of the catalogue's causes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airworthy.causes.commands import pip_install
from airworthy.causes.requirements import takes
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Evidence, Finding, Remedy, Severity
from airworthy.core.messages import say
from airworthy.core.packages import InstalledSet, RecordFault, RecordsChecked
from airworthy.core.version import Version
from airworthy.environment.changes import Solution, commands
from airworthy.environment.conflicts import Chain, Conflict, specifier_of
from airworthy.knowledge import Knowledge

MOST_FILES = 20
"""Files of one package that are named as evidence."""
INSTALLERS_OF_WHEELS = frozenset({"pip", "uv", "poetry", "pdm", "hatch", "rye", "flit", "pipenv"})
"""Installers that share one kind of record and can be mixed."""


def chain_text(chain: Chain) -> str:
    """`app 1.0 > a 1.0 > b 1.0 wants x<2`."""
    names = (f"{step.package}{f'[{step.extra}]' if step.extra else ''} {step.version}" for step in chain.steps)
    return say("{way} wants {wants}", way=" > ".join(names), wants=chain.wants)


def conflict_findings(
    found: Iterable[Conflict], solution: Solution | None, facts: Facts, python: str, known: Knowledge, names: set[str]
) -> Iterator[Finding]:
    """One finding a package that is not there as required; the remedy is the change that was tried."""
    for each in found:
        others = frozenset(known.same_module_distributions(each.package)) & names
        severity = Severity.ERROR
        if not each.installed:
            if others:
                continue  # another build of the same library stands in for it
            message = say(
                "{package} is not installed, and {chain}", package=each.package, chain=chain_text(each.unmet[0])
            )
            severity = Severity.WARNING if each.package.startswith("nvidia-") else Severity.ERROR
        elif each.contradicting:
            message = say(
                "no version of {package} satisfies all: {sides}; {installed} is installed",
                package=each.package,
                sides="; ".join(map(chain_text, each.contradicting)),
                installed=each.installed,
            )
        else:
            message = say(
                "{chain}, and {package} {installed} is installed",
                chain=chain_text(each.unmet[0]),
                package=each.package,
                installed=each.installed,
            )
        evidence = [Evidence(fact="chain", value=chain_text(chain)) for chain in (*each.unmet, *each.met)]
        yield Finding(
            cause="resolution-impossible" if each.installed else "package-missing",
            severity=severity,
            confidence=Confidence.HIGH,
            subject=each.package,
            message=message,
            params={
                "name": each.package,
                "installed": each.installed,
                "unmet": [chain.wants for chain in each.unmet],
                "by": tuple(dict.fromkeys(chain.by for chain in each.unmet)),
            },
            evidence=tuple(evidence),
            remedies=tuple(_way_out(each, solution, facts, python)),
        )


def _way_out(conflict: Conflict, solution: Solution | None, facts: Facts, python: str) -> Iterator[Remedy]:
    if solution is not None and solution.changes:
        why = "Ends all conflicts of this environment at once; resolved before it was named ({tried})."
        if solution.minimal:
            why = "The smallest change: ends all conflicts at once, and no part of it can be left out ({tried})."
        changes = ", ".join(change.text for change in solution.changes)
        yield Remedy(
            why=say("{changes}. ", changes=changes) + say(why, tried=solution.tried),
            commands=commands(solution.changes, python, uv=False),
        )
    elif solution is not None and solution.explanation:
        yield Remedy(
            why=say(
                "No releases of these packages go together ({tried}): {explanation} Give each side an environment "
                "of its own, or drop one of them.",
                tried=solution.tried,
                explanation=solution.explanation,
            )
        )
    else:
        reason = solution.unavailable if solution is not None else ""
        wanted = sorted({specifier_of(chain.wants) for chain in (*conflict.unmet, *conflict.met)} - {""})
        if conflict.contradicting:
            text = "Move {one} or {other} to a release that agrees with the other; not tried"
            yield Remedy(
                why=say(text, one=conflict.contradicting[0].by, other=conflict.contradicting[-1].by) + _because(reason)
            )
        else:
            yield Remedy(
                why=say("Install a version that all of them take; not tried") + _because(reason),
                commands=(pip_install(facts, f"{conflict.package}{','.join(each.lstrip(',') for each in wanted)}"),),
            )


def _because(reason: str) -> str:
    return say(": {reason}", reason=reason) if reason else "."


def python_findings(installed: InstalledSet) -> Iterator[Finding]:
    """Packages that are not made for this interpreter."""
    for package in installed.packages:
        if package.requires_python and not takes(package.requires_python, Version(installed.python)):
            yield Finding(
                cause="python-version-unsupported",
                severity=Severity.ERROR,
                confidence=Confidence.HIGH,
                subject=package.name,
                message=say(
                    "{name} {version} is made for Python {wanted}, and this is {python}",
                    name=package.name,
                    version=package.version,
                    wanted=package.requires_python,
                    python=installed.python,
                ),
                params={"name": package.name, "requires": package.requires_python, "python": installed.python},
                evidence=(Evidence(fact="Requires-Python", value=package.requires_python, source=package.info),),
                remedies=(Remedy(why=say("Make the environment anew with a Python that it takes.")),),
            )


def description_findings(installed: InstalledSet, facts: Facts) -> Iterator[Finding]:
    """Descriptions that can't be read, and two of one package in one folder."""
    for unread in installed.unread:
        yield Finding(
            cause="installation-damaged",
            severity=Severity.WARNING,
            confidence=Confidence.HIGH,
            subject=unread.path,
            message=say("{path} describes no package: {reason}", path=unread.path, reason=unread.reason),
            params={"path": unread.path, "kind": "metadata"},
            remedies=(Remedy(why=say("Remove the folder, and install the package again if it is needed.")),),
        )
    used = {each.name: each for each in installed.packages}
    for package in installed.hidden:
        first = used[package.name]
        if first.location != package.location:
            continue  # an environment above another: the first one counts, as meant
        yield Finding(
            cause="installation-damaged",
            severity=Severity.ERROR,
            confidence=Confidence.HIGH,
            subject=package.name,
            message=say(
                "{name} is described twice in {location}, as {one} and {other}: files of both versions lie there",
                name=package.name,
                location=package.location,
                one=first.version,
                other=package.version,
            ),
            params={"name": package.name, "versions": [first.version, package.version]},
            evidence=tuple(
                Evidence(fact="metadata", value=each.version, source=each.info) for each in (first, package)
            ),
            remedies=(
                Remedy(
                    why=say("Install it again; if a description stays, remove the folder of the older one first."),
                    commands=(pip_install(facts, "--force-reinstall", "--no-deps", package.name),),
                ),
            ),
        )


def manager_findings(installed: InstalledSet) -> Iterator[Finding]:
    """One package that two kinds of managers installed: each will remove what the other needs."""
    used = {each.name: each for each in installed.packages}

    def kind(installer: str) -> str:
        return "pip" if installer in INSTALLERS_OF_WHEELS else installer

    for package in installed.hidden:
        first = used[package.name]
        kinds = {kind(first.installer), kind(package.installer)} - {""}
        if len(kinds) > 1:
            yield Finding(
                cause="conflicting-package-variants",
                severity=Severity.WARNING,
                confidence=Confidence.HIGH,
                subject=package.name,
                message=say(
                    "{name} is installed twice, {one} by {first} and {other} by {second}; {one} is imported",
                    name=package.name,
                    one=first.version,
                    first=first.installer,
                    other=package.version,
                    second=package.installer,
                ),
                params={"name": package.name, "installers": sorted(kinds)},
                evidence=tuple(Evidence(fact="INSTALLER", value=x.installer, source=x.info) for x in (first, package)),
                remedies=(
                    Remedy(why=say("Keep one of them: let one manager own this package, in a virtual environment.")),
                ),
            )


_SAYS = {
    "changed": "{package}: {count} files differ from its record, {path} first ({detail})",
    "missing": "{package} lacks {count} files that its record lists, {path} first",
    "shared": "{package} and {detail} both list {path}; {count} files in all: removing one package breaks the other",
    "no-record": "{package} has no record of its files: {path}",
    "bad-record": "the record of {package} cannot be read or proves nothing: {path} ({detail})",
    "unreadable": "{count} files of {package} cannot be read, {path} first",
}


def record_findings(records: RecordsChecked, facts: Facts) -> Iterator[Finding]:
    """One finding a package and kind of fault."""
    groups: dict[tuple[str, str, bool], list[RecordFault]] = {}
    for fault in records.faults:
        groups.setdefault((fault.package, fault.kind, fault.later), []).append(fault)
    for (package, kind, later), faults in groups.items():
        severity = Severity.WARNING
        more = ""
        if kind == "changed":
            severity = Severity.ERROR if later else Severity.WARNING
            text = "; written after the installation" if later else "; it came so: its publisher's record is wrong"
            more = say(text)
        elif kind == "missing":
            severity = Severity.ERROR
        elif kind == "shared" and all(fault.detail.endswith(say(", with the same content")) for fault in faults):
            severity = Severity.INFO
        yield Finding(
            cause="conflicting-package-variants" if kind == "shared" else "installation-damaged",
            severity=severity,
            confidence=Confidence.HIGH,
            subject=package,
            message=say(_SAYS[kind], package=package, count=len(faults), path=faults[0].path, detail=faults[0].detail)
            + more,
            params={"package": package, "kind": kind, "count": len(faults), "path": faults[0].path, "later": later},
            evidence=tuple(Evidence(fact=kind, value=fault.path, source=fault.detail) for fault in faults[:MOST_FILES]),
            remedies=(
                Remedy(
                    why=say("Install the package again; its requirements stay as they are."),
                    commands=(pip_install(facts, "--force-reinstall", "--no-deps", package),),
                ),
            ),
        )

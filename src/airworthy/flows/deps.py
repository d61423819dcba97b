"""What is installed, why, and what contradicts: the environment of an interpreter, judged from its metadata."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from airworthy.core.errors import InputUnreadable
from airworthy.core.facts import NOT_LOOKED_AT, Facts, Known, Unknown
from airworthy.core.finding import Finding
from airworthy.core.keys import (
    AMD_DRIVER,
    ASCEND_CANN,
    ASCEND_DRIVER,
    CUDA_TOOLKIT,
    DEVICES,
    DISTRIBUTIONS,
    NVIDIA_CUDA,
    NVIDIA_DRIVER,
    OS_KERNEL,
    PYTHON_EXECUTABLE,
    PYTHON_VERSION,
    ROCM_VERSION,
    Key,
)
from airworthy.core.messages import say
from airworthy.core.packages import InstalledSet, Library
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import CheckResult, Failed, Passed, Report, Skipped, verdict
from airworthy.core.values import Distribution
from airworthy.core.version import Version
from airworthy.environment import judgement
from airworthy.environment.changes import Solution, smallest_change
from airworthy.environment.conflicts import conflicts
from airworthy.environment.packages import PackageGraph, build_graph
from airworthy.environment.reasons import reasons
from airworthy.environment.uv import Indexes
from airworthy.flows.answers.deps import DepsAnswer, HiddenPackage, Origin
from airworthy.probes.python.descriptions import read_installed
from airworthy.probes.python.distributions import normalise_name
from airworthy.probes.python.elsewhere import host_of
from airworthy.probes.seam.host import HostError

if TYPE_CHECKING:
    from airworthy.probes.seam.local import LocalHost

NATIVE_PROBES = (
    "python-environment",
    "distributions",
    "binaries",
    "libraries",
    "link-faults",
    "numpy-uses",
    "frameworks",
    "operating-system",
    "cpu",
    "libstdcxx",
    "shadows",
    "cuda-toolkit",
    "nvidia",
    "amd",
    "ascend",
)
"""What is read of the machine with `--native`."""
NATIVE_CAUSES = (
    "system-library-missing",
    "cuda-library-missing",
    "cudnn-mismatch",
    "cuda-symbol-mismatch",
    "extension-abi-mismatch",
    "numpy-abi",
    "glibc-too-old",
    "libstdcxx-too-old",
    "wrong-architecture",
    "loader-path-shadowing",
    "driver-too-old",
)
"""Causes that are asked about native libraries."""

ABOVE: dict[str, Key[Version]] = {
    "nvidia-driver": NVIDIA_DRIVER,
    "cuda-of-driver": NVIDIA_CUDA,
    "cuda-toolkit": CUDA_TOOLKIT,
    "amd-driver": AMD_DRIVER,
    "rocm": ROCM_VERSION,
    "npu-driver": ASCEND_DRIVER,
    "cann": ASCEND_CANN,
}
"""What stands above native libraries, by the names that `DRIVERS` of the linker's room gives to what brings them."""


def deps(
    python: str | Path | None = None,
    *,
    why: str | None = None,
    files: bool = False,
    native: bool = False,
    solve: bool = True,
    indexes: Indexes | None = None,
    progress: Progress = SILENT,
) -> Report[DepsAnswer]:
    """Judge an environment.

    Args:
        python: a virtual environment, an interpreter, or a folder of packages; this program's own if None.
        why: a package whose reasons are listed.
        files: whether each file is compared with its package's record.
        native: whether native libraries are read, and drivers above them.
        solve: whether the smallest change that ends the conflicts is worked out and tried.
        indexes: where packages come from, for that.
        progress: receives the stages.

    Raises:
        NotAnEnvironment: the path holds no environment.
        InputUnreadable: its packages could not be read.
        UnknownName: no package has the name that was asked about.
    """
    host = host_of(python)
    installed, graph = read_graph(host, python)
    facts = facts_of(installed)
    found = conflicts(graph)
    solution = None
    if found and solve and any(each.installed for each in found):
        progress.stage(say("resolving the smallest change"))
        solution = _solve(graph, installed, indexes or Indexes())
    from airworthy.knowledge import Knowledge

    known = Knowledge()
    findings: list[Finding] = []
    names = set(graph.packages)
    findings += judgement.conflict_findings(found, solution, facts, installed.executable, known, names)
    findings += judgement.python_findings(installed)
    findings += judgement.description_findings(installed, facts)
    findings += judgement.manager_findings(installed)
    records = libraries = drivers = None
    if files:
        from airworthy.probes.python.records import check_records

        progress.stage(say("comparing files with their records"))
        records = check_records(host, installed.packages)
        findings += judgement.record_findings(records, facts)
    results = [*_predicted(facts, ("conflicting-package-variants",))]
    if native:
        progress.stage(say("reading native libraries"))
        libraries, drivers, more = read_native(host, installed, progress)
        results += more
    results = _merged(results, findings, checked=("resolution-impossible", "package-missing", "installation-damaged"))
    answer = DepsAnswer(
        verdict=verdict(results),
        python=installed.python,
        prefix=installed.prefix,
        packages=len(installed.packages),
        roots=graph.roots,
        installers=dict(Counter(each.installer for each in installed.packages)),
        conflicts=found,
        solution=solution,
        why=reasons(graph, normalise_name(why)) if why is not None else None,
        origins=tuple(Origin(p.name, p.version, p.url, p.editable) for p in installed.packages if p.url),
        hidden=tuple(
            HiddenPackage(each.name, each.version, each.info, graph.packages[each.name].version)
            for each in installed.hidden
        ),
        records=records,
        libraries=libraries,
        drivers=drivers,
    )
    return Report(verb="deps", subject=installed.prefix, results=tuple(results), answer=answer)


def read_graph(host: LocalHost, environment: str | Path | None) -> tuple[InstalledSet, PackageGraph]:
    """The packages of an environment and their graph.

    Raises:
        InputUnreadable: they could not be read.
    """
    try:
        installed = read_installed(host)
    except HostError as error:
        raise InputUnreadable(path=environment or "python", reason=error) from None
    return installed, build_graph(installed)


def facts_of(installed: InstalledSet) -> Facts:
    """What checks of the catalogue take of an environment."""
    distributions = []
    for each in installed.packages:
        try:
            version = Version(each.version)
        except ValueError:
            continue
        plain = tuple(text for text in each.requires if "extra" not in text)
        distributions.append(Distribution(name=each.name, version=version, location=each.location, requires=plain))
    source = say("metadata in {paths}", paths=installed.paths)
    return Facts(
        {
            DISTRIBUTIONS.name: Known(tuple(distributions), source),
            PYTHON_VERSION.name: Known(Version(installed.python), source),
            PYTHON_EXECUTABLE.name: Known(installed.executable or "python", source),
            OS_KERNEL.name: Known(f"{installed.system} {installed.release}", source),
        }
    )


def _solve(graph: PackageGraph, installed: InstalledSet, indexes: Indexes) -> Solution:
    from airworthy.environment.uv import resolver

    with resolver(
        indexes, python=installed.executable, python_version=installed.python, known=installed.packages
    ) as resolve:
        return smallest_change(graph, resolve)


def _predicted(facts: Facts, slugs: Iterable[str]) -> list[CheckResult]:
    from airworthy.causes.catalogue import standard
    from airworthy.causes.prediction import predict_one
    from airworthy.knowledge import Knowledge

    catalogue, known = standard(), Knowledge()
    return [predict_one(facts, catalogue.get(slug), known) for slug in slugs]


def read_native(
    host: LocalHost, installed: InstalledSet, progress: Progress
) -> tuple[tuple[Library, ...], dict[str, str], list[CheckResult]]:
    """Native libraries of an environment, what stands above them, and the checks of the catalogue about them."""
    from airworthy.probes.linker.native import read_libraries
    from airworthy.probes.registry import PROBES
    from airworthy.probes.runner import gather
    from airworthy.probes.seam.sharing import sharing

    facts = gather(host, [PROBES.get(name) for name in NATIVE_PROBES], progress=progress)
    results = _predicted(facts, NATIVE_CAUSES)
    try:
        with sharing(host):
            libraries = read_libraries(host, installed.packages)
    except HostError as error:
        libraries = ()
        results.append(Skipped("system-library-missing", str(error)))
    return libraries, above(facts), results


def above(facts: Facts) -> dict[str, str]:
    """Drivers, toolkits and chips by what they are; one that could not be read says why, an absent one is left out."""
    found: dict[str, str] = {}
    for name, key in ABOVE.items():
        fact = facts.fact(key)
        if isinstance(fact, Known):
            found[name] = str(fact.value)
        elif isinstance(fact, Unknown) and fact.reason != NOT_LOOKED_AT:
            found[name] = say("unknown: {reason}", reason=fact.reason)
    for key_of_devices in DEVICES:
        fact = facts.fact(key_of_devices)
        for number, device in enumerate(fact.value if isinstance(fact, Known) else ()):
            found[f"{key_of_devices.name}.{number}"] = device.name
    return found


def _merged(results: Iterable[CheckResult], findings: Iterable[Finding], checked: tuple[str, ...]) -> list[CheckResult]:
    """One result a cause: what the catalogue's checks found with what was found here."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.cause, []).append(finding)
    merged: dict[str, CheckResult] = {slug: Passed(slug) for slug in checked}
    for result in results:
        if isinstance(result, Failed):
            found.setdefault(result.check, []).extend(result.findings)
        merged.setdefault(result.check, result)
    for slug, each in found.items():
        merged[slug] = Failed(slug, tuple(each))
    return list(merged.values())

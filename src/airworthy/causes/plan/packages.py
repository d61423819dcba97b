"""Rules about packages that are to be installed: is there a wheel, for this system, and do they go together?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.interface import Cause, Undecidable
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Severity
from airworthy.core.keys import (
    CPU_ARCHITECTURE,
    FRAMEWORKS,
    LIBC_NAME,
    LIBC_VERSION,
    PLAN_ENGINE_BUILT_WITH,
    PLAN_EXTENSION_TOOLKIT,
    PLAN_GROUPS,
    PLAN_INDEXES,
    PLAN_LOADER_PATH,
    PLAN_PACKAGES,
    PLAN_SYSTEM,
    PLAN_SYSTEM_TOOLKIT,
    PYTHON_VERSION,
)
from airworthy.core.messages import say
from airworthy.core.values import Distribution
from airworthy.core.version import Version
from airworthy.knowledge import Knowledge

_MANYLINUX = re.compile(r"manylinux_(\d{1,2})_(\d{1,3})_(\w{1,30})")
_OLD = {"manylinux1": Version("2.5"), "manylinux2010": Version("2.12"), "manylinux2014": Version("2.17")}
_MACHINES = ("x86_64", "aarch64", "ppc64le", "s390x", "i686", "armv7l", "riscv64")


def no_wheel(cause: Cause, facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """No wheel of the release is for this Python, this system or this C library."""
    undecided: list[str] = []
    for package in facts.value(PLAN_PACKAGES):
        yield from _by_tag(cause, package, facts)
        yield from _by_platform(cause, package, facts, known)
        yield from _by_table(cause, package, facts, known, undecided)
    if undecided:
        raise Undecidable("{reasons}", reasons=tuple(undecided))


def _by_table(
    cause: Cause, package: Distribution, facts: Facts, known: Knowledge, undecided: list[str]
) -> Iterator[Finding]:
    if package.version.text.startswith("0+") or package.version.text == "0":
        return  # no version was given
    system, machine = facts.get_value(PLAN_SYSTEM, ""), facts.get_value(CPU_ARCHITECTURE, "")
    answer = known.supported_pythons(package.name, package.version, system, machine)
    if facts.get_value(LIBC_NAME, "") == "musl":
        other = known.supported_pythons(package.name, package.version, "musl", machine)
        if other.value is not None and other.value.none:
            answer, system = other, say("Linux with musl")
    row, python = answer.value, facts.get_value(PYTHON_VERSION, None)
    if row is None:
        if answer.row is not None and python is not None:
            undecided.append(answer.reason)
        return
    evidence = (PLAN_PACKAGES, *answer.evidence("python_support"))
    if row.none:
        message = "there is no {requirement} for {system} on {machine}"
        yield _none(cause, package, facts, evidence, message, system=system, machine=machine or say("this processor"))
    elif python is not None and row.highest is not None:
        here = python.numbers[:2]
        lowest = row.lowest or Version("3")
        if len(here) == 2 and not lowest.numbers[:2] <= here <= row.highest.numbers[:2]:
            message = "there is no {requirement} for Python {python}; its wheels are for {lowest} to {highest}"
            yield _none(
                cause,
                package,
                facts,
                (*evidence, PYTHON_VERSION),
                message,
                python=python.text,
                lowest=lowest.text,
                highest=row.highest.text,
            )


def _by_tag(cause: Cause, package: Distribution, facts: Facts) -> Iterator[Finding]:
    here = facts.get_value(LIBC_VERSION, None)
    python = facts.get_value(PYTHON_VERSION, None)
    for tag in package.tags:
        if python is not None and not _runs_on_python(tag, python):
            message = "the wheel {tag} of {requirement} is not for Python {python}"
            evidence = (PLAN_PACKAGES, PYTHON_VERSION)
            yield _none(cause, package, facts, evidence, message, tag=tag, python=python.text)
        needed = _glibc_of(tag)
        if needed is not None and here is not None and needed > here:
            message = "the wheel {tag} of {requirement} is for glibc {needed} and newer, and this system has {found}"
            yield _none(
                cause,
                package,
                facts,
                (PLAN_PACKAGES, LIBC_VERSION),
                message,
                tag=tag,
                needed=needed.text,
                found=here.text,
            )


def _by_platform(cause: Cause, package: Distribution, facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """What a release's wheels need of the C library, where the wheel itself was not named."""
    here, answer = facts.get_value(LIBC_VERSION, None), known.wheel_platform(package.name, package.version)
    row = answer.value
    if row is None or here is None or package.tags or here >= row.glibc:
        return
    message = "the wheels of {requirement} are for glibc {needed} and newer, and this system has {found}"
    evidence = (PLAN_PACKAGES, LIBC_VERSION, *answer.evidence("wheel_platforms"))
    yield _none(cause, package, facts, evidence, message, needed=row.glibc.text, found=here.text)


def _runs_on_python(tag: str, python: Version) -> bool:
    """Whether a wheel's tag takes an interpreter; what can't be read is taken."""
    parts = tag.split("-")
    found = re.fullmatch(r"cp(\d)(\d{1,2})", parts[0])
    if found is None or len(parts) != 3 or len(python.numbers) < 2:
        return True
    wanted, here = (int(found[1]), int(found[2])), (python.numbers[0], python.numbers[1])
    return here >= wanted if parts[1] == "abi3" else here == wanted


def _none(cause: Cause, package: Distribution, facts: Facts, evidence: Any, message: str, **params: Any) -> Finding:
    return cause.finding(
        facts,
        package.name,
        evidence=evidence,
        confidence=Confidence.MEDIUM,
        message=message,
        requirement=f"{package.name}=={package.version.text}",
        **params,
    )


def _glibc_of(tag: str) -> Version | None:
    """The C library that a wheel's tag asks for; None for a tag that asks for none."""
    found = _MANYLINUX.search(tag)
    if found is not None:
        return Version(f"{found[1]}.{found[2]}")
    return next((version for name, version in _OLD.items() if re.search(rf"\b{name}_", tag)), None)


def other_machine(cause: Cause, facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """A wheel that is made for another processor or system."""
    machine, system = facts.get_value(CPU_ARCHITECTURE, ""), facts.get_value(PLAN_SYSTEM, "")
    for package in facts.value(PLAN_PACKAGES):
        for tag in package.tags:
            platform = tag.rpartition("-")[2]
            made_for = next((each for each in _MACHINES if platform.endswith(each)), "")
            kind = "windows" if platform.startswith("win") else "macos" if platform.startswith("macosx") else "linux"
            elsewhere = (made_for and machine and made_for != machine) or (
                system and platform != "any" and system != kind
            )
            if elsewhere:
                yield cause.finding(
                    facts,
                    package.name,
                    evidence=(PLAN_PACKAGES, CPU_ARCHITECTURE),
                    message="the wheel {tag} of {package} is for {made_for}, and this is {found}",
                    tag=tag,
                    package=package.name,
                    binary=tag,
                    made_for=made_for or kind,
                    machine=made_for or kind,
                    found=machine or system,
                )


def two_builds(cause: Cause, facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """One lock can't take one package from two indexes that hold different builds of it."""
    asked = (*facts.value(PLAN_INDEXES), *facts.get_value(PLAN_GROUPS, ()))
    tags = sorted(
        {match[0] for each in asked for match in re.finditer(r"\b(?:cu\d{2,3}|rocm\d[\d.]*|cpu|xpu)\b", each)}
    )
    if len(tags) < 2:
        return
    packages = tuple(package.name for package in facts.get_value(PLAN_PACKAGES, ())) or ("torch",)
    yield cause.finding(
        facts,
        packages[0],
        evidence=(PLAN_INDEXES,),
        confidence=Confidence.MEDIUM,
        message="{name} is requested from {tags} at once, and one environment holds one build of it",
        name=packages[0],
        tags=tuple(tags),
        first=tags[0],
        second=tags[1],
        first_wants=tags[0],
        second_wants=tags[1],
    )


def other_toolkit(cause: Cause, facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """An extension is built by a toolkit of another series than the framework was."""
    toolkit = facts.value(PLAN_EXTENSION_TOOLKIT)
    for build in facts.value(FRAMEWORKS):
        if build.name == "torch" and build.runtime is not None and build.runtime.major != toolkit.major:
            yield cause.finding(
                facts,
                build.name,
                evidence=(PLAN_EXTENSION_TOOLKIT, FRAMEWORKS),
                package=say("the extension"),
                toolkit=toolkit.text,
                version=build.version.text,
                cuda=build.runtime.text,
            )


def mixed_libraries(cause: Cause, facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """The loader's path puts another release of the same CUDA series before the libraries of the wheels."""
    system = facts.value(PLAN_SYSTEM_TOOLKIT)
    for build in facts.value(FRAMEWORKS):
        runtime = build.runtime
        # Before CUDA 12 the libraries did not call each other by versioned names, and other series have other names.
        if build.name != "torch" or runtime is None or runtime.major < 12 or runtime.major != system.major:
            continue
        if runtime.minor != system.minor:
            yield cause.finding(
                facts,
                build.name,
                evidence=(PLAN_LOADER_PATH, PLAN_SYSTEM_TOOLKIT, FRAMEWORKS),
                confidence=Confidence.MEDIUM,
                message="LD_LIBRARY_PATH puts CUDA {found} before the CUDA {wanted} of {framework}'s own packages",
                package=say("CUDA {cuda}", cuda=system),
                found=system.text,
                framework=build.name,
                wanted=runtime.text,
                shadow=True,
            )


def other_engine(cause: Cause, facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """A compiled engine goes with the release that built it."""
    built = facts.value(PLAN_ENGINE_BUILT_WITH)
    runtime = next((build for build in facts.value(FRAMEWORKS) if build.name.startswith("tensorrt")), None)
    if runtime is None:
        raise Undecidable("no runtime for the engine was given")
    if (built.major, built.minor) != (runtime.version.major, runtime.version.minor):
        yield cause.finding(
            facts,
            runtime.name,
            evidence=(PLAN_ENGINE_BUILT_WITH, FRAMEWORKS),
            severity=Severity.ERROR,
            message="the engine was built with {runtime} {built}, and {found} is to run it",
            runtime=runtime.name,
            built=built.text,
            found=runtime.version.text,
        )

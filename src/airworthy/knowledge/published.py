"""What published builds of frameworks are for: interpreters, systems, and the CUDA that they look for."""

from __future__ import annotations

from airworthy.core.version import Version
from airworthy.knowledge.answers import TableAnswer, exact, newest_row, unknown
from airworthy.knowledge.tables import Row, rows, within


class PublishedWheels(Row, frozen=True):
    """The interpreters that a package's releases have wheels for."""

    package: str
    """The distribution."""
    since: Version
    """The first release."""
    until: Version | None = None
    """The last release, all of its patch releases counted; None while it goes on."""
    post: int = 0
    """The first post-release of it."""
    lowest: Version | None = None
    """The oldest Python."""
    highest: Version | None = None
    """The newest Python."""
    platform: str = ""
    """The system that the row is about, `macos`; empty for all."""
    machine: str = ""
    """The processor's architecture that it is about, likewise."""
    none: bool = False
    """Whether there is no wheel at all."""


class Platform(Row, frozen=True):
    """The C library that a package's wheels need."""

    package: str
    """The distribution."""
    since: Version
    """The first release."""
    glibc: Version
    """The oldest glibc."""
    tag: str = ""
    """The local version that the row is about, `cu126`; empty for all."""


class SystemLibraries(Row, frozen=True):
    """The libraries that a published GPU build looks for on the system."""

    package: str
    """The distribution."""
    since: Version
    """The first release."""
    until: Version
    """The last release, all of its patch releases counted."""
    cuda: int
    """The CUDA series."""
    cudnn: int | None = None
    """The cuDNN series; None where it needs none."""
    index: str = ""
    """Where the build comes from when it isn't the usual index."""


class CpuBuild(Row, frozen=True):
    """A platform on which the usual package has no accelerator support."""

    package: str
    """The distribution."""
    platform: str
    """The system."""
    since: Version
    """The first release."""
    until: Version | None = None
    """The last release; None while it goes on."""
    machine: str = ""
    """The processor's architecture; empty for all."""
    all: bool = False
    """Whether there is no accelerated build at any other index either."""


class TensorflowWheel(Row, frozen=True):
    """The device code of TensorFlow's wheels."""

    since: Version
    """The first release."""
    until: Version
    """The last release."""
    architectures: tuple[str, ...]
    """The device code inside."""
    jit_until: Version
    """The newest device for which its PTX is enough."""


def supported_pythons(
    package: str, version: Version, platform: str = "", machine: str = ""
) -> TableAnswer[PublishedWheels]:
    """The row that says which interpreters a release has wheels for on a system.

    A row without an end is the newest one known; a release after the end of all rows is unknown, as the next
    interpreter comes with it.
    """
    post, asked = _post(version), f"{package} {version}"
    table: list[PublishedWheels] = [
        row
        for row in rows("python_support", "support", PublishedWheels)
        if row.package == package and row.platform in {"", platform} and row.machine in {"", machine}
    ]
    fitting = [row for row in table if within(version, row.since, row.until) and post >= row.post]
    # What is said of one system comes before what is said of all.
    row = next(iter(sorted(fitting, key=lambda each: not each.platform)), None)
    if row is not None:
        return newest_row(row, row, asked, row.since) if row.until is None else exact(row, row)
    last = max(table, key=lambda each: each.until or each.since, default=None)
    if last is not None and last.until is not None and version > last.until:
        return unknown(asked, "python_support", last, last.until)
    return unknown(asked, "python_support")


def wheel_platform(package: str, version: Version) -> TableAnswer[Platform]:
    """What the wheels of a release need of the C library.

    The rows have no end: for a release of a later series it is the newest one known.
    """
    asked = f"{package} {version}"
    local = version.text.partition("+")[2]
    fitting = (
        row
        for row in rows("wheel_platforms", "platform", Platform)
        if row.package == package and version >= row.since and row.tag in {"", local}
    )
    row = next(fitting, None)
    if row is None:
        return unknown(asked, "wheel_platforms")
    is_later = (version.major, version.minor) > (row.since.major, row.since.minor)
    return newest_row(row, row, asked, row.since) if is_later else exact(row, row)


def _post(version: Version) -> int:
    _, found, rest = version.text.partition(".post")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return int(digits) if found and digits else 0


def gpu_need(package: str, version: Version, index: str = "") -> SystemLibraries | None:
    """The libraries that a release looks for; None where the table doesn't say."""
    fitting = [
        row
        for row in rows("gpu_needs", "need", SystemLibraries)
        if row.package == package and within(version, row.since, row.until)
    ]
    special = [row for row in fitting if row.index and row.index in index.lower()]
    return next(iter(special or [row for row in fitting if not row.index]), None)


def cpu_build(package: str, version: Version, platform: str, machine: str = "") -> CpuBuild | None:
    """The row that says that the usual package of a release has no accelerator support on a system."""
    fitting = (
        row
        for row in rows("cpu_builds", "cpu", CpuBuild)
        if row.package == package and row.platform == platform and row.machine in {"", machine}
    )
    return next((row for row in fitting if within(version, row.since, row.until)), None)


def tensorflow_wheel(version: Version) -> TensorflowWheel | None:
    """The device code in a release of TensorFlow."""
    table = rows("tensorflow_wheels", "wheel", TensorflowWheel)
    return next((row for row in table if within(version, row.since, row.until)), None)

"""Libraries of the system: the C++ library's symbol versions, and the packages that bring other shared libraries."""

from __future__ import annotations

from airworthy.core.version import Version
from airworthy.knowledge.glibc import same_release
from airworthy.knowledge.tables import Row, rows, within


class Compiler(Row, frozen=True):
    """A release of GCC and what its C++ library provides."""

    gcc: Version
    """The release."""
    glibcxx: Version
    """The newest `GLIBCXX_x.y.z` in it."""
    cxxabi: Version
    """The newest `CXXABI_x.y.z` in it."""


class System(Row, frozen=True):
    """A release of a Linux distribution and its C++ library."""

    name: str
    """Its name and number, `Ubuntu 22.04`."""
    glibcxx: Version
    """The newest `GLIBCXX_x.y.z` in it."""
    cxxabi: Version
    """The newest `CXXABI_x.y.z` in it."""


class WheelSymbols(Row, frozen=True):
    """What a published wheel's shared objects ask of the C and C++ library, whatever its tag says."""

    package: str
    """The distribution."""
    since: Version
    """The first release."""
    until: Version
    """The last release, all of its patch releases counted."""
    glibc: Version | None = None
    """The newest `GLIBC_x.y` that they ask for."""
    glibcxx: Version | None = None
    """The newest `GLIBCXX_x.y.z` that they ask for."""
    cpu_only: bool = False
    """Whether only what is loaded on a machine without a GPU asks for it."""


class SystemLibrary(Row, frozen=True):
    """A shared library of the system."""

    soname: str
    """The name under which it is requested, `libGL.so.1`."""
    debian: str
    """The package of Debian 12 and Ubuntu 22.04 that brings it; newer releases may add `t64` to its name."""


def compiler_with(glibcxx: Version | None = None, cxxabi: Version | None = None) -> Compiler | None:
    """The first release of GCC whose C++ library provides a symbol version."""
    found = (
        row
        for row in rows("libstdcxx", "release", Compiler)
        if (glibcxx is None or row.glibcxx >= glibcxx) and (cxxabi is None or row.cxxabi >= cxxabi)
    )
    return next(found, None)


def system_library(soname: str) -> SystemLibrary | None:
    """The row of a system library by the name under which it is requested."""
    return next((row for row in rows("system_libraries", "library", SystemLibrary) if row.soname == soname), None)


def glibcxx_of_compiler(gcc: Version) -> Compiler | None:
    """The C++ library of a release of GCC; of a series without a number behind it, the first release's."""
    series = [row for row in rows("libstdcxx", "release", Compiler) if row.gcc.major == gcc.major]
    fitting = [row for row in series if row.gcc <= gcc]
    return max(fitting, key=lambda row: row.gcc, default=series[0] if series else None)


def glibcxx_of_system(name: str) -> System | None:
    """The C++ library of a distribution's release, as people write its name."""
    return next((row for row in rows("libstdcxx", "system", System) if same_release(name, row.name)), None)


def binary_needs(package: str, version: Version) -> tuple[WheelSymbols, ...]:
    """What the shared objects of a release ask for, where that is known."""
    table = rows("binary_needs", "need", WheelSymbols)
    return tuple(row for row in table if row.package == package and within(version, row.since, row.until))

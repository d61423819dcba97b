"""Libraries of the system: the C++ library's symbol versions, and the packages that bring other shared libraries."""

from __future__ import annotations

from airworthy.core.version import Version
from airworthy.knowledge.tables import Row, rows


class Compiler(Row, frozen=True):
    """A release of GCC and what its C++ library provides."""

    gcc: Version
    """The release."""
    glibcxx: Version
    """The newest `GLIBCXX_x.y.z` in it."""
    cxxabi: Version
    """The newest `CXXABI_x.y.z` in it."""


class SystemLibrary(Row, frozen=True):
    """A shared library of the system."""

    soname: str
    """The name it is asked for, `libGL.so.1`."""
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
    """The row of a system library by the name it is asked for."""
    return next((row for row in rows("system_libraries", "library", SystemLibrary) if row.soname == soname), None)

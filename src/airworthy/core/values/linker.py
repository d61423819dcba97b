"""Shared objects, the libraries that the loader finds, and needs that it does not meet."""

from __future__ import annotations

from airworthy.core.values.base import Value
from airworthy.core.version import Version


class Binary(Value, frozen=True):
    """A shared object of an installed distribution, read from its ELF headers."""

    path: str
    """The file."""
    distribution: str = ""
    """The distribution that brought it, or empty."""
    machine: str = ""
    """The architecture it is for, `x86_64`."""
    needed: tuple[str, ...] = ()
    """The sonames that it needs (`DT_NEEDED`)."""
    missing: tuple[str, ...] = ()
    """Those of them that the loader would not find."""
    glibc: Version | None = None
    """The newest `GLIBC_x.y` symbol version that it needs."""
    glibcxx: Version | None = None
    """The newest `GLIBCXX_x.y.z` that it needs of the C++ library that all share; None where it brings its own."""
    cxxabi: Version | None = None
    """The newest `CXXABI_x.y.z` that it needs, likewise."""


class SharedLibrary(Value, frozen=True):
    """A shared library where the loader finds it, or where a copy lies that it would not find."""

    soname: str
    """The name under which it is requested, `libcudart.so.12`."""
    path: str
    """The file behind it."""
    found_by: str
    """What led there: `LD_LIBRARY_PATH`, `ld.so.cache`, `default path`; `wheel` for a copy in a Python package, which
    that package loads itself; `outside the loader's path` for one that the loader would not find."""


class Shadow(Value, frozen=True):
    """A library that the loader takes from elsewhere than from the package that was installed for it."""

    soname: str
    """The name under which it is requested, `libnvJitLink.so.12`."""
    used: str
    """The file that the loader takes, with links followed."""
    found_by: str
    """What led there: `LD_LIBRARY_PATH`."""
    meant: str
    """The file of the package that was installed for it."""
    meant_by: str = ""
    """That package."""
    binary: str = ""
    """The shared object that asks for it."""
    distribution: str = ""
    """The package that brought the asker."""


class LinkFault(Value, frozen=True):
    """A need of a shared object that the loader does not meet, or meets with what it then refuses."""

    kind: str
    """`missing`: it finds none. `architecture`: what lies there is for another one. `version`: what it takes lacks a
    version symbol."""
    binary: str
    """The shared object that asks."""
    distribution: str
    """The package that brought it."""
    soname: str = ""
    """The requested name, `libssl.so.3`; empty where the asker itself is of another architecture."""
    version: str = ""
    """The first version symbol that is lacking, `OPENSSL_3.2.0`."""
    used: str = ""
    """The file that the loader takes or passes over, with links followed."""
    found_by: str = ""
    """What led to it: `RPATH`, `RUNPATH`, `LD_LIBRARY_PATH`, `ld.so.cache`, `default path`."""
    machine: str = ""
    """The architecture of what lies there."""
    held: str = ""
    """A copy in an installed package that would do, where the loader does not look."""
    held_by: str = ""
    """That package."""

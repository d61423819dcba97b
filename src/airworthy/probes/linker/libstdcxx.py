"""The C++ library that extensions get, and the newest symbol versions that it provides."""

from __future__ import annotations

from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.keys import LIBSTDCXX, LIBSTDCXX_ABI
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.linker.headers import headers
from airworthy.probes.linker.loader import loader
from airworthy.probes.python.environment import interpreter
from airworthy.probes.seam.host import Host, HostError

SONAME = "libstdc++.so.6"
_KINDS = ((LIBSTDCXX, "GLIBCXX"), (LIBSTDCXX_ABI, "CXXABI"))


def read(host: Host) -> Reading:
    """Read the library's version definitions."""
    system = host.uname()[0]
    if system != "Linux":
        raise HostError(say("on {system} this is not read yet", system=system))
    path = where(host)
    if not path:
        for key, _ in _KINDS:
            yield key, Absent(say("the loader finds no {name}", name=SONAME))
        return
    elf, problem = headers(host, path)
    if elf is None:
        raise HostError(f"{path}: {problem}")
    defines = dict(elf.defines)
    for key, kind in _KINDS:
        text = defines.get(kind, "")
        nothing = Unknown(say("{path} provides no {kind} version", path=path, kind=kind))
        yield key, Known(Version(text), path) if text else nothing


def where(host: Host) -> str:
    """The library's file: a conda environment's own, which its interpreter finds first, else the loader's."""
    linker = loader(host)
    try:
        folder = f"{interpreter(host).prefix}/lib"
    except HostError:
        folder = ""
    if folder and SONAME in linker.names(folder) and not linker.library_path:
        return host.resolve(f"{folder}/{SONAME}")
    found = linker.find(SONAME)
    return host.resolve(found.path) if found else ""


PROBE = Probe("libstdcxx", (LIBSTDCXX, LIBSTDCXX_ABI), read)
"""Symbol versions of the C++ library."""

"""CUDA and driver libraries: where the loader finds them, and where copies lie that it would not find."""

from __future__ import annotations

import posixpath
import re

from airworthy.core.facts import Known
from airworthy.core.keys import LIBRARIES
from airworthy.core.messages import say
from airworthy.core.values import SharedLibrary
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.linker.loader import loader
from airworthy.probes.linker.objects import shared_objects
from airworthy.probes.seam.host import Host, HostError

TOOLKITS = "/usr/local"
"""Where NVIDIA's installers put a toolkit, as `cuda` or `cuda-12.4`."""
OUTSIDE = "outside the loader's path"
"""`found_by` of a copy that the loader would not find: a toolkit that its search path does not name."""
WHEEL = "wheel"
"""`found_by` of a copy in a Python package, which that package loads by its path."""

_NAMES = (
    "libcuda libcudart libcublas libcublasLt libcudnn(?:_[a-z_]+)? libcufft libcurand libcusolver(?:Mg)? "
    "libcusparse(?:Lt)? libnvrtc(?:-builtins)? libnvJitLink libnvToolsExt libnvinfer(?:_[a-z_]+)? libnccl libcupti "
    "libcufile libnvidia-ml libnvidia-ptxjitcompiler libnvshmem_host"
)
_WANTED = re.compile(rf"(?:{'|'.join(_NAMES.split())})\.so\.\d{{1,4}}(?:\.\d{{1,4}})?")
"""Names by which programs ask for them; a third number belongs to the file behind."""


def read(host: Host) -> Reading:
    """Read where they are, in the loader's order, then what lies outside its path."""
    system = host.uname()[0]
    if system != "Linux":
        raise HostError(say("on {system} this is not read yet", system=system))
    linker = loader(host)
    found: dict[tuple[str, str], SharedLibrary] = {}

    def add(soname: str, path: str, found_by: str) -> None:
        if is_wanted(soname):
            real = host.resolve(path)
            found.setdefault((soname, real), SharedLibrary(soname=soname, path=real, found_by=found_by))

    for directory in linker.library_path:
        for name in sorted(linker.names(directory)):
            add(name, f"{directory}/{name}", "LD_LIBRARY_PATH")
    for name, path in linker.cache.items():
        if is_wanted(name) and posixpath.basename(path) in linker.names(posixpath.dirname(path)):
            add(name, path, "ld.so.cache")
    for directory in linker.defaults:
        for name in sorted(linker.names(directory)):
            if name not in linker.cache:
                add(name, f"{directory}/{name}", "default path")
    try:
        for each in shared_objects(host):
            add(posixpath.basename(each.file.path), each.file.path, WHEEL)
    except HostError:
        pass  # no interpreter is inspected; the host's own libraries stand
    for directory in _toolkits(host):
        for name in sorted(linker.names(directory)):
            add(name, f"{directory}/{name}", OUTSIDE)
    yield (
        LIBRARIES,
        Known(tuple(found.values()), say("ld.so.cache, LD_LIBRARY_PATH, packages and {root}", root=TOOLKITS)),
    )


def is_wanted(soname: str) -> bool:
    """Whether a name is that of a CUDA or driver library, as programs ask for it."""
    return _WANTED.fullmatch(soname) is not None


def _toolkits(host: Host) -> tuple[str, ...]:
    try:
        names = [name for name in host.list(TOOLKITS) if name == "cuda" or name.startswith("cuda-")]
    except HostError:
        return ()
    return tuple(f"{TOOLKITS}/{name}/lib64" for name in names)


PROBE = Probe("libraries", (LIBRARIES,), read)
"""CUDA and driver libraries."""

"""Which installed packages hold extensions built for NumPy 1, and which for both.

What can be read: an extension that calls `import_array()` carries the names that the function imports, and the
function is compiled in from NumPy's own header. The header of NumPy 2 tries `numpy._core._multiarray_umath` and
then `numpy.core._multiarray_umath`; the header of NumPy 1 knows the second name alone. What the first gives loads
under NumPy 1 and 2, what the second gives only under NumPy 1:
https://numpy.org/doc/stable/numpy_2_0_migration_guide.html

Extensions without either name (pybind11's ask for NumPy in their own way) are decided by the package's requirement,
or not at all.
"""

from __future__ import annotations

import functools
import posixpath
import re

from airworthy.core.facts import Known
from airworthy.core.keys import NUMPY_USES
from airworthy.core.messages import say
from airworthy.core.values import NumpyUse
from airworthy.core.version import Version
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.linker.objects import Object, shared_objects
from airworthy.probes.python.distributions import environment, required_name
from airworthy.probes.seam.host import Host, HostError
from airworthy.probes.seam.remembered import remembered

BOTH = b"numpy._core._multiarray_umath"
ONE = b"numpy.core._multiarray_umath"
CHUNK = 4 * 1024 * 1024
LARGEST = 64 * 1024 * 1024
"""Bytes of a file that are searched."""
MOST_BYTES = 16 * 1024 * 1024
"""Bytes of a package's extensions that are searched before its requirement decides; one is, whatever its size."""
MOST_FILES = 256
UNDECLARED = {"torch": "libtorch_python.so"}
"""Packages that use NumPy where it is there and do not require it, with the file that does."""


def read(host: Host) -> Reading:
    """Read the extensions of each package that requires NumPy, until one decides."""
    objects: dict[str, list[Object]] = {}
    for each in shared_objects(host):
        objects.setdefault(each.owner.distribution.name, []).append(each)
    uses = []
    for owner in environment(host).installed:
        package = owner.distribution
        requirement = next((r for r in package.requires if required_name(r) == "numpy"), "")
        brought = objects.get(package.name, [])
        if package.name == "numpy" or not brought or not (requirement or package.name in UNDECLARED):
            continue
        found = _by_bytes(host, candidates(package.name, brought)) or by_requirement(requirement)
        if found:
            built_for, origin = found
            uses.append(
                NumpyUse(distribution=package.name, version=package.version, built_for=built_for, origin=origin)
            )
    yield NUMPY_USES, Known(tuple(uses), say("extensions and requirements of installed packages"))


def candidates(name: str, objects: list[Object]) -> tuple[str, ...]:
    """The files to search, the smallest first: an extension that wraps little still imports NumPy's interface."""
    special = UNDECLARED.get(name)
    extensions = [
        each.file for each in objects if posixpath.basename(each.file.path) == special or _is_extension(each.file.path)
    ]
    if special:
        extensions = [file for file in extensions if posixpath.basename(file.path) == special]
    extensions.sort(key=lambda file: (LARGEST if file.size is None else file.size, file.path))
    if special:
        return tuple(file.path for file in extensions)
    paths: list[str] = []
    left = MOST_BYTES
    for file in extensions:
        left -= file.size or 0
        if paths and (left < 0 or len(paths) >= MOST_FILES):
            break
        paths.append(file.path)
    return tuple(paths)


def _is_extension(path: str) -> bool:
    name = posixpath.basename(path)
    return ".cpython-" in name or ".abi3." in name or not name.startswith("lib")


def _by_bytes(host: Host, paths: tuple[str, ...]) -> tuple[str, str] | None:
    for path in paths:
        try:
            found = remembered(host, "numpy", path, str, functools.partial(_search, host, path))
        except HostError:
            continue
        if found:
            return found, path
    return None


def _search(host: Host, path: str) -> str:
    """`any`, `1`, or empty where the file holds neither name."""
    offset, one = 0, False
    tail = b""
    while offset < LARGEST:
        chunk = host.read(path, CHUNK, offset)
        data = tail + chunk
        if BOTH in data:
            return "any"
        one = one or ONE in data
        if len(chunk) < CHUNK:
            break
        tail = chunk[-len(BOTH) :]
        offset += len(chunk)
    return "1" if one else ""


def by_requirement(requirement: str) -> tuple[str, str] | None:
    """What a requirement on NumPy says of its major version; None where it admits both or says nothing."""
    specifier = requirement.partition(";")[0]
    if not re.fullmatch(r"\s*numpy\s*\(?\s*[<>=!~][^)]{0,200}\)?\s*", specifier, re.IGNORECASE):
        return None
    below_two = above_two = False
    for operator, number in re.findall(r"(<=?|>=?|==|~=)\s*(\d{1,4}(?:\.\d{1,4}){0,3})", specifier):
        version, two = Version(number), Version("2")
        if operator in {"==", "~="}:
            below_two, above_two = below_two or version < two, above_two or version >= two
        elif operator == "<":
            below_two = below_two or version <= two
        elif operator == "<=":
            below_two = below_two or version < two
        else:
            above_two = above_two or version >= two
    if below_two == above_two:
        return None
    return ("1" if below_two else "2"), requirement


PROBE = Probe("numpy-uses", (NUMPY_USES,), read)
"""NumPy's interface in compiled extensions."""

"""The shared objects that installed packages brought, by the packages' own records."""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

from airworthy.probes.python.distributions import DistributionFile, Installed, environment, files, required_name
from airworthy.probes.seam.host import Host
from airworthy.probes.seam.sharing import shared

SHARED_OBJECT = re.compile(rb'(?m)^([^,\n"]{1,1024}\.so(?:\.[0-9][0-9.]{0,40})?)(?:,[^,\n]{0,200},(\d{0,15}))?\r?$')
"""A line of RECORD that names a shared object: its path, its size."""
EXTENSION = re.compile(r"\.(?:cpython-(?P<python>\d+)\w*(?:-(?P<platform>[\w-]+))?|abi3)\.so$")
"""The end of the name of an extension module: what an import loads."""


class Object(NamedTuple):
    """A shared object and whose it is."""

    file: DistributionFile
    """Where it lies."""
    owner: Installed
    """The package that brought it."""

    @property
    def name(self) -> str:
        """The file's name."""
        return posixpath.basename(self.file.path)

    @property
    def distribution(self) -> str:
        """The package's name."""
        return self.owner.distribution.name


def shared_objects(host: Host) -> tuple[Object, ...]:
    """The shared objects of all packages, by their records, looked up once a gathering."""
    return shared(host, _objects)


def _objects(host: Host) -> tuple[Object, ...]:
    return tuple(
        Object(file, owner)
        for owner in environment(host).installed
        for file in files(host, owner, "objects", SHARED_OBJECT)
    )


def related(owner: Installed) -> tuple[str, ...]:
    """A package and those that it requires, whose libraries are in the process before its own extensions are.

    `import torch` loads the libraries of the nvidia packages by path, and torchvision's import begins with torch.
    """
    package = owner.distribution
    return (package.name, *dict.fromkeys(filter(None, map(required_name, package.requires))))

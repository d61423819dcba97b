"""Libraries that the loader takes from LD_LIBRARY_PATH although a package was installed for them."""

from __future__ import annotations

from airworthy.core.facts import Known
from airworthy.core.keys import LOADER_SHADOWED
from airworthy.core.messages import say
from airworthy.core.values import Shadow
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.linker.libraries import is_wanted
from airworthy.probes.linker.linking import linked
from airworthy.probes.linker.loader import loader
from airworthy.probes.seam.host import Host, HostError

BY = "LD_LIBRARY_PATH"


def read(host: Host) -> Reading:
    """Report each library of a package in whose place the loader takes another.

    Of CUDA's libraries, which packages load by their paths or lay beside each other, a packaged one of the same name is
    enough; of any other the loader has to lead to the packaged one once the variable is gone.
    """
    system = host.uname()[0]
    if system != "Linux":
        raise HostError(say("on {system} this is not read yet", system=system))
    if not loader(host).library_path:
        yield LOADER_SHADOWED, Known((), say("{name} is not set", name=BY))
        return
    all_ = linked(host)
    by_path = {host.resolve(each.object.file.path): each.object for each in all_.linked}
    found: dict[tuple[str, str], Shadow] = {}
    for each in all_.linked:
        for link in each.links:
            if link.found is None or link.found.found_by != BY:
                continue
            meant = by_path.get(host.resolve(link.without)) if link.without else None
            if meant is None and is_wanted(link.soname):
                meant = all_.brought.get(link.soname)
            used = host.resolve(link.found.path)
            if meant is None or used == host.resolve(meant.file.path):
                continue  # the system's own, or the variable leads to the package itself
            found.setdefault(
                (link.soname, each.object.distribution),
                Shadow(
                    soname=link.soname,
                    used=used,
                    found_by=BY,
                    meant=meant.file.path,
                    meant_by=meant.distribution,
                    binary=each.object.file.path,
                    distribution=each.object.distribution,
                ),
            )
    yield LOADER_SHADOWED, Known(tuple(found.values()), say("{name} and ELF headers", name=BY))


PROBE = Probe("shadows", (LOADER_SHADOWED,), read)
"""Packaged libraries that others hide."""

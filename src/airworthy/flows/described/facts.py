"""The facts of a described machine: what was said, and what the tables add to it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airworthy.core import keys
from airworthy.core.facts import Fact, Facts, Known
from airworthy.core.keys import Key
from airworthy.core.messages import say
from airworthy.core.values import (
    FormatVersion,
)
from airworthy.flows.described.builds import frameworks_of
from airworthy.flows.described.description import SOURCE, Description
from airworthy.flows.described.devices import device_facts, driver_facts, other_vendor_facts
from airworthy.flows.described.packages import binaries_of, libraries_of, numpy_uses_of, packages_of
from airworthy.flows.described.plan import plan_facts
from airworthy.flows.described.system import container_facts, system_facts


def facts_of(given: Mapping[str, Any]) -> Facts:
    """The facts of a normalised description.

    Raises:
        GivenInvalid: two things that were given contradict each other.
    """
    described = Description(given)
    described.refuse_contradictions()
    return Facts({key.name: fact for key, fact in _facts(described)})


def _facts(described: Description) -> Iterator[tuple[Key[Any], Fact]]:
    yield from system_facts(described)
    yield from device_facts(described)
    yield from driver_facts(described)
    yield from container_facts(described)
    builds = tuple(frameworks_of(described))
    if builds:
        yield keys.FRAMEWORKS, Known(builds, SOURCE)
    packages = tuple(packages_of(described))
    if packages or described.framework:
        yield keys.DISTRIBUTIONS, Known(packages, SOURCE)
        yield (
            keys.NUMPY_USES,
            Known(tuple(numpy_uses_of(described, packages)), say("given, and the table of NumPy 2 releases")),
        )
    binaries = tuple(binaries_of(described, packages))
    if binaries:
        yield keys.BINARIES, Known(binaries, say("given, and the table of what published builds look for"))
    libraries = tuple(libraries_of(described))
    if libraries:
        yield keys.LIBRARIES, Known(libraries, SOURCE)
    if "model_ir" in described.given:
        yield (
            keys.MODEL_FORMAT_VERSIONS,
            Known((FormatVersion(kind="onnx-ir", version=described.given["model_ir"]),), SOURCE),
        )
    yield from other_vendor_facts(described)
    yield from plan_facts(described, packages)

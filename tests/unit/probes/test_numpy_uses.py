"""NumPy's interface, read from the bytes of extensions."""

from __future__ import annotations

import pytest

from airworthy.core import keys
from airworthy.core.values import Distribution
from airworthy.core.version import Version
from airworthy.probes.linker.objects import Object
from airworthy.probes.python import numpy_uses
from airworthy.probes.python.distributions import DistributionFile, Installed
from airworthy.probes.runner import gather
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import Interpreter

SITE = "/v/site-packages"
ONE = b"\x7fELF...\0numpy.core._multiarray_umath\0_ARRAY_API\0"
BOTH = b"\x7fELF...\0numpy._core._multiarray_umath\0numpy.core._multiarray_umath\0_ARRAY_API\0"
NEITHER = b"\x7fELF...\0numpy.core.multiarray\0"
EDGE = bytes(numpy_uses.CHUNK - 10) + BOTH


@pytest.mark.parametrize(
    ("extension", "requirement", "expected"),
    [
        (ONE, "numpy", "1"),
        (BOTH, "numpy>=1.23", "any"),
        (EDGE, "numpy", "any"),
        (NEITHER, "numpy<2", "1"),
        (NEITHER, "numpy>=1.23", None),
        (ONE, "numpydoc", None),
    ],
)
def test_extension_tells(extension: bytes, requirement: str, expected: str | None) -> None:
    info, path = f"{SITE}/fit-1.2.dist-info", "fit/_fit.cpython-311-x86_64-linux-gnu.so"
    host = FakeHost(
        {
            f"{info}/METADATA": f"Name: fit\nVersion: 1.2\nRequires-Dist: {requirement}\n\n",
            f"{info}/RECORD": f"{path},sha256=x,{len(extension)}\n",
            f"{SITE}/{path}": extension,
        },
        interpreter=Interpreter("3.11.9", "/v/bin/python", "/v", (SITE,)),
    )
    uses = gather(host, [numpy_uses.PROBE], strict=True).value(keys.NUMPY_USES)
    assert [use.built_for for use in uses] == ([expected] if expected else [])


def test_this_environment_is_not_built_for_numpy_1_alone() -> None:
    pytest.importorskip("scipy")
    from airworthy.probes.seam.local import LocalHost

    uses = {u.distribution: u for u in gather(LocalHost(), [numpy_uses.PROBE], strict=True).value(keys.NUMPY_USES)}
    assert uses["scipy"].built_for == "any"
    assert uses["scikit-learn"].built_for == "any"


def test_only_extension_is_searched_whatever_its_size() -> None:
    owner = Installed(Distribution(name="big", version=Version("1")), "/v/big-1.dist-info")
    objects = [Object(DistributionFile(f"/v/{name}.so", numpy_uses.MOST_BYTES * 2), owner) for name in ("b", "a")]
    assert numpy_uses.candidates("big", objects) == ("/v/a.so",)

"""Installed packages, frameworks, and what is wrong with them."""

from __future__ import annotations

from airworthy.core.values.base import Value
from airworthy.core.version import Version


class Distribution(Value, frozen=True):
    """A Python package that is installed, as its metadata reports, without importing it."""

    name: str
    """Normalised name, `onnxruntime-gpu`."""
    version: Version
    """Its version."""
    location: str = ""
    """The directory that holds it."""
    requires: tuple[str, ...] = ()
    """Its requirements as written, without those of extras."""
    tags: tuple[str, ...] = ()
    """Wheel tags, `cp311-cp311-manylinux_2_28_x86_64`."""
    requires_python: str = ""
    """The Python versions that it is made for, `>=3.9,<3.13`; empty where it does not say."""


class FrameworkBuild(Value, frozen=True):
    """How an installed framework was built: what decides about devices, beyond its version."""

    name: str
    """The distribution, `torch`, `onnxruntime-gpu`."""
    version: Version
    """Its version, with the local part."""
    accelerator: str
    """What it was built for: `cpu`, `cuda`, `rocm`, `npu`, …"""
    runtime: Version | None = None
    """The CUDA or ROCm version it was built with."""
    architectures: tuple[str, ...] = ()
    """The device code it carries, `sm_80`, `compute_90` (PTX), `gfx1100`; empty when that was not readable."""
    origin: str = ""
    """The file that says so."""
    cudnn: Version | None = None
    """The cuDNN version it was compiled against, where it reports one."""
    compressed: bool = False
    """Whether its device code is packed in the way of CUDA 12.4 and later, which drivers before 550 cannot unpack."""


class Damage(Value, frozen=True):
    """What an installed package lacks of what its own records list."""

    kind: str
    """`gone`: nothing of it is there. `files`: some files are not. `cut-short`: a library ends before its last part.
    `metadata`: the description that installers left is not readable, or names no package."""
    distribution: str
    """The package; for `metadata` as far as the folder's name says."""
    path: str
    """The first of the files, or the description."""
    count: int = 1
    """How many files it is."""
    imported: bool = False
    """Whether importing the package needs one of them."""
    needed_by: str = ""
    """A shared object that asks for one of them; empty where none does."""


class HiddenModule(Value, frozen=True):
    """A file in the working directory that is imported in place of a module by the same name."""

    module: str
    """The name, `random`."""
    path: str
    """The file or package that comes first."""
    hides: str
    """What it hides: a directory of packages, or `the standard library`."""


class NumpyUse(Value, frozen=True):
    """A compiled extension and the NumPy application binary interface it was built for."""

    distribution: str
    """The distribution that holds the extension."""
    version: Version
    """That distribution's version."""
    built_for: str
    """`1` or `2`: the NumPy major version whose interface it can be loaded with; `any` where it takes both."""
    origin: str = ""
    """What says so: the file, or the requirement."""

"""CUDA: toolkits and the drivers they need, device code and the devices that run it, libraries and their packages."""

from __future__ import annotations

import re

from airworthy.core.version import Version
from airworthy.knowledge.answers import TableAnswer, exact, newest_row, unknown
from airworthy.knowledge.tables import Row, rows

FIRST_COMPATIBLE_MAJOR = 11
"""From this major version on, a driver that runs one toolkit of a series runs all of it."""


class DriverFloor(Row, frozen=True):
    """The oldest driver for a major series of toolkits."""

    major: int
    """The series, `12` for all of CUDA 12."""
    linux: Version
    """The driver on Linux."""
    windows: Version
    """The driver on Windows, and for Linux inside WSL 2."""


class Shipped(Row, frozen=True):
    """The driver that a toolkit brought along."""

    toolkit: Version
    """The toolkit with its update, `12.4.1`."""
    linux: Version
    """The driver for Linux."""
    windows: Version | None = None
    """The driver for Windows; None where the toolkit brought none."""


class Capability(Row, frozen=True):
    """A compute capability and the toolkits that make code for it."""

    capability: Version
    """As NVIDIA writes it, `8.6`."""
    first: Version
    """The first toolkit."""
    last: int | None = None
    """The last major series; None while it goes on."""


class Default(Row, frozen=True):
    """What nvcc makes code for by default."""

    major: int
    """The major series of the toolkit."""
    architecture: str
    """Machine code and PTX for this, `sm_52`."""


class CudaLibrary(Row, frozen=True):
    """A shared library of CUDA."""

    soname: str
    """The name under which it is requested, `libcudart.so.12`."""
    package: str = ""
    """The distribution that pip installs it with."""
    requirement: str = ""
    """What to ask pip for where the package's name alone does not say which soname comes."""
    cuda: int | None = None
    """The CUDA major version that it belongs to."""
    driver: bool = False
    """Whether only the driver brings it."""

    @property
    def install(self) -> str:
        """What to ask pip for."""
        return self.requirement or self.package


def minimum_driver(cuda: Version, *, windows: bool = False) -> Version | None:
    """The oldest driver that runs programs built with a CUDA version, unless they need PTX compiled."""
    shipped = driver_for_jit(cuda, windows=windows)
    if cuda.major < FIRST_COMPATIBLE_MAJOR:
        return shipped
    floor = next((row for row in rows("cuda_drivers", "floor", DriverFloor) if row.major == cuda.major), None)
    if floor is None:
        return None
    lowest = floor.windows if windows else floor.linux
    # The first toolkit of a series runs on the driver it came with, which may be older than the series' floor.
    return shipped if shipped is not None and shipped < lowest else lowest


def driver_for_jit(cuda: Version, *, windows: bool = False) -> Version | None:
    """The driver that also compiles the PTX which a toolkit makes: the one that its first release brought."""
    drivers = [
        row.windows if windows else row.linux
        for row in rows("cuda_drivers", "shipped", Shipped)
        if (row.toolkit.major, row.toolkit.minor) == (cuda.major, cuda.minor)
    ]
    return min((driver for driver in drivers if driver is not None), default=None)


def cuda_of_driver(driver: Version, *, windows: bool = False) -> TableAnswer[Version]:
    """The newest CUDA that a driver speaks: that of the newest toolkit which came with it or an older one."""
    table: tuple[Shipped, ...] = rows("cuda_drivers", "shipped", Shipped)
    brought = [(at, row) for row in table if (at := row.windows if windows else row.linux) is not None]
    asked = f"driver {driver}"
    spoken = [row for at, row in brought if at <= driver or (at.major == driver.major and len(driver.numbers) == 1)]
    if not spoken:
        return unknown(asked, "cuda_drivers")
    row = max(spoken, key=lambda each: each.toolkit)
    value = Version(f"{row.toolkit.major}.{row.toolkit.minor}")
    newest = max(at for at, _ in brought)
    # A later branch may have come with a later toolkit, which is in no row yet.
    return newest_row(value, row, asked, newest) if driver.major > newest.major else exact(value, row)


_ARCHITECTURE = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")


def capability_of(architecture: str) -> Version | None:
    """The compute capability that an architecture names: `sm_86` → 8.6; None for other makers' names."""
    found = _ARCHITECTURE.fullmatch(architecture)
    return Version(f"{found[2]}.{found[3]}") if found else None


def runs_on(code: str, device: str) -> bool:
    """Whether device code runs on a device, both named as compilers do: `sm_80` on `sm_86`, `compute_90` on `sm_120`.

    Machine code runs on its own major version from its minor version up; PTX is compiled for anything as new or newer;
    an `a` binds code to exactly one capability, an `f` to its major version.
    """
    made, there = _ARCHITECTURE.fullmatch(code), _ARCHITECTURE.fullmatch(device)
    if made is None or there is None:
        return code == device
    made_for, capability = (int(made[2]), int(made[3])), (int(there[2]), int(there[3]))
    if made[4] == "a":
        return made_for == capability
    if made[1] == "compute" and made[4] == "":
        return made_for <= capability
    return made_for[0] == capability[0] and made_for[1] <= capability[1]


def toolkit_dropped(cuda: Version, architecture: str) -> bool:
    """Whether a toolkit can no longer make code that runs on a device: its capability ended with an earlier series."""
    capability = capability_of(architecture)
    row = next((row for row in _capabilities() if row.capability == capability), None)
    return row is not None and row.last is not None and cuda.major > row.last


def first_toolkit(architecture: str) -> Version | None:
    """The first toolkit that makes code for a device."""
    capability = capability_of(architecture)
    return next((row.first for row in _capabilities() if row.capability == capability), None)


def capability_row(architecture: str) -> Capability | None:
    """The row of a device's capability."""
    capability = capability_of(architecture)
    return next((row for row in _capabilities() if row.capability == capability), None)


def first_for(architecture: str) -> Capability | None:
    """The row of the first toolkit that makes machine code which runs on a device, be it for an older sibling."""
    capability = capability_of(architecture)
    if capability is None:
        return None
    family = [row for row in _capabilities() if row.capability.major == capability.major]
    return min((row for row in family if row.capability <= capability), key=lambda row: row.first, default=None)


def compiler_default(toolkit: Version) -> tuple[str, ...]:
    """What nvcc of a toolkit makes code for by default; empty where that is not known."""
    table = rows("cuda_architectures", "default", Default)
    row = next((row for row in table if row.major == toolkit.major), None)
    return (row.architecture, row.architecture.replace("sm", "compute")) if row else ()


def driver_row(cuda: Version, *, windows: bool = False) -> DriverFloor | Shipped | None:
    """The row that decides about the oldest driver for a CUDA version."""
    required = minimum_driver(cuda, windows=windows)
    floors: tuple[DriverFloor, ...] = rows("cuda_drivers", "floor", DriverFloor)
    floor = next((row for row in floors if row.major == cuda.major), None)
    if floor is not None and required == (floor.windows if windows else floor.linux):
        return floor
    table: tuple[Shipped, ...] = rows("cuda_drivers", "shipped", Shipped)
    return next((row for row in table if required == (row.windows if windows else row.linux)), None)


def driver_that_speaks(cuda: Version) -> Version | None:
    """The branch of the drivers that speak a CUDA version and no newer one: 11.0 → 450."""
    shipped = driver_for_jit(cuda)
    return Version(str(shipped.major)) if shipped is not None else None


def older(driver: Version, required: Version) -> bool:
    """Whether a driver is older than one that is required; a branch alone, `535`, stands for the newest of it."""
    if len(driver.numbers) == 1:
        return driver.major < required.major
    return driver < required


def _capabilities() -> tuple[Capability, ...]:
    return rows("cuda_architectures", "capability", Capability)


_CUDNN_PART = re.compile(r"libcudnn_\w+(\.so\.\d+)")


def library(soname: str) -> CudaLibrary | None:
    """The row of a CUDA library by the name under which it is requested; cuDNN's parts stand for the whole."""
    asked = re.sub(_CUDNN_PART, r"libcudnn\1", soname)
    return next((row for row in rows("cuda_libraries", "library", CudaLibrary) if row.soname == asked), None)

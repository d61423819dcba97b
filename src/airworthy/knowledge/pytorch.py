"""PyTorch's own wheels: which CUDA tags a release has, and the device code inside each."""

from __future__ import annotations

import re

from airworthy.core.version import Version
from airworthy.knowledge.tables import Row, rows


class TorchWheel(Row, frozen=True):
    """One build of a release for Linux on x86_64."""

    release: Version
    """Major and minor version, `2.8`."""
    tag: str
    """The local version and the index's name, `cu128`."""
    architectures: tuple[str, ...]
    """The device code inside: `sm_90`, `compute_120` for PTX."""

    @property
    def cuda(self) -> Version:
        """The CUDA version of the tag: `cu128` → 12.8."""
        digits = self.tag.removeprefix("cu")
        return Version(f"{digits[:-1]}.{digits[-1]}")

    @property
    def index(self) -> str:
        """The index that pip finds it at."""
        return f"https://download.pytorch.org/whl/{self.tag}"


def wheels() -> tuple[TorchWheel, ...]:
    """All wheels that are known, newest release first, the newest CUDA first within one."""
    known = rows("torch_wheels", "wheel", TorchWheel)
    return tuple(sorted(known, key=lambda row: (row.release, row.cuda), reverse=True))


def architectures(version: Version, cuda: Version) -> tuple[str, ...]:
    """The device code in the wheel of a release for a CUDA version; empty where that is not known."""
    release = (version.major, version.minor)
    return next(
        (
            row.architectures
            for row in wheels()
            if (row.release.major, row.release.minor) == release
            and (row.cuda.major, row.cuda.minor) == (cuda.major, cuda.minor)
        ),
        (),
    )


def wheel(version: Version, cuda: Version) -> TorchWheel | None:
    """The wheel of a release for a CUDA version."""
    return next((row for row in of_release(version) if _minor(row.cuda) == _minor(cuda)), None)


def of_release(version: Version) -> tuple[TorchWheel, ...]:
    """All wheels that are known of a release, the newest CUDA first."""
    return tuple(row for row in wheels() if _minor(row.release) == _minor(version))


def cuda_of_tag(tag: str) -> Version | None:
    """The CUDA version of a wheel's tag: `cu128` → 12.8; None for another kind of tag."""
    found = re.fullmatch(r"cu(\d{1,2})(\d)", tag)
    return Version(f"{found[1]}.{found[2]}") if found else None


def rocm_of_tag(tag: str) -> Version | None:
    """The ROCm version of a wheel's tag: `rocm6.2.4` → 6.2.4; None for another kind of tag."""
    found = re.fullmatch(r"rocm(\d{1,2}(?:\.\d{1,2}){0,2})", tag)
    return Version(found[1]) if found else None


def _minor(version: Version) -> tuple[int, int]:
    return version.major, version.minor

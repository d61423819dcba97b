"""The list of causes: slug → the file that holds it. Append only."""

from __future__ import annotations

from airworthy.causes.interface import Cause
from airworthy.core.registry import Registry

_FAMILIES = {
    "host": ("cpu-only-build", "disk-full", "driver-too-old", "no-kernel-image", "port-in-use"),
    "linker": ("cuda-library-missing", "glibc-too-old"),
    "dependencies": ("numpy-abi",),
    "artifact": ("file-corrupt", "format-version-unsupported", "lfs-pointer", "unsafe-pickle"),
}

CAUSES: Registry[Cause] = Registry(
    "cause",
    {
        slug: f"airworthy.causes.{family}.{slug.replace('-', '_')}:CAUSE"
        for family, slugs in _FAMILIES.items()
        for slug in slugs
    },
    group="airworthy.causes",
)
"""All causes by slug."""

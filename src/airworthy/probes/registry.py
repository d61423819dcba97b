"""The list of probes that `facts` and `check` run."""

from __future__ import annotations

from airworthy.core.registry import Registry
from airworthy.probes.interface import Probe

_ROOMS: dict[str, tuple[str, ...]] = {
    "host": ("cpu", "memory", "tuning", "disks", "operating-system", "limits", "access", "container"),
    "accelerators": (
        "pci",
        "nvidia",
        "nvidia-health",
        "amd",
        "ascend",
        "cambricon",
        "mthreads",
        "iluvatar",
        "hygon",
        "metax",
        "kunlunxin",
        "sophgo",
        "enflame",
        "intel",
        "apple",
        "cuda-toolkit",
    ),
    "python": ("environment", "distributions", "frameworks", "numpy-uses", "installation", "hidden-modules"),
    "linker": ("binaries", "libraries", "libstdcxx", "shadows", "link-faults"),
}
"""The files of each room that hold a probe; a probe has the name of its file, but for the interpreter's."""

_NAMES = {"environment": "python-environment"}

PROBES: Registry[Probe] = Registry(
    "probe",
    {
        _NAMES.get(name, name): f"airworthy.probes.{room}.{name.replace('-', '_')}:PROBE"
        for room, names in _ROOMS.items()
        for name in names
    },
    group="airworthy.probes",
)
"""All probes by name."""

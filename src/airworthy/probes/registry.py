"""The list of probes that `facts` and `check` run."""

from __future__ import annotations

from airworthy.core.registry import Registry
from airworthy.probes.interface import Probe

_NAMES = (
    "cpu",
    "memory",
    "tuning",
    "disks",
    "operating-system",
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
    "python-environment",
    "distributions",
    "frameworks",
    "binaries",
    "libraries",
    "numpy-uses",
    "limits",
    "access",
    "container",
    "libstdcxx",
    "shadows",
    "link-faults",
    "installation",
    "hidden-modules",
)

PROBES: Registry[Probe] = Registry(
    "probe",
    {name: f"airworthy.probes.{name.replace('-', '_')}:PROBE" for name in _NAMES},
    group="airworthy.probes",
)
"""All probes by name."""

"""The compound values that facts hold: devices, disks, distributions, libraries. Plain, frozen data.

Sizes are in bytes, times in seconds, paths absolute.
"""

from airworthy.core.values.base import Value
from airworthy.core.values.battery import DeviceTrial, TriedDevice
from airworthy.core.values.devices import Device, DeviceHealth, NumaNode, PciDevice, Xid
from airworthy.core.values.host import Access, Disk, Endpoint, StorageSpeed
from airworthy.core.values.linker import Binary, LinkFault, Shadow, SharedLibrary
from airworthy.core.values.model import (
    AttentionCache,
    Defect,
    EmbeddedCode,
    FormatVersion,
    LfsPointer,
    Misnamed,
    ModelConfiguration,
    ModelShape,
    ModelSignature,
    OperatorGap,
    PickleImport,
    WeightFault,
)
from airworthy.core.values.plan import Policy, Requirements
from airworthy.core.values.python import Damage, Distribution, FrameworkBuild, HiddenModule, NumpyUse

__all__ = [
    "Access",
    "AttentionCache",
    "Binary",
    "Damage",
    "Defect",
    "Device",
    "DeviceHealth",
    "DeviceTrial",
    "Disk",
    "Distribution",
    "EmbeddedCode",
    "Endpoint",
    "FormatVersion",
    "FrameworkBuild",
    "HiddenModule",
    "LfsPointer",
    "LinkFault",
    "Misnamed",
    "ModelConfiguration",
    "ModelShape",
    "ModelSignature",
    "NumaNode",
    "NumpyUse",
    "OperatorGap",
    "PciDevice",
    "PickleImport",
    "Policy",
    "Requirements",
    "Shadow",
    "SharedLibrary",
    "StorageSpeed",
    "TriedDevice",
    "Value",
    "WeightFault",
    "Xid",
]

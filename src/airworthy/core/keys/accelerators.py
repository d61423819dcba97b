"""Facts of the accelerators: devices, drivers and toolkits of each maker."""

from __future__ import annotations

from airworthy.core.keys.key import Key
from airworthy.core.keys.key import on_host as _host
from airworthy.core.values import Device, DeviceHealth, PciDevice, Xid
from airworthy.core.version import Version

CUDA_TOOLKIT = _host("cuda.toolkit", Version, "Version of the CUDA toolkit that extensions are compiled with.")

PCI_DEVICES = _host("pci.devices", tuple[PciDevice, ...], "Accelerators and display devices on the PCI bus.")

NVIDIA_DRIVER = _host("nvidia.driver", Version, "Version of the loaded NVIDIA kernel driver; absent without a device.")
NVIDIA_CUDA = _host("nvidia.cuda", Version, "The newest CUDA that the NVIDIA driver speaks; absent without a device.")
NVIDIA_DEVICES = _host("nvidia.devices", tuple[Device, ...], "NVIDIA devices with memory and compute capability.")
NVIDIA_HEALTH = _host(
    "nvidia.health", tuple[DeviceHealth, ...], "State of each NVIDIA device: ECC, throttling, MIG, persistence."
)
NVIDIA_XIDS = _host("nvidia.xids", tuple[Xid, ...], "Errors of NVIDIA devices in the kernel's log, the newest last.")
AMD_DEVICES = _host("amd.devices", tuple[Device, ...], "AMD devices with memory and gfx target.")
AMD_DRIVER = _host("amd.driver", Version, "Version of the amdgpu kernel driver; absent where it is the kernel's own.")
ROCM_VERSION = _host("rocm.version", Version, "Installed ROCm user space; absent without it.")
AMD_GFX_OVERRIDE = _host("amd.gfx_override", str, "`HSA_OVERRIDE_GFX_VERSION`, `10.3.0`; absent where it is not set.")

ASCEND_DEVICES = _host("ascend.devices", tuple[Device, ...], "Huawei Ascend devices.")
ASCEND_DRIVER = _host("ascend.driver", Version, "Version of the Ascend driver.")
ASCEND_CANN = _host("ascend.cann", Version, "Installed CANN toolkit, `8.2.RC1`; absent without it.")
ASCEND_NNAL = _host("ascend.nnal", Version, "Installed NNAL (the ATB library); absent without it.")
ASCEND_NNAL_ABI = _host("ascend.nnal_abi", int, "The C++ ABI (0 or 1) of the NNAL that the environment points to.")


def _vendor(name: str, maker: str, sdk: str) -> tuple[Key[tuple[Device, ...]], Key[Version], Key[Version]]:
    return (
        _host(f"{name}.devices", tuple[Device, ...], f"{maker} devices."),
        _host(f"{name}.driver", Version, f"Version of the {maker} driver."),
        _host(f"{name}.sdk", Version, f"Version of {sdk}, as the management tool reports it."),
    )


CAMBRICON_DEVICES, CAMBRICON_DRIVER, CAMBRICON_SDK = _vendor("cambricon", "Cambricon", "the Neuware toolkit")
MTHREADS_DEVICES, MTHREADS_DRIVER, MTHREADS_SDK = _vendor("mthreads", "Moore Threads", "MUSA")
ILUVATAR_DEVICES, ILUVATAR_DRIVER, ILUVATAR_SDK = _vendor("iluvatar", "Iluvatar", "the CUDA that CoreX speaks")
HYGON_DEVICES, HYGON_DRIVER, HYGON_SDK = _vendor("hygon", "Hygon DCU", "DTK")
METAX_DEVICES, METAX_DRIVER, METAX_SDK = _vendor("metax", "MetaX", "MACA")
KUNLUNXIN_DEVICES, KUNLUNXIN_DRIVER, KUNLUNXIN_SDK = _vendor("kunlunxin", "Kunlunxin", "XRE")
SOPHGO_DEVICES, SOPHGO_DRIVER, SOPHGO_SDK = _vendor("sophgo", "Sophgo", "libsophon")
ENFLAME_DEVICES, ENFLAME_DRIVER, ENFLAME_SDK = _vendor("enflame", "Enflame", "TopsRider")
INTEL_DEVICES, INTEL_DRIVER, INTEL_SDK = _vendor("intel", "Intel", "Level Zero")
APPLE_DEVICES = _host("apple.devices", tuple[Device, ...], "The GPU of an Apple chip; its memory is the machine's.")

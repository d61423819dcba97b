"""What the probes say of each recorded machine."""

from __future__ import annotations

from typing import Any

import pytest

from airworthy.core import keys
from airworthy.core.facts import Absent, Facts, Known, Unknown
from airworthy.core.keys import Key
from airworthy.core.version import Version
from airworthy.probes.registry import PROBES
from airworthy.probes.runner import gather
from recorded_hosts import NAMES, host

MIB = 1 << 20
GIB = 1 << 30

KNOWN: dict[str, dict[Key[Any], Any]] = {
    "h100-server": {
        keys.CPU_MODEL: "Intel(R) Xeon(R) Platinum 8480C",
        keys.CPU_CORES: 224,
        keys.CPU_AFFINITY: 224,
        keys.OS_NAME: "Ubuntu 22.04.4 LTS",
        keys.LIBC_NAME: "glibc",
        keys.LIBC_VERSION: Version("2.35"),
        keys.NVIDIA_DRIVER: Version("550.90.07"),
        keys.NVIDIA_CUDA: Version("12.4"),
        keys.PYTHON_PREFIX: "/opt/app",
    },
    "rtx4090-driver-550": {
        keys.NVIDIA_DRIVER: Version("550.120"),
        keys.NVIDIA_CUDA: Version("12.4"),
        keys.LIBC_VERSION: Version("2.39"),
    },
    "container-cgroup-v2": {
        keys.CPU_CORES: 16,
        keys.CPU_QUOTA: 1.5,
        keys.MEMORY_LIMIT: 2 * GIB,
        # 2 GiB less the 300 MiB in use that the kernel cannot give back
        keys.MEMORY_AVAILABLE: 2 * GIB - 300 * MIB,
    },
    "kubernetes-cgroup-v1": {
        keys.CPU_QUOTA: 4.0,
        keys.MEMORY_LIMIT: 8 * GIB,
        keys.MEMORY_AVAILABLE: 6 * GIB,
        keys.OS_KERNEL: "Linux 3.10.0-1160.el7.x86_64",
    },
    "driver-library-mismatch": {keys.NVIDIA_DRIVER: Version("550.90.07")},
    "alpine-musl": {
        keys.CPU_ARCHITECTURE: "aarch64",
        keys.CPU_MODEL: "implementer 0x41, part 0xd0c",
        keys.CPU_CORES: 4,
        keys.LIBC_NAME: "musl",
        keys.LIBC_VERSION: Version("1.2.5"),
        keys.OS_NAME: "Alpine Linux v3.20",
        keys.PCI_DEVICES: (),
    },
    "microvm-debian-12": {
        keys.CPU_MODEL: "AMD EPYC",
        keys.CPU_CORES: 2,
        keys.LIBC_VERSION: Version("2.36"),
        keys.OS_NAME: "Debian GNU/Linux 12 (bookworm)",
        keys.PCI_DEVICES: (),
    },
    "v100-driver-470": {keys.NVIDIA_DRIVER: Version("470.199.02"), keys.NVIDIA_CUDA: Version("11.4")},
    "a100-mig-rhel-9": {keys.NVIDIA_DRIVER: Version("535.183.01"), keys.OS_NAME: "Red Hat Enterprise Linux 9.4 (Plow)"},
    "wsl2-rtx3060-laptop": {keys.NVIDIA_DRIVER: Version("546.80"), keys.NVIDIA_CUDA: Version("12.3")},
    "jetson-agx-orin": {keys.NVIDIA_DRIVER: Version("540.4.0"), keys.CPU_ARCHITECTURE: "aarch64"},
    "gh200-grace": {keys.NVIDIA_DRIVER: Version("570.133.20"), keys.CPU_ARCHITECTURE: "aarch64"},
    "mi300x-rocm-6.3": {keys.AMD_DRIVER: Version("6.10.5"), keys.ROCM_VERSION: Version("6.3.1")},
    "rx7900xtx-kernel-driver": {keys.ROCM_VERSION: Version("6.2.4")},
    "ascend-910b-openeuler": {keys.ASCEND_DRIVER: Version("24.1.1"), keys.ASCEND_CANN: Version("8.1.RC1")},
    "cambricon-mlu370": {keys.CAMBRICON_DRIVER: Version("5.10.13")},
    "mthreads-s5000": {keys.MTHREADS_DRIVER: Version("3.3.5")},
    "hygon-k100-ai": {keys.HYGON_DRIVER: Version("6.3.13"), keys.HYGON_SDK: Version("25.04")},
    "graviton-amazon-linux": {keys.CPU_ARCHITECTURE: "aarch64", keys.LIBC_VERSION: Version("2.34")},
    "old-xeon-centos-7": {keys.LIBC_VERSION: Version("2.17"), keys.PYTHON_VERSION: Version("3.8.13")},
    "macos-arm": {keys.CPU_ARCHITECTURE: "aarch64", keys.OS_KERNEL: "Darwin 24.1.0"},
    "windows": {keys.CPU_ARCHITECTURE: "x86_64", keys.OS_KERNEL: "Windows 11"},
}
ABSENT: dict[str, tuple[Key[Any], ...]] = {
    "h100-server": (keys.CPU_QUOTA, keys.MEMORY_LIMIT),
    "laptop-without-gpu": (keys.NVIDIA_DRIVER, keys.NVIDIA_CUDA, keys.NVIDIA_DEVICES),
    "rx7900xtx-kernel-driver": (keys.AMD_DRIVER,),
    "hygon-k100-ai": (keys.AMD_DEVICES, keys.AMD_DRIVER),
    "intel-flex-170": (keys.INTEL_DRIVER, keys.NVIDIA_DEVICES),
    "graviton-amazon-linux": (keys.NVIDIA_DEVICES, keys.AMD_DEVICES, keys.ASCEND_DEVICES),
    "old-xeon-centos-7": (keys.MEMORY_LIMIT, keys.CPU_QUOTA),
    "container-cgroup-v2": (keys.NVIDIA_DRIVER,),
    "alpine-musl": (keys.NVIDIA_DEVICES, keys.CPU_QUOTA),
    "microvm-debian-12": (keys.NVIDIA_DEVICES, keys.CPU_QUOTA, keys.MEMORY_LIMIT),
}
UNKNOWN: dict[str, dict[Key[Any], str]] = {
    "driver-library-mismatch": {
        keys.NVIDIA_CUDA: "Driver/library version mismatch",
        keys.NVIDIA_DEVICES: "Driver/library version mismatch",
        keys.DISTRIBUTIONS: "no interpreter is looked at",
    },
    "nvidia-smi-hangs": {
        keys.NVIDIA_DRIVER: "nvidia-smi did not end within 8.0 s",
        keys.NVIDIA_CUDA: "nvidia-smi did not end within 8.0 s",
        keys.NVIDIA_DEVICES: "nvidia-smi did not end within 8.0 s",
    },
    "nouveau-without-driver": {
        keys.NVIDIA_DRIVER: "couldn't communicate with the NVIDIA driver",
        keys.NVIDIA_DEVICES: "driven by nouveau",
    },
    "macos-arm": {
        keys.CPU_MODEL: "on Darwin this is not read yet",
        keys.MEMORY_TOTAL: "on Darwin",
        keys.PCI_DEVICES: "on Darwin",
        keys.BINARIES: "on Darwin",
        keys.NVIDIA_DRIVER: "nvidia-smi is not installed",
    },
    "windows": {keys.CPU_QUOTA: "on Windows", keys.LIBC_NAME: "on Windows", keys.OS_NAME: "on Windows"},
}


def facts_of(name: str) -> Facts:
    return gather(host(name), PROBES, strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_facts_of_recorded_host(name: str) -> None:
    facts = facts_of(name)
    for key, value in KNOWN.get(name, {}).items():
        fact = facts.fact(key)
        assert isinstance(fact, Known), (key, fact)
        assert fact.value == value, key
    for key in ABSENT.get(name, ()):
        assert isinstance(facts.fact(key), Absent), (key, facts.fact(key))
    for key, reason in UNKNOWN.get(name, {}).items():
        fact = facts.fact(key)
        assert isinstance(fact, Unknown), (key, fact)
        assert reason in fact.reason
    assert name in KNOWN.keys() | ABSENT.keys() | UNKNOWN.keys(), "a recording that nothing is expected of"


def test_h100_server_in_detail() -> None:
    facts = facts_of("h100-server")
    devices = facts.value(keys.NVIDIA_DEVICES)
    assert len(devices) == 8
    assert {device.architecture for device in devices} == {"sm_90"}
    assert devices[7].index == 7
    assert devices[0].memory == 85520809984
    pci = facts.value(keys.PCI_DEVICES)
    assert len(pci) == 9, "the NVSwitch is a bridge, the board's own display is not"
    assert {device.driver for device in pci} == {"nvidia", "ast"}
    assert "amx_tile" in facts.value(keys.CPU_INSTRUCTIONS)
    (torch,) = facts.value(keys.FRAMEWORKS)
    assert (torch.accelerator, torch.runtime) == ("cuda", Version("12.4"))
    assert torch.architectures == ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
    libraries = {library.soname: library for library in facts.value(keys.LIBRARIES)}
    assert libraries["libcublasLt.so.12"].found_by == "wheel"
    names = {package.name for package in facts.value(keys.DISTRIBUTIONS)}
    assert names == {"torch", "nvidia-cublas-cu12", "filelock"}
    torch_package = next(p for p in facts.value(keys.DISTRIBUTIONS) if p.name == "torch")
    assert len(torch_package.requires) == 2, "requirements of extras are left out"


def test_workstation_in_detail() -> None:
    facts = facts_of("rtx4090-driver-550")
    (device,) = facts.value(keys.NVIDIA_DEVICES)
    assert device.name == "NVIDIA GeForce RTX 4090"
    assert (device.memory, device.memory_free) == (24564 * MIB, 23215 * MIB)
    assert device.architecture == "sm_89"
    builds = {build.name: build for build in facts.value(keys.FRAMEWORKS)}
    assert builds["onnxruntime"].accelerator == "cpu"
    assert builds["onnxruntime"].runtime is None
    assert (builds["onnxruntime-gpu"].accelerator, builds["onnxruntime-gpu"].runtime) == ("cuda", Version("12.2"))


def test_laptop_in_detail() -> None:
    facts = facts_of("laptop-without-gpu")
    fact = facts.fact(keys.DISTRIBUTIONS)
    assert isinstance(fact, Known)
    assert {(p.name, p.version.text) for p in fact.value} == {
        ("torch", "2.6.0+cpu"),
        ("numpy", "2.2.1"),
        ("broken-thing", "0.3"),
    }
    assert "1 not readable: nothing.dist-info" in fact.source
    (torch,) = facts.value(keys.FRAMEWORKS)
    assert torch.accelerator == "cpu"
    assert {disk.use for disk in facts.value(keys.DISKS)} == {"work", "temp", "home", "shm"}
    assert facts.value(keys.DISKS)[0].inodes_free is None


def test_pod_with_a_read_only_root() -> None:
    disks = {disk.use: disk for disk in facts_of("kubernetes-cgroup-v1").value(keys.DISKS)}
    assert disks["work"].read_only
    assert not disks["temp"].read_only
    assert disks["shm"].total == 64 * MIB


def test_recorded_machine_keeps_its_binaries() -> None:
    facts = facts_of("microvm-debian-12")
    binaries = {binary.distribution: binary for binary in facts.value(keys.BINARIES)}
    assert set(binaries) == {"markupsafe", "msgspec"}
    assert all(binary.machine == "x86_64" and binary.glibc and not binary.missing for binary in binaries.values())
    assert {(library.soname, library.found_by) for library in facts.value(keys.LIBRARIES)} == {
        ("libcudart.so.13", "ld.so.cache"),
        ("libcupti.so.13", "ld.so.cache"),
    }


DEVICES: dict[str, tuple[Key[Any], str, int, int | None, str]] = {
    "v100-driver-470": (keys.NVIDIA_DEVICES, "Tesla V100-SXM2-32GB", 4, 32510 * MIB, "sm_70"),
    "a100-mig-rhel-9": (keys.NVIDIA_DEVICES, "NVIDIA A100-SXM4-80GB", 2, 81920 * MIB, "sm_80"),
    "wsl2-rtx3060-laptop": (keys.NVIDIA_DEVICES, "NVIDIA GeForce RTX 3060 Laptop GPU", 1, 6144 * MIB, "sm_86"),
    "jetson-agx-orin": (keys.NVIDIA_DEVICES, "Orin (nvgpu)", 1, None, "sm_87"),
    "gh200-grace": (keys.NVIDIA_DEVICES, "NVIDIA GH200 480GB", 1, 97871 * MIB, "sm_90"),
    "mi300x-rocm-6.3": (keys.AMD_DEVICES, "ip discovery", 2, 206141652992, "gfx942"),
    "rx7900xtx-kernel-driver": (keys.AMD_DEVICES, "navi31", 1, 25753026560, "gfx1100"),
    "ascend-910b-openeuler": (keys.ASCEND_DEVICES, "Ascend 910B4", 2, 32768 * MIB, ""),
    "cambricon-mlu370": (keys.CAMBRICON_DEVICES, "MLU370-X8", 2, 23374 * MIB, ""),
    "mthreads-s5000": (keys.MTHREADS_DEVICES, "MTT S5000", 2, 81920 * MIB, ""),
    "hygon-k100-ai": (keys.HYGON_DEVICES, "K100_AI", 2, 65520 * MIB, ""),
    "intel-flex-170": (keys.INTEL_DEVICES, "Intel(R) Data Center GPU Flex 170", 1, 17078845440, ""),
}


@pytest.mark.parametrize("name", DEVICES)
def test_devices_of_recorded_host(name: str) -> None:
    key, model, count, memory, architecture = DEVICES[name]
    devices = facts_of(name).value(key)
    assert {(each.name, each.memory, each.architecture) for each in devices} == {(model, memory, architecture)}
    assert len(devices) == count


@pytest.mark.parametrize("name", ["v100-driver-470", "gh200-grace", "mi300x-rocm-6.3", "rx7900xtx-kernel-driver"])
def test_code_of_the_framework_on_recorded_host(name: str) -> None:
    (torch,) = facts_of(name).value(keys.FRAMEWORKS)
    assert DEVICES[name][4] in torch.architectures

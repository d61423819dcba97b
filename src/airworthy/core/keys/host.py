"""Facts of the machine: processor, memory, disks, limits, system."""

from __future__ import annotations

from airworthy.core.keys.key import on_host as _host
from airworthy.core.values import Access, Disk, NumaNode
from airworthy.core.version import Version

CPU_MODEL = _host("cpu.model", str, "The processor's own name.")
CPU_ARCHITECTURE = _host("cpu.architecture", str, "Instruction set architecture, `x86_64` or `aarch64`.")
CPU_CORES = _host("cpu.cores", int, "Logical cores that the kernel shows.")
CPU_AFFINITY = _host("cpu.affinity", int, "Logical cores that this process may run on.")
CPU_QUOTA = _host("cpu.quota", float, "Cores' worth of time that the cgroup allows; absent without a quota.")
CPU_INSTRUCTIONS = _host("cpu.instructions", tuple[str, ...], "Instruction set extensions, `avx2`, `amx_tile`.")

MEMORY_TOTAL = _host("memory.total", int, "Physical memory in bytes.")
MEMORY_AVAILABLE = _host("memory.available", int, "Memory that a new process can have without swapping, in bytes.")
CPU_GOVERNOR = _host("cpu.governor", str, "How the kernel sets the clock, `performance`; absent without such control.")
NUMA_NODES = _host("numa.nodes", tuple[NumaNode, ...], "Nodes of main memory, each with the cores near it.")

MEMORY_LIMIT = _host("memory.limit", int, "The cgroup's memory limit in bytes; absent without one.")

MEMORY_SWAP = _host("memory.swap", int, "Swap space in bytes; absent without any.")
MEMORY_SWAP_FREE = _host("memory.swap_free", int, "The part of the swap space that no process holds, in bytes.")
MEMORY_HUGE_PAGES = _host("memory.huge_pages", int, "Reserved huge pages in bytes; absent without any.")
MEMORY_TRANSPARENT_HUGE_PAGES = _host(
    "memory.transparent_huge_pages", str, "When the kernel uses huge pages by itself: `always`, `madvise`, `never`."
)

KERNEL_MAP_COUNT = _host("kernel.map_count", int, "Memory mappings that a process may have (`vm.max_map_count`).")
KERNEL_OVERCOMMIT = _host(
    "kernel.overcommit", int, "`vm.overcommit_memory`: 0 by guess, 1 always, 2 never more than there is."
)
CLOCK_SOURCE = _host("clock.source", str, "The kernel's clock source, `tsc`.")
CLOCK_SYNCHRONISED = _host("clock.synchronised", bool, "Whether the clock is kept in step with a time server.")

DISKS = _host("disks", tuple[Disk, ...], "Room at the places that a deployment writes to.")

LIMIT_FILES = _host("limits.files", int, "Files that a process may hold open, the soft limit; absent without one.")
LIMIT_FILES_HARD = _host("limits.files_hard", int, "How far a process may raise that limit; absent without one.")
LIMIT_PROCESSES = _host("limits.processes", int, "Processes and threads of this user, the soft limit; absent without.")
LIMIT_LOCKED = _host("limits.locked_memory", int, "Bytes that a process may lock in memory; absent without a limit.")

ACCESS_PLACES = _host("access.places", tuple[Access, ...], "What this user may do where a deployment writes.")
ACCESS_DEVICES = _host(
    "access.devices", tuple[Access, ...], "Device nodes of accelerators, and whether this user may open them."
)
CUDA_VISIBLE = _host("visible.cuda", str, "`CUDA_VISIBLE_DEVICES`; absent where it is not set.")

CONTAINER_ENGINE = _host("container.engine", str, "What runs this container, `docker`; absent outside of one.")
CONTAINER_GPU_SUPPORT = _host(
    "container.gpu_support",
    tuple[str, ...],
    "What hands GPUs to containers here, `cdi`; empty where an engine is there and nothing does; absent without one.",
)
CONTAINER_VISIBLE = _host(
    "container.nvidia_visible", str, "`NVIDIA_VISIBLE_DEVICES` of the container or image; absent where it is not set."
)
CONTAINER_REQUIRE = _host(
    "container.nvidia_require", str, "`NVIDIA_REQUIRE_CUDA` of the container or image; absent where it is not set."
)

OS_NAME = _host("os.name", str, "Distribution and release, `Debian GNU/Linux 12 (bookworm)`.")
OS_KERNEL = _host("os.kernel", str, "Kernel name and release, `Linux 6.1.0`.")
LIBC_NAME = _host("libc.name", str, "`glibc` or `musl`.")
LIBC_VERSION = _host("libc.version", Version, "Version of the C library.")

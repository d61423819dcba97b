"""Every fact that exists: its name, its type, what it means. The reference page of facts is made from this file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from airworthy.core.values import (
    Access,
    AttentionCache,
    Binary,
    Damage,
    Defect,
    Device,
    DeviceHealth,
    DeviceTrial,
    Disk,
    Distribution,
    EmbeddedCode,
    Endpoint,
    FormatVersion,
    FrameworkBuild,
    HiddenModule,
    LfsPointer,
    LinkFault,
    Misnamed,
    ModelConfiguration,
    ModelShape,
    ModelSignature,
    NumaNode,
    NumpyUse,
    OperatorGap,
    PciDevice,
    PickleImport,
    Policy,
    Requirements,
    Shadow,
    SharedLibrary,
    StorageSpeed,
    TriedDevice,
    WeightFault,
    Xid,
)
from airworthy.core.version import Version

T = TypeVar("T")


class Area(str, Enum):
    """What a fact is about; a check is asked only when the areas it needs are in question."""

    HOST = "host"
    """The machine."""
    ENVIRONMENT = "environment"
    """The Python environment."""
    MODEL = "model"
    """The model file or folder."""
    WEIGHTS = "weights"
    """The numbers in a model's files, which are read only when asked for."""
    OPERATORS = "operators"
    """A model's operators checked on targets, which is done only on request."""
    TARGET = "target"
    """What is to be started: address, engine."""
    BATTERY = "battery"
    """How devices did in the battery of `check --probe`, which is run only when asked for."""
    PLAN = "plan"
    """What is meant to be installed and run, and is not there to be inspected."""
    SETTINGS = "settings"
    """What the settings ask of a machine."""


KEYS: dict[str, Key[Any]] = {}
"""All keys by name."""


@dataclass(frozen=True, eq=False)
class Key(Generic[T]):
    """The name and type of one fact."""

    name: str
    """Dotted and lower case, `nvidia.driver`."""
    type: Any
    """The Python type of its value, as msgspec reads it from JSON."""
    area: Area
    """What it is about."""
    doc: str
    """One sentence, with the unit."""

    def __post_init__(self) -> None:
        if self.name in KEYS:
            raise ValueError(f"two keys are named {self.name}")
        KEYS[self.name] = self

    def __str__(self) -> str:
        return self.name


def _host(name: str, type_: type[T], doc: str) -> Key[T]:
    return Key(name, type_, Area.HOST, doc)


def _environment(name: str, type_: type[T], doc: str) -> Key[T]:
    return Key(name, type_, Area.ENVIRONMENT, doc)


def _model(name: str, type_: type[T], doc: str) -> Key[T]:
    return Key(name, type_, Area.MODEL, doc)


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

PYTHON_VERSION = _environment("python.version", Version, "Version of the inspected interpreter.")
PYTHON_EXECUTABLE = _environment("python.executable", str, "The interpreter's path.")
PYTHON_PREFIX = _environment("python.prefix", str, "The environment's directory.")
PYTHON_EXTERNALLY_MANAGED = _environment(
    "python.externally_managed", str, "The file by which this Python refuses installs; absent where it takes them."
)
DISTRIBUTIONS = _environment("distributions", tuple[Distribution, ...], "Installed Python packages.")
FRAMEWORKS = _environment(
    "frameworks", tuple[FrameworkBuild, ...], "Installed frameworks and what they were built for."
)
BINARIES = _environment(
    "binaries", tuple[Binary, ...], "Shared objects of installed packages: those with needs worth reporting."
)
LIBRARIES = _environment("libraries", tuple[SharedLibrary, ...], "CUDA and driver libraries as the loader finds them.")
LIBSTDCXX = _environment(
    "libstdcxx.glibcxx",
    Version,
    "The newest `GLIBCXX_x.y.z` of the C++ library that extensions get; absent without.",
)
LIBSTDCXX_ABI = _environment("libstdcxx.cxxabi", Version, "The newest `CXXABI_x.y.z` of that library.")
LOADER_SHADOWED = _environment(
    "loader.shadowed",
    tuple[Shadow, ...],
    "Libraries that the loader takes from elsewhere than their package.",
)
LINK_FAULTS = _environment(
    "loader.faults",
    tuple[LinkFault, ...],
    "Needs of installed shared objects that the loader does not meet.",
)
DISTRIBUTIONS_DAMAGED = _environment(
    "distributions.damaged", tuple[Damage, ...], "Installed packages that lack what their own records list."
)
HIDDEN_MODULES = _environment(
    "python.hidden_modules",
    tuple[HiddenModule, ...],
    "Modules in whose place the working directory has files by the same name.",
)
NUMPY_USES = _environment("numpy.uses", tuple[NumpyUse, ...], "Compiled extensions that use NumPy's C interface.")

MODEL_PATH = _model("model.path", str, "The model file or folder.")
MODEL_FORMAT = _model("model.format", str, "Format by content: `onnx`, `safetensors`, `pytorch`, …")
MODEL_ENTRY_FORMAT = _model("model.entry_format", str, "Format of the file that an engine loads, `onnx` in a folder.")
MODEL_SIZE = _model("model.size", int, "Bytes of all its files.")
MODEL_DEFECTS = _model(
    "model.defects", tuple[Defect, ...], "Where its files disagree with their format; empty when whole."
)
MODEL_LFS_POINTERS = _model("model.lfs_pointers", tuple[LfsPointer, ...], "Git LFS pointers among its files.")
MODEL_PICKLE_IMPORTS = _model(
    "model.pickle_imports", tuple[PickleImport, ...], "Names that its pickles import; empty without pickles."
)
MODEL_CODE = _model(
    "model.code",
    tuple[EmbeddedCode, ...],
    "What in it acts when it is loaded or used, other than a pickle's imports; empty for plain weights.",
)
MODEL_FORMAT_VERSIONS = _model(
    "model.format_versions", tuple[FormatVersion, ...], "Versions that its files demand of a runtime."
)
MODEL_DATATYPES = _model(
    "model.datatypes", tuple[str, ...], "Element types of its weights, the one with most bytes first, `BF16`."
)
MODEL_ATTENTION_HEADS = _model(
    "model.attention_heads", int, "Attention heads of each layer, which tensor parallelism divides; absent without any."
)
MODEL_WEIGHTS = _model(
    "model.weights", int, "Bytes of the weights that an engine loads; absent where none are reported."
)
MODEL_CACHE = _model(
    "model.cache", AttentionCache, "What it keeps of each token; absent for any other model than a text generator."
)
MODEL_SHAPE = _model(
    "model.shape", ModelShape, "Its sizes: blocks, width, vocabulary; absent where nothing reports them."
)
MODEL_CHAT_TEMPLATE = _model(
    "model.chat_template",
    str,
    "The file that holds its chat template; empty for a text generator without one, absent for any other model.",
)
MODEL_MISNAMED = _model(
    "model.misnamed", tuple[Misnamed, ...], "Its files whose suffix names another format than their content."
)
MODEL_SIGNATURE = _model(
    "model.signature", ModelSignature, "The signature that lies with it, and whether it holds; absent without one."
)
MODEL_CONFIGURATION = _model(
    "model.configuration", ModelConfiguration, "What its `config.json` asks for; absent for a model without one."
)

WEIGHT_FAULTS: Key[tuple[WeightFault, ...]] = Key(
    "weights.faults", tuple[WeightFault, ...], Area.WEIGHTS, "What is remarkable in its numbers; empty when sound."
)

OPERATOR_GAPS: Key[tuple[OperatorGap, ...]] = Key(
    "operators.gaps",
    tuple[OperatorGap, ...],
    Area.OPERATORS,
    "What the targets in question lack of its operators; empty when nothing.",
)

TARGET_ENDPOINT: Key[Endpoint] = Key(
    "target.endpoint", Endpoint, Area.TARGET, "The address to listen on, and who is there."
)
TARGET_TENSOR_PARALLEL: Key[int] = Key(
    "target.tensor_parallel", int, Area.TARGET, "The number of devices that each layer is to be divided among."
)


STORAGE: Key[StorageSpeed] = Key(
    "target.storage", StorageSpeed, Area.TARGET, "How fast the storage is that a model is to be loaded from."
)
BATTERY_DEVICES: Key[tuple[TriedDevice, ...]] = Key(
    "battery.devices", tuple[TriedDevice, ...], Area.BATTERY, "Devices that the battery was run on; absent without any."
)
BATTERY_TRIALS: Key[tuple[DeviceTrial, ...]] = Key(
    "battery.trials",
    tuple[DeviceTrial, ...],
    Area.BATTERY,
    "What each test of the battery gave, in the order of the tests.",
)


def _plan(name: str, type_: type[T], doc: str) -> Key[T]:
    return Key(name, type_, Area.PLAN, doc)


PLAN_PACKAGES = _plan(
    "plan.packages", tuple[Distribution, ...], "Packages that are to be installed, with the tags of their wheels."
)
PLAN_SYSTEM = _plan("plan.system", str, "The system that they are for: `linux`, `windows`, `macos`.")
PLAN_INDEXES = _plan("plan.indexes", tuple[str, ...], "Package indexes that they come from, `whl/cu128`.")
PLAN_GROUPS = _plan("plan.groups", tuple[str, ...], "Dependency groups that are installed together.")
PLAN_ACCELERATOR = _plan("plan.accelerator", str, "What the model is to run on: `cuda`, `rocm`, `npu`.")
PLAN_DTYPE = _plan("plan.dtype", str, "The data type that it is to run in, `bfloat16`.")
PLAN_QUANTIZATION = _plan("plan.quantization", str, "How its weights are quantised, `fp8`, `awq`.")
PLAN_WEIGHTS_ONLY = _plan("plan.weights_only", bool, "Whether only the weights are quantised, not the activations.")
PLAN_MODEL = _plan("plan.model", str, "The model by name, where that is all that is known of it.")
PLAN_ATTENTION = _plan("plan.attention", str, "The attention kernels that are requested, `flash-attn`.")
PLAN_ENGINE_BUILT_WITH = _plan("plan.engine_built_with", Version, "The version that a compiled engine was built with.")
PLAN_ROCM_DRIVER = _plan("plan.rocm_driver", Version, "The ROCm release that the amdgpu kernel driver comes from.")
PLAN_LOADER_PATH = _plan("plan.loader_path", str, "`LD_LIBRARY_PATH`; absent where it is not set.")
PLAN_ENVIRONMENT_MANAGER = _plan("plan.environment_manager", str, "What makes the environment: `conda`, `venv`, `uv`.")
PLAN_EXTENSION_TOOLKIT = _plan("plan.extension_toolkit", Version, "The CUDA toolkit that builds an extension.")
PLAN_SYSTEM_TOOLKIT = _plan("plan.system_toolkit", Version, "The CUDA toolkit of the system, which the loader finds.")

REQUIREMENTS: Key[Requirements] = Key(
    "settings.requirements", Requirements, Area.SETTINGS, "What the settings ask a machine to have at least."
)
POLICY: Key[Policy] = Key(
    "settings.policy", Policy, Area.SETTINGS, "Which accelerators and drivers the settings allow."
)

DEVICES: tuple[Key[tuple[Device, ...]], ...] = tuple(k for k in KEYS.values() if k.type == tuple[Device, ...])
"""The accelerators of every maker."""
DRIVERS: tuple[Key[Version], ...] = tuple(k for k in KEYS.values() if k.name.endswith(".driver"))
"""The drivers of every maker."""

"""Every fact that exists: its name, its type, what it means. The reference page of facts is made from this file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from airworthy.core.values import (
    Binary,
    Defect,
    Device,
    Disk,
    Distribution,
    Endpoint,
    FormatVersion,
    FrameworkBuild,
    LfsPointer,
    NumpyUse,
    PciDevice,
    PickleImport,
    SharedLibrary,
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
    TARGET = "target"
    """What is to be started: address, engine."""


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
MEMORY_LIMIT = _host("memory.limit", int, "The cgroup's memory limit in bytes; absent without one.")

DISKS = _host("disks", tuple[Disk, ...], "Room at the places that a deployment writes to.")

OS_NAME = _host("os.name", str, "Distribution and release, `Debian GNU/Linux 12 (bookworm)`.")
OS_KERNEL = _host("os.kernel", str, "Kernel name and release, `Linux 6.1.0`.")
LIBC_NAME = _host("libc.name", str, "`glibc` or `musl`.")
LIBC_VERSION = _host("libc.version", Version, "Version of the C library.")

PCI_DEVICES = _host("pci.devices", tuple[PciDevice, ...], "Accelerators and display devices on the PCI bus.")

NVIDIA_DRIVER = _host("nvidia.driver", Version, "Version of the loaded NVIDIA kernel driver; absent without a device.")
NVIDIA_CUDA = _host("nvidia.cuda", Version, "The newest CUDA that the NVIDIA driver speaks; absent without a device.")
NVIDIA_DEVICES = _host("nvidia.devices", tuple[Device, ...], "NVIDIA devices with memory and compute capability.")

PYTHON_VERSION = _environment("python.version", Version, "Version of the interpreter that is looked at.")
PYTHON_EXECUTABLE = _environment("python.executable", str, "The interpreter's path.")
PYTHON_PREFIX = _environment("python.prefix", str, "The environment's directory.")
DISTRIBUTIONS = _environment("distributions", tuple[Distribution, ...], "Installed Python packages.")
FRAMEWORKS = _environment(
    "frameworks", tuple[FrameworkBuild, ...], "Installed frameworks and what they were built for."
)
BINARIES = _environment(
    "binaries", tuple[Binary, ...], "Shared objects of installed packages: those with needs worth telling."
)
LIBRARIES = _environment("libraries", tuple[SharedLibrary, ...], "CUDA and driver libraries as the loader finds them.")
NUMPY_USES = _environment("numpy.uses", tuple[NumpyUse, ...], "Compiled extensions that use NumPy's C interface.")

MODEL_PATH = _model("model.path", str, "The model file or folder.")
MODEL_FORMAT = _model("model.format", str, "Format by content: `onnx`, `safetensors`, `pytorch`, …")
MODEL_SIZE = _model("model.size", int, "Bytes of all its files.")
MODEL_DEFECTS = _model(
    "model.defects", tuple[Defect, ...], "Where its files disagree with their format; empty when whole."
)
MODEL_LFS_POINTERS = _model("model.lfs_pointers", tuple[LfsPointer, ...], "Git LFS pointers among its files.")
MODEL_PICKLE_IMPORTS = _model(
    "model.pickle_imports", tuple[PickleImport, ...], "Names that its pickles import; empty without pickles."
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
MODEL_CHAT_TEMPLATE = _model(
    "model.chat_template",
    str,
    "The file that holds its chat template; empty for a text generator without one, absent for any other model.",
)

TARGET_ENDPOINT: Key[Endpoint] = Key(
    "target.endpoint", Endpoint, Area.TARGET, "The address to listen on, and who is there."
)
TARGET_DATATYPE: Key[str] = Key(
    "target.datatype", str, Area.TARGET, "The data type that the model is to be run in, as people write it, `bfloat16`."
)
TARGET_TENSOR_PARALLEL: Key[int] = Key(
    "target.tensor_parallel", int, Area.TARGET, "The number of devices that each layer is to be divided among."
)

"""The compound values that facts hold: devices, disks, distributions, libraries. Plain, frozen data.

Sizes are in bytes, times in seconds, paths absolute.
"""

from __future__ import annotations

import msgspec

from airworthy.core.version import Version


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The base of all compound values."""


class Device(Value, frozen=True):
    """An accelerator of this host, or the one that a question is about."""

    vendor: str
    """Its maker, lower case: `nvidia`, `amd`, `ascend`."""
    name: str
    """The marketing name, `NVIDIA H200`."""
    index: int = 0
    """Its number in the maker's own tool."""
    memory: int | None = None
    """Its memory in bytes."""
    memory_free: int | None = None
    """The part of it that nobody holds, in bytes."""
    architecture: str = ""
    """What its binaries are built for: `sm_90`, `gfx1100`."""
    uuid: str = ""
    """The maker's identifier; removed by redaction."""


class DeviceHealth(Value, frozen=True):
    """What a device's own management library says of its state."""

    index: int
    """Its number in the maker's own tool."""
    ecc: str = ""
    """`enabled` or `disabled`; empty where it has none or does not tell."""
    uncorrected: int | None = None
    """Uncorrected memory errors since the driver was loaded."""
    throttled: tuple[str, ...] = ()
    """Why its clocks are held down now, other than for idleness: `hw-thermal`, `sw-power-cap`."""
    mig: str = ""
    """Whether it is partitioned (MIG): `enabled` or `disabled`; empty where it can't be."""
    instances: int | None = None
    """Its MIG instances that programs can use; None where it is not partitioned, or the tool does not tell."""
    persistence: str = ""
    """Whether the driver keeps it initialised without users: `enabled` or `disabled`."""
    compute_mode: str = ""
    """Who may use it: `default`, `exclusive-process`, `prohibited`."""


class Xid(Value, frozen=True):
    """An error that the NVIDIA kernel driver wrote to the kernel's log."""

    address: str
    """The device on the PCI bus, `0000:01:00`."""
    number: int
    """The Xid, 79 for a device that fell off the bus."""
    text: str = ""
    """What the driver added, cut to one line."""


class NumaNode(Value, frozen=True):
    """A node of main memory with the cores near it."""

    index: int
    """Its number."""
    cores: int
    """Logical cores."""
    memory: int
    """Bytes of memory."""


class PciDevice(Value, frozen=True):
    """A device on the PCI bus."""

    address: str
    """Where it sits, `0000:01:00.0`."""
    vendor: str
    """Vendor id, four hexadecimal digits: `10de`."""
    device: str
    """Device id, four hexadecimal digits."""
    kind: str
    """Class code, six hexadecimal digits: `030200` is a 3D controller."""
    driver: str = ""
    """The kernel driver that is bound to it, or empty."""


class Disk(Value, frozen=True):
    """Room at one place of the file system."""

    use: str
    """What the place is for: `work`, `temp`, `home`, `cache`, `shm`."""
    path: str
    """The directory that was asked about."""
    total: int
    """Size of its file system in bytes."""
    free: int
    """Bytes that this user may still write."""
    inodes_free: int | None = None
    """Files that can still be made, where the file system counts them."""
    read_only: bool = False
    """Whether it is mounted read-only."""


class Distribution(Value, frozen=True):
    """A Python package that is installed, as its metadata tells, without importing it."""

    name: str
    """Normalised name, `onnxruntime-gpu`."""
    version: Version
    """Its version."""
    location: str = ""
    """The directory that holds it."""
    requires: tuple[str, ...] = ()
    """Its requirements as written, without those of extras."""
    tags: tuple[str, ...] = ()
    """Wheel tags, `cp311-cp311-manylinux_2_28_x86_64`."""
    requires_python: str = ""
    """The Python versions that it is made for, `>=3.9,<3.13`; empty where it does not say."""


class FrameworkBuild(Value, frozen=True):
    """How an installed framework was built: what decides about devices, beyond its version."""

    name: str
    """The distribution, `torch`, `onnxruntime-gpu`."""
    version: Version
    """Its version, with the local part."""
    accelerator: str
    """What it was built for: `cpu`, `cuda`, `rocm`, `npu`, …"""
    runtime: Version | None = None
    """The CUDA or ROCm version it was built with."""
    architectures: tuple[str, ...] = ()
    """The device code it carries, `sm_80`, `compute_90` (PTX), `gfx1100`; empty when that was not readable."""
    origin: str = ""
    """The file that says so."""
    cudnn: Version | None = None
    """The cuDNN version it was compiled against, where it tells one."""
    compressed: bool = False
    """Whether its device code is packed in the way of CUDA 12.4 and later, which drivers before 550 cannot unpack."""


class Binary(Value, frozen=True):
    """A shared object of an installed distribution, read from its ELF headers."""

    path: str
    """The file."""
    distribution: str = ""
    """The distribution that brought it, or empty."""
    machine: str = ""
    """The architecture it is for, `x86_64`."""
    needed: tuple[str, ...] = ()
    """The sonames that it needs (`DT_NEEDED`)."""
    missing: tuple[str, ...] = ()
    """Those of them that the loader would not find."""
    glibc: Version | None = None
    """The newest `GLIBC_x.y` symbol version that it needs."""
    glibcxx: Version | None = None
    """The newest `GLIBCXX_x.y.z` that it needs of the C++ library that all share; None where it brings its own."""
    cxxabi: Version | None = None
    """The newest `CXXABI_x.y.z` that it needs, likewise."""


class SharedLibrary(Value, frozen=True):
    """A shared library where the loader finds it, or where a copy lies that it would not find."""

    soname: str
    """The name it is asked for, `libcudart.so.12`."""
    path: str
    """The file behind it."""
    found_by: str
    """What led there: `LD_LIBRARY_PATH`, `ld.so.cache`, `default path`; `wheel` for a copy in a Python package, which
    that package loads itself; `outside the loader's path` for one that the loader would not find."""


class Shadow(Value, frozen=True):
    """A library that the loader takes from elsewhere than from the package that was installed for it."""

    soname: str
    """The name it is asked for, `libnvJitLink.so.12`."""
    used: str
    """The file that the loader takes, with links followed."""
    found_by: str
    """What led there: `LD_LIBRARY_PATH`."""
    meant: str
    """The file of the package that was installed for it."""
    meant_by: str = ""
    """That package."""
    binary: str = ""
    """The shared object that asks for it."""
    distribution: str = ""
    """The package that brought the asker."""


class LinkFault(Value, frozen=True):
    """A need of a shared object that the loader does not meet, or meets with what it then refuses."""

    kind: str
    """`missing`: it finds none. `architecture`: what lies there is for another one. `version`: what it takes lacks a
    version symbol."""
    binary: str
    """The shared object that asks."""
    distribution: str
    """The package that brought it."""
    soname: str = ""
    """The name that is asked for, `libssl.so.3`; empty where the asker itself is of another architecture."""
    version: str = ""
    """The first version symbol that is lacking, `OPENSSL_3.2.0`."""
    used: str = ""
    """The file that the loader takes or passes over, with links followed."""
    found_by: str = ""
    """What led to it: `RPATH`, `RUNPATH`, `LD_LIBRARY_PATH`, `ld.so.cache`, `default path`."""
    machine: str = ""
    """The architecture of what lies there."""
    held: str = ""
    """A copy in an installed package that would do, where the loader does not look."""
    held_by: str = ""
    """That package."""


class Damage(Value, frozen=True):
    """What an installed package lacks of what its own records list."""

    kind: str
    """`gone`: nothing of it is there. `files`: some files are not. `cut-short`: a library ends before its last part.
    `metadata`: the description that installers left is not readable, or names no package."""
    distribution: str
    """The package; for `metadata` as far as the folder's name tells."""
    path: str
    """The first of the files, or the description."""
    count: int = 1
    """How many files it is."""
    imported: bool = False
    """Whether importing the package needs one of them."""
    needed_by: str = ""
    """A shared object that asks for one of them; empty where none does."""


class HiddenModule(Value, frozen=True):
    """A file in the working directory that is imported in place of a module by the same name."""

    module: str
    """The name, `random`."""
    path: str
    """The file or package that comes first."""
    hides: str
    """What it hides: a directory of packages, or `the standard library`."""


class Access(Value, frozen=True):
    """What this user may do at one path."""

    use: str
    """What the path is for: `work`, `temp`, `home`, `cache`; `device` for a device node."""
    path: str
    """The path that was asked about."""
    readable: bool
    """Whether this user may read it."""
    writable: bool
    """Whether this user may write to it."""
    mode: str = ""
    """Its permission bits in octal, `0660`."""
    owner: str = ""
    """Its owner: a name for accounts of the system, a number for people's."""
    group: str = ""
    """Its group, `video`, `render`, likewise."""


class NumpyUse(Value, frozen=True):
    """A compiled extension and the NumPy application binary interface it was built for."""

    distribution: str
    """The distribution that holds the extension."""
    version: Version
    """That distribution's version."""
    built_for: str
    """`1` or `2`: the NumPy major version whose interface it can be loaded with; `any` where it takes both."""
    origin: str = ""
    """What says so: the file, or the requirement."""


class Defect(Value, frozen=True):
    """A place where a file disagrees with its own format."""

    member: str
    """The file, or the member inside an archive."""
    kind: str
    """`empty`, `truncated`, `padded`, `header`, `overlap`, `bounds`, `checksum`, `structure`; `missing` for a file that
    another names, `path` for one outside of the model's folder, `error-page` for a saved web page, `bomb` for
    content that unfolds to far more than it takes, `link` for a symbolic link that leads out of the model's folder."""
    detail: str
    """What was expected and what was found, one line."""
    offset: int | None = None
    """The byte where it shows, where there is one."""


class LfsPointer(Value, frozen=True):
    """A Git LFS pointer that lies where a model file should."""

    path: str
    """The file."""
    oid: str
    """SHA-256 of the real content."""
    size: int
    """Size of the real content in bytes."""


class PickleImport(Value, frozen=True):
    """A name that a pickle would import if it were loaded."""

    member: str
    """The file, or the member inside an archive."""
    name: str
    """`module.name` as the pickle spells it, `posix.system`; or what made the stream unreadable."""
    allowed: bool
    """Whether it is on the allow-list of names that only hold data."""
    weights_only: bool = True
    """Whether `torch.load(weights_only=True)` takes it as well; told for PyTorch files, true elsewhere."""


class EmbeddedCode(Value, frozen=True):
    """Something in a model that acts when the model is loaded or used, and is not a pickle's import."""

    member: str
    """The file, or the member inside an archive."""
    kind: str
    """`auto-map`: Python beside the weights; `keras-lambda`, `keras-object`: a layer that is code or a foreign class;
    `tf-operator`: an operator that reads or writes files or calls Python; `torchscript`:
    compiled code that does; `chat-template`: a template that asks for more than templates need."""
    name: str
    """What acts: a layer, an operator, `modeling_x.Model`."""
    detail: str
    """What it does, one line."""


class WeightFault(Value, frozen=True):
    """What is remarkable in the numbers of a stored tensor."""

    member: str
    """The file."""
    tensor: str
    """The tensor's name."""
    kind: str
    """`nan`, `infinite`, `zero` and `constant` (all of it), `constant-rows`, `duplicate`, `scale`, `subnormal`; and
    against a reference `absent`, `surplus`, `shape`, `differs`."""
    detail: str
    """What was found, one line."""


class OperatorGap(Value, frozen=True):
    """An operator of a model that a target lacks."""

    target: str
    """The target, `cuda`."""
    operator: str
    """The operator, with its set where that is not the standard one: `com.microsoft:Gelu`, `aten::linear`; empty for
    what is about the whole graph."""
    opset: int
    """The operator set in which it took the form in use; 0 where that is not known or there are none."""
    types: tuple[str, ...]
    """The element types that it is used with."""
    nodes: int
    """How many nodes use it so."""
    share: float
    """Their share of the model's arithmetic, from 0 to 1."""
    to: str
    """The target that takes it in place of this one; empty where none does and the model can't run."""
    reason: str
    """What the target lacks: `operator`, `type`, `opset`, `domain` (nobody known has the operator), `dispatch` (no
    kernel under its dispatch key), `condition` (it asks more of a node: constant weights, two dimensions), `sizes` (it
    takes fixed sizes alone)."""
    sizes: tuple[str, ...] = ()
    """For `sizes`: the open ones, with what they were taken for, `batch=1`."""
    has_types: tuple[str, ...] = ()
    """The element types that the target has it for."""
    newest: int = 0
    """For `opset`: the newest form of the operator that the target has."""
    earlier: int = 0
    """The newest operator set in which the target has it with these types; 0 where there is none."""
    made_of_others: bool = False
    """Whether its definition is made of other operators."""


class Misnamed(Value, frozen=True):
    """A file whose suffix names another format than its content."""

    member: str
    """The file, relative to the model's folder."""
    suffix: str
    """Its suffix, `.safetensors`."""
    content: str
    """What it holds, by its first bytes: `GGUF`, `HDF5`, `safetensors`, `a ZIP archive`, `a pickle`."""


class ModelSignature(Value, frozen=True):
    """The signature of a model, and whether it holds."""

    path: str
    """The file."""
    state: str
    """`unproven` where nobody was named who is trusted, `valid`, `invalid`, or `missing` where one is asked for."""
    kind: str = ""
    """For one that does not hold, the code of the reason: `signed-file-changed`, `signature-other-key`."""
    detail: str = ""
    """That reason, one line."""
    signer: str = ""
    """For one that holds, who signed: the subject of a certificate, or the hash of a public key."""


class ModelConfiguration(Value, frozen=True):
    """What a Hugging Face folder's `config.json` asks of the program that loads it, and the tokenizer beside it."""

    model_type: str = ""
    """The name of its architecture in transformers, `qwen3_moe`."""
    architectures: tuple[str, ...] = ()
    """The classes that it is loaded as, `Qwen3MoeForCausalLM`."""
    transformers: Version | None = None
    """The version of transformers that wrote it."""
    remote_code: tuple[str, ...] = ()
    """The classes that it defines in code of its own, `modeling_chatglm.ChatGLMModel`."""
    quantization: str = ""
    """The method that its weights are quantised with, `gptq`; empty where they are not."""
    tokenizer_files: tuple[str, ...] = ()
    """The files beside it that a tokenizer is made of."""


class AttentionCache(Value, frozen=True):
    """What a text generator keeps of each token that it has seen, by the layers that look back."""

    layers: int
    """Layers that look back at the whole context."""
    heads: int
    """Key and value heads of each."""
    head_size: int
    """Numbers in a key, and in a value, of a head."""
    windowed: int = 0
    """Layers that look back at the newest tokens only."""
    window: int = 0
    """How many tokens those see."""
    latent: int = 0
    """Numbers that are kept of a token in place of keys and values (MLA); 0 where those are kept."""
    longest: int = 0
    """The longest context that the model was made for, in tokens; 0 where that is not told."""


class FormatVersion(Value, frozen=True):
    """A version that a model file demands of the runtime that reads it."""

    kind: str
    """What is counted: `onnx-ir`, `onnx-opset`, `gguf`, `safetensors`."""
    domain: str = ""
    """The operator domain for opsets, empty for the standard one."""
    version: int = 0
    """The number in the file."""


class Endpoint(Value, frozen=True):
    """An address that a service is to listen on, and what is there now."""

    host: str
    """The address."""
    port: int
    """The TCP port."""
    state: str
    """`free`, `in-use`, `forbidden` (a privileged port), or `unavailable` (no such address here)."""
    holder: str = ""
    """The process that holds it, `nginx (pid 812)`, where it can be told."""


class Requirements(Value, frozen=True):
    """What a machine must have at least, as the settings say; 0 and None ask for nothing."""

    cores: int = 0
    """Processors that may be used."""
    memory: int = 0
    """Bytes of memory that may be used."""
    disk: int = 0
    """Bytes free where the work is done."""
    devices: int = 0
    """Accelerators."""
    device_memory: int = 0
    """Bytes of memory of the accelerator that has most."""
    storage_read: int = 0
    """Bytes a second that are read in order from the model's storage."""
    storage_writes: int = 0
    """Random writes a second to the model's storage."""
    capability: Version | None = None
    """Compute capability of the newest NVIDIA device."""
    driver: Version | None = None
    """NVIDIA driver."""
    python: Version | None = None
    """Interpreter."""


class Policy(Value, frozen=True):
    """What a machine may have, as the settings say; an empty list allows everything."""

    accelerators: tuple[str, ...] = ()
    """Makers, names, parts of names (`H100`) or architectures (`sm_90`) of accelerators."""
    drivers: tuple[str, ...] = ()
    """Versions of drivers: `535`, `>=550`, `ascend 24.1`."""


class StorageSpeed(Value, frozen=True):
    """How fast a folder's storage was just now, past the system's cache where that was possible."""

    path: str
    """The folder."""
    read: int
    """Bytes a second, read in order."""
    writes: int
    """Writes of 4 KiB a second, at random places, each on the disk before the next."""
    by: str
    """What measured it: `fio` or `airworthy`."""
    cached: bool = False
    """Whether the system's cache could not be passed by, so that the disk may be slower."""


class TriedDevice(Value, frozen=True):
    """A device that the battery of `check --probe` was run on, or was to be."""

    framework: str
    """What ran it: `torch` or `onnxruntime`."""
    device: str
    """What the framework calls it: `cpu`, `cuda:0`, `CUDAExecutionProvider:0`; `accelerators` where looking for them
    failed."""
    name: str = ""
    """Its marketing name, where the framework tells."""
    kind: str = ""
    """Its type: `cpu`, `cuda`, `rocm`, `npu`, or the execution provider."""
    version: str = ""
    """The framework's version."""
    overhead: float = 0.0
    """Seconds that it takes to start a kernel and see it end."""
    load: float = 0.0
    """The share of this machine's processors that other programs used in the minute before."""
    seconds: float = 0.0
    """Seconds that its battery took in all."""
    problem: str = ""
    """Why there is no result at all; empty where there are."""


class Trial(Value, frozen=True):
    """One test of the battery: an operation in a data type on a device."""

    framework: str
    """What ran it: `torch` or `onnxruntime`."""
    device: str
    """What the framework calls the device."""
    operation: str
    """`allocate`, `copy`, `host-to-device`, `device-to-host`, `matmul`, `convolution`, `layer-norm`, `softmax`,
    `attention`."""
    dtype: str
    """The data type, `bfloat16`; `tf32` for float32 that may be multiplied with ten bits."""
    outcome: str
    """`ok`: it ran; `unsupported`: the framework has no such kernel for the device; `failed`: it raised an error;
    `crashed`: it took its process along; `hung`: it did not end in time; `not-run`: it never came to its turn."""
    variant: str = ""
    """Which kernel, where there are several: `unfused`, `flash`, `efficient`, `cudnn`, `math`, `default`,
    `multi-head`, `onnx-23`."""
    shape: str = ""
    """The size that was run, `512 x 512 x 512`."""
    seconds: float = 0.0
    """Seconds of a run, the median of several."""
    fastest: float = 0.0
    """Seconds of the shortest run."""
    flops: float = 0.0
    """Arithmetic operations of a run."""
    bytes: float = 0.0
    """Bytes that a run has to read and write at the least."""
    error: float = 0.0
    """The largest difference from the float64 reference in units of what the type's rounding allows; above 1 is
    wrong."""
    largest: float = 0.0
    """The largest difference itself."""
    detail: str = ""
    """What was said where it is not `ok`: the error, or how the process ended."""

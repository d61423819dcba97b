"""Every table, asked about something newer than all of its rows, or why it has no such question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from airworthy.core.version import Version
from airworthy.knowledge import (
    architecture_keys,
    ascend,
    builds,
    cuda,
    datatypes,
    devices,
    families,
    format_hardware,
    glibc,
    kernels,
    layer_patterns,
    libraries,
    loaders,
    numpy,
    onnx,
    operators,
    packages,
    precisions,
    published,
    pytorch,
    rocm,
    specifications,
    transformers,
)
from airworthy.knowledge.answers import Basis, TableAnswer, found
from airworthy.knowledge.tables import rows

FAR = Version("999.9")


class Question(NamedTuple):
    """A question from the future."""

    asked: str
    """What it is about."""
    ask: Callable[[], TableAnswer[Any]]
    """Asks the table as the checks do."""
    basis: Basis
    """What the answer has to rest on."""
    shown_by: str
    """What a report says then: the cause and the way in which the basis shows, or why nothing rests on it."""


def _name(table: str, asked: str, ask: Callable[[], Any], shown_by: str) -> Question:
    """A question to a table of names: there is no order, so a new name is unknown."""
    return Question(asked, lambda: found(ask() or None, asked, table), Basis.UNKNOWN, shown_by)


_REMEDY = "only a remedy is worked out of it, and without a row a more general one is shown"
_DESCRIBED = "only a described machine takes it; the fact stays unknown, and its checks are skipped"
QUESTIONS: dict[tuple[str, str], Question] = {
    ("architecture_keys", "family"): _name(
        "architecture_keys",
        "model type llama99",
        lambda: architecture_keys.expected({"model_type": "llama99", "architectures": ["Llama99ForCausalLM"]}),
        "`inspect --keys` ends with: its architecture or a setting of it is in no table",
    ),
    ("architecture_keys", "extra"): _name(
        "architecture_keys",
        "model type qwen99",
        lambda: [
            row for row in rows("architecture_keys", "extra", architecture_keys.Extra) if "qwen99" in row.model_types
        ],
        "asked with the family, which is unknown first",
    ),
    ("ascend", "pair"): _name(
        "ascend", "torch-npu 999.9", lambda: ascend.pairs(FAR), "ascend-version-mismatch is skipped with this reason"
    ),
    ("attention_kernels", "kernel"): _name(
        "attention_kernels",
        "radix-attention-99",
        lambda: kernels.attention("radix-attention-99"),
        "attention-backend-unsupported is skipped: which devices it runs on is not known",
    ),
    ("binary_needs", "need"): _name(
        "binary_needs", "bitsandbytes 999.9", lambda: libraries.binary_needs("bitsandbytes", FAR), _DESCRIBED
    ),
    ("cpu_builds", "cpu"): _name(
        "cpu_builds",
        "torch 999.9 on aarch64",
        lambda: published.cpu_build("torch", FAR, "linux", "aarch64"),
        "the rows are of builds without accelerators and end where those end; " + _DESCRIBED,
    ),
    ("cuda_architectures", "capability"): _name(
        "cuda_architectures",
        "compute capability 99.0",
        lambda: cuda.capability_row("sm_990"),
        "no-kernel-image decides by the code in the build, or is skipped where that is not known",
    ),
    ("cuda_architectures", "default"): _name(
        "cuda_architectures", "nvcc of CUDA 999.9", lambda: cuda.compiler_default(FAR), _DESCRIBED
    ),
    ("cuda_drivers", "floor"): _name(
        "cuda_drivers",
        "CUDA 999.9",
        lambda: cuda.minimum_driver(FAR),
        "driver-too-old and ptx-too-new are skipped: no driver is known for it",
    ),
    ("cuda_drivers", "shipped"): Question(
        "driver 9999.1",
        lambda: cuda.cuda_of_driver(Version("9999.1")),
        Basis.NEWEST_ROW,
        "container-cuda-require passes what the newest row allows, and is skipped with this reason for more",
    ),
    ("cuda_libraries", "library"): _name(
        "cuda_libraries",
        "libcudart.so.99",
        lambda: cuda.library("libcudart.so.99"),
        "system-library-missing names the library without a package",
    ),
    ("datatypes", "datatype"): Question(
        "float2",
        lambda: datatypes.answer("float2"),
        Basis.UNKNOWN,
        "dtype-unsupported is skipped with this reason",
    ),
    ("device_floors", "floor"): Question(
        "vllm 999.9",
        lambda: devices.floor("vllm", FAR),
        Basis.NEWEST_ROW,
        "no-kernel-image says so beside the row in its evidence",
    ),
    ("device_specifications", "device"): _name(
        "device_specifications",
        "NVIDIA Z999",
        lambda: specifications.specification("NVIDIA Z999"),
        "slow-kernels compares the device with its own copies and products alone",
    ),
    ("devices", "device"): _name(
        "devices", "RTX 9999", lambda: devices.models("RTX 9999"), "the device's capability stays unknown"
    ),
    ("format_engines", "engine"): _name(
        "format_engines",
        "format tensorcask",
        lambda: [row for row in rows("format_engines", "engine", loaders.LoaderProgram) if row.format == "tensorcask"],
        "`inspect` names no program that loads it",
    ),
    ("format_engines", "conversion"): _name(
        "format_engines",
        "format tensorcask",
        lambda: [row for row in rows("format_engines", "conversion", loaders.Conversion) if row.format == "tensorcask"],
        "`inspect` names no conversion",
    ),
    ("format_hardware", "support"): _name(
        "format_hardware",
        "engine tensorcask",
        lambda: format_hardware.support("tensorcask", "fp8", "nvidia", "9.0")[1],
        "`fit` names the choice, and says that no source knows a kernel for it",
    ),
    ("layer_patterns", "pattern"): _name(
        "layer_patterns",
        "architecture tensorcask",
        lambda: layer_patterns.window_period("tensorcask"),
        "a window that its file names is taken for that of all layers",
    ),
    ("model_families", "family"): _name(
        "model_families",
        "Tensorcask 7B",
        lambda: families.family_of("Tensorcask-7B"),
        "`fit` assumes a vocabulary between the smallest and the largest, and says so",
    ),
    ("precisions", "precision"): _name(
        "precisions",
        "ZQ9",
        lambda: precisions.precision("ZQ9"),
        "`fit` takes the size of the file, and names no loss of quality",
    ),
    ("framework_floors", "floor"): Question(
        "transformers 999.9",
        lambda: packages.floors("transformers", FAR),
        Basis.NEWEST_ROW,
        "framework-too-old-refused says so beside the row in its evidence",
    ),
    ("glibc", "release"): _name("glibc", "Debian 99", lambda: glibc.release_named("Debian 99"), _DESCRIBED),
    ("gpu_needs", "need"): _name(
        "gpu_needs", "onnxruntime-gpu 999.9", lambda: published.gpu_need("onnxruntime-gpu", FAR), _DESCRIBED
    ),
    ("libstdcxx", "release"): _name(
        "libstdcxx", "GLIBCXX_3.4.999", lambda: libraries.compiler_with(Version("3.4.999")), _REMEDY
    ),
    ("libstdcxx", "system"): _name(
        "libstdcxx", "Ubuntu 99.04", lambda: libraries.glibcxx_of_system("Ubuntu 99.04"), _DESCRIBED
    ),
    ("model_types", "release"): Question(
        "model type llama99",
        lambda: transformers.knows("llama99", Version("5.0")),
        Basis.UNKNOWN,
        "architecture-unknown is skipped with this reason",
    ),
    ("moved_modules", "module"): _name(
        "moved_modules",
        "sklearn.future",
        lambda: packages.moved("sklearn.future"),
        "only modules that moved are in it: another one is where it always was",
    ),
    ("numpy", "package"): _name("numpy", "future-lib", lambda: numpy.first_for_numpy2("future-lib"), _REMEDY),
    ("onnx", "onnxruntime"): Question(
        "onnxruntime 999.9",
        lambda: onnx.ceiling(FAR, "onnx-ir", 999),
        Basis.NEWEST_ROW,
        "format-version-unsupported warns, a guess, with this beside the row; the runtime itself decides at the load",
    ),
    ("python_support", "support"): Question(
        "torch 999.9",
        lambda: published.supported_pythons("torch", FAR),
        Basis.UNKNOWN,
        "no-matching-distribution is skipped with this reason, or says so beside an open-ended row",
    ),
    ("quantised_kernels", "kernel"): Question(
        "fp8 on vllm 999.9",
        lambda: kernels.quantised("vllm", FAR, "fp8"),
        Basis.UNKNOWN,
        "quant-backend-missing is skipped with this reason",
    ),
    ("quantization", "method"): _name(
        "quantization",
        "method bitnet99",
        lambda: transformers.quantisation("bitnet99"),
        "quant-backend-missing is skipped: which package reads it is not in the tables",
    ),
    ("rocm", "wheel"): Question(
        "ROCm 999.9",
        lambda: rocm.architectures(FAR),
        Basis.NEWEST_ROW,
        "rocm-gfx-unsupported warns in place of an error, a guess, with this beside the row",
    ),
    ("rocm", "generic"): _name(
        "rocm",
        "gfx99-generic",
        lambda: rocm.runs_on("gfx99-generic", "gfx9900"),
        "rocm-gfx-unsupported takes code for another target as not running",
    ),
    ("rocm", "override"): _name("rocm", "gfx9999", lambda: rocm.override("gfx9999"), _REMEDY),
    ("rocm_drivers", "driver"): _name(
        "rocm_drivers",
        "ROCm 999.9 on its own driver",
        lambda: rocm.tested(FAR, FAR),
        "driver-too-old is skipped: whether the two go together is not told",
    ),
    ("system_libraries", "library"): _name(
        "system_libraries", "libGL.so.99", lambda: libraries.system_library("libGL.so.99"), _REMEDY
    ),
    ("tensorflow_wheels", "wheel"): _name(
        "tensorflow_wheels",
        "tensorflow 999.9",
        lambda: published.tensorflow_wheel(FAR),
        "no-kernel-image is skipped: the device code could not be read",
    ),
    ("torch_companions", "companion"): Question(
        "torchvision 999.9",
        lambda: builds.torch_for("torchvision", FAR),
        Basis.UNKNOWN,
        "extension-abi-mismatch is skipped with this reason, unless the package's own metadata names its PyTorch",
    ),
    ("torch_wheels", "wheel"): _name(
        "torch_wheels",
        "torch 999.9",
        lambda: pytorch.wheel(FAR, Version("12.8")),
        "no-kernel-image is skipped: the device code could not be read",
    ),
    ("cpu_instructions", "wheel"): Question(
        "tensorflow 999.9",
        lambda: builds.instructions_of("tensorflow", FAR),
        Basis.NEWEST_ROW,
        "cpu-instruction-missing says so beside the row in its evidence",
    ),
    ("wheel_platforms", "platform"): Question(
        "torch 999.9",
        lambda: published.wheel_platform("torch", FAR),
        Basis.NEWEST_ROW,
        "no-matching-distribution says so beside the row in its evidence",
    ),
    ("operators", "schemas"): Question(
        "operator set 999",
        lambda: operators.newest_form("", "MatMul", 999),
        Basis.NEWEST_ROW,
        "`inspect --targets` names it as `beyond` in its answer and under the matrix",
    ),
    **{
        ("operators", name): _name(
            f"operators/{name}",
            "FutureOp",
            lambda name=name: operators.target(name).operators.get("", {}).get("FutureOp"),  # type: ignore[misc]
            "a node of an operator set newer than the schemas is `?` for every target",
        )
        for name in operators.TARGETS
    },
    ("operators", "torch"): _name(
        "operators/torch",
        "aten::future",
        lambda: operators.dispatch().operators["aten"].get("future"),
        "`inspect --targets` shows `?`: it is newer than the table, or of a library of its own",
    ),
}
"""Table and section → the question; of the operators, the file's name in place of a section."""
NO_FUTURE: dict[tuple[str, str], str] = {
    (
        "quantisation_recipes",
        "recipe",
    ): "a recipe is tried and measured on this machine, and a way that is newer than the table is not tried",
    ("upstream_kinds", "kind"): "a server of a kind that is newer than the table is taken as `other`: only the fields "
    "that every kind takes are passed on, and any other is refused by name",
    ("variants", "library"): "it lists distributions that bring one module; a new one is no different from any other "
    "that is not listed, and its versions do not matter",
    ("xids", "xid"): "an Xid keeps its meaning in all drivers; a number without a row may be a program's own error, "
    "and gpu-hardware-fault is about errors of the device alone",
    (
        "keras",
        "objects",
    ): "a class that is newer than the list is not on it, and unsafe-embedded-code reports each such "
    "class with medium confidence",
    ("gguf", "reader"): "only versions before the oldest that a program reads are asked for; a file of a version newer "
    "than 3 can't be read by its layout, and is reported as such",
    ("keras", "functions"): "a module that is newer than the list is not on it, and unsafe-embedded-code reports its "
    "functions with medium confidence",
    (
        "keras",
        "acting",
    ): "it only gives the reason for classes that are on no list of harmless ones; a new acting class "
    "is reported as one that is not listed",
    ("keras", "file_arguments"): "it adds to what is recognised by its spelling: addresses and absolute paths are "
    "reported under any name of an argument",
    ("keras", "tensorflow_functions"): "a function that is newer than the list is not on it, and unsafe-embedded-code "
    "reports it with medium confidence",
}
"""Table and section → why newer things are no question to it."""


def table() -> list[tuple[str, str, str, str]]:
    """Rows to print: table, what was asked, basis, what the answer says and shows."""
    printed = []
    for (name, section), question in sorted(QUESTIONS.items()):
        answer = question.ask()
        said = answer.reason or str(answer.value)
        printed.append((f"{name}.{section}", question.asked, answer.basis.value, f"{said}; {question.shown_by}"))
    printed += [(f"{name}.{section}", "-", "-", f"no question: {why}") for (name, section), why in NO_FUTURE.items()]
    return printed

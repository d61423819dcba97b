"""The sections that no page has in a form to be read by a program, each with what to read instead."""

from __future__ import annotations

_FIELD = "reports from the field, each row's `source`; no publisher lists it"
_SHEETS = "the makers' data sheets, which are PDF; a row names the page that it was taken from"
BY_HAND: dict[tuple[str, str], str] = {
    ("architecture_keys", "extra"): "the modelling file of each architecture in a release of transformers",
    ("architecture_keys", "family"): "the modelling file of each architecture in a release of transformers",
    ("attention_kernels", "kernel"): "the README of https://github.com/Dao-AILab/flash-attention, section Requirements",
    ("binary_needs", "need"): "the shared objects of the wheels: `readelf -V` on a release's files; " + _FIELD,
    ("cpu_builds", "cpu"): "the files of a release on its index, by platform; " + _FIELD,
    ("cpu_instructions", "wheel"): "the release notes of each framework; " + _FIELD,
    ("cuda_architectures", "default"): "`nvcc --help` of the first release of a series, under --gpu-architecture",
    ("cuda_libraries", "library"): "PYTORCH_EXTRA_INSTALL_REQUIREMENTS in PyTorch's "
    ".github/scripts/generate_binary_build_matrix.py, and the file names in those wheels",
    ("datatypes", "datatype"): "the table of features in https://docs.nvidia.com/cuda/cuda-programming-guide/ and "
    "https://rocm.docs.amd.com/en/latest/reference/precision-support.html, by generations",
    ("device_floors", "floor"): "the support matrix of each engine's release; a row names the page",
    ("device_specifications", "device"): _SHEETS,
    ("format_engines", "conversion"): "the documentation of each converter; a row names the page",
    ("format_engines", "engine"): "the documentation of each program; a row names the page",
    ("framework_floors", "floor"): "the checks that transformers makes when it is imported",
    ("gguf", "reader"): "the check of the version in each reader's source",
    ("glibc", "release"): "the packages of each distribution: `ldd --version` in its container image",
    ("keras", "acting"): "the advisories of keras-team/keras, each row's `source`",
    ("keras", "file_arguments"): "signatures of layers in a release of Keras that take a file, and its advisories",
    ("keras", "functions"): "BUILTIN_MODULES in keras/src/saving/serialization_lib.py, and the modules that they name",
    ("keras", "objects"): "subclasses of KerasSaveable and classes with `from_config` in the wheel of Keras",
    ("keras", "tensorflow_functions"): "the reference of TensorFlow's public interface, functions that only compute",
    ("libstdcxx", "system"): "the packages of each distribution: `strings libstdc++.so.6` in its container image",
    ("moved_modules", "module"): "the release notes of NumPy and scikit-learn",
    (
        "numpy",
        "package",
    ): "the release notes of each package; https://github.com/numpy/numpy/issues/26191 collects them",
    (
        "quantised_kernels",
        "kernel",
    ): "https://docs.vllm.ai/en/stable/features/quantization/, whose matrix is made of signs",
    ("quantisation_recipes", "recipe"): "ONNX Runtime's own advice, and what issues report of each",
    ("quantization", "method"): "the classes in transformers/quantizers of a release, and what they import",
    ("rocm", "wheel"): "PYTORCH_ROCM_ARCH in the script that builds PyTorch's ROCm wheels",
    ("rocm", "generic"): "https://llvm.org/docs/AMDGPUUsage.html, generic processors: one cell of prose a target",
    ("rocm", "override"): _FIELD,
    ("system_libraries", "library"): "https://packages.debian.org, the search for a file's package",
    ("tensorflow_wheels", "wheel"): "`tf.sysconfig.get_build_info()` of a release",
    ("torch_wheels", "wheel"): "`torch.cuda.get_arch_list()` of each wheel, or TORCH_CUDA_ARCH_LIST in the script "
    "that builds it",
    ("upstream_kinds", "kind"): "the request types in each server's source, or its documentation; a row names the page",
    ("variants", "library"): "the installation guide of each library; a row names the page",
    ("wheel_platforms", "platform"): "the tags of the wheels' file names on their index",
    ("xids", "xid"): "https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html, in our words",
}
"""Why, and what to read, by table and section."""

"""What is known about the world: tables whose rows have a source and a date, and pure questions over them."""

from __future__ import annotations

from airworthy.knowledge import (
    ascend,
    builds,
    cache,
    cuda,
    datatypes,
    devices,
    gguf,
    glibc,
    kernels,
    libraries,
    numpy,
    onnx,
    packages,
    published,
    pytorch,
    rocm,
    specifications,
    transformers,
    xids,
)
from airworthy.knowledge.tables import Row

__all__ = ["Knowledge", "Row"]


class Knowledge:
    """The questions that checks may ask of the tables. An answer of None means that the tables don't say."""

    minimum_driver = staticmethod(cuda.minimum_driver)
    driver_for_jit = staticmethod(cuda.driver_for_jit)
    toolkit_dropped = staticmethod(cuda.toolkit_dropped)
    first_toolkit = staticmethod(cuda.first_toolkit)
    library = staticmethod(cuda.library)
    runs_on = staticmethod(cuda.runs_on)
    driver_row = staticmethod(cuda.driver_row)
    driver_that_speaks = staticmethod(cuda.driver_that_speaks)
    older = staticmethod(cuda.older)
    capability_row = staticmethod(cuda.capability_row)
    compiler_default = staticmethod(cuda.compiler_default)
    first_that_runs_on = staticmethod(cuda.first_for)
    quantised_kernel = staticmethod(kernels.quantised)
    attention_floor = staticmethod(kernels.attention)
    capability_of = staticmethod(cuda.capability_of)
    device_models = staticmethod(devices.models)
    device_floor = staticmethod(devices.floor)
    specification = staticmethod(specifications.specification)
    specifications = staticmethod(specifications.specifications)
    supported_pythons = staticmethod(published.supported_pythons)
    wheel_platform = staticmethod(published.wheel_platform)
    gpu_need = staticmethod(published.gpu_need)
    cpu_build = staticmethod(published.cpu_build)
    tensorflow_wheel = staticmethod(published.tensorflow_wheel)
    torch_wheel = staticmethod(pytorch.wheel)
    torch_wheels_of = staticmethod(pytorch.of_release)
    datatype = staticmethod(datatypes.datatype)
    datatype_answer = staticmethod(datatypes.answer)
    torch_wheels = staticmethod(pytorch.wheels)
    torch_architectures = staticmethod(pytorch.architectures)
    gguf_refused_by = staticmethod(gguf.refusing)
    onnx_ceiling = staticmethod(onnx.ceiling)
    onnxruntime_for = staticmethod(onnx.first_runtime)
    glibc_releases = staticmethod(glibc.releases_with)
    glibc_of = staticmethod(glibc.release_named)
    compiler_with = staticmethod(libraries.compiler_with)
    system_library = staticmethod(libraries.system_library)
    glibcxx_of_compiler = staticmethod(libraries.glibcxx_of_compiler)
    glibcxx_of_system = staticmethod(libraries.glibcxx_of_system)
    binary_needs = staticmethod(libraries.binary_needs)
    instructions_of = staticmethod(builds.instructions_of)
    torch_for = staticmethod(builds.torch_for)
    companion_of = staticmethod(builds.companion_of)
    cuda_of_driver = staticmethod(cuda.cuda_of_driver)
    numpy2_release = staticmethod(numpy.first_for_numpy2)
    ascend_table = staticmethod(ascend.table)
    ascend_pairs = staticmethod(ascend.pairs)
    rocm_architectures = staticmethod(rocm.architectures)
    rocm_runs_on = staticmethod(rocm.runs_on)
    rocm_overridden = staticmethod(rocm.overridden)
    rocm_tested = staticmethod(rocm.tested)
    rocm_override = staticmethod(rocm.override)
    knows_model_type = staticmethod(transformers.knows)
    first_with_model_type = staticmethod(transformers.first_with)
    quantisation = staticmethod(transformers.quantisation)
    libraries = staticmethod(packages.libraries)
    same_module_distributions = staticmethod(packages.same_module_distributions)
    floors = staticmethod(packages.floors)
    insistent = staticmethod(packages.insistent)
    cache_size = staticmethod(cache.size)
    longest_context = staticmethod(cache.longest)
    device_fault = staticmethod(xids.device_fault)
    moved_module = staticmethod(packages.moved)

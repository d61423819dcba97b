"""What is known about the world: tables whose rows have a source and a date, and pure questions over them."""

from __future__ import annotations

from airworthy.knowledge import cuda, datatypes, glibc, numpy, onnx, pytorch
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
    capability_of = staticmethod(cuda.capability_of)
    datatype = staticmethod(datatypes.datatype)
    torch_wheels = staticmethod(pytorch.wheels)
    torch_architectures = staticmethod(pytorch.architectures)
    onnx_ceiling = staticmethod(onnx.ceiling)
    onnxruntime_for = staticmethod(onnx.first_runtime)
    glibc_releases = staticmethod(glibc.releases_with)
    numpy2_release = staticmethod(numpy.first_for_numpy2)

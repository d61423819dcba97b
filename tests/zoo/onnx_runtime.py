"""ONNX models that ONNX Runtime refuses, and feeds that a model refuses."""

from __future__ import annotations

from typing import Any

from zoo.artifacts import PAGE
from zoo.exhibit import Room
from zoo.workshop import Workshop

ROOM = Room("module:onnxruntime", "module:onnx", "module:numpy")

LOAD = "import onnxruntime\nonnxruntime.InferenceSession('model.onnx', providers=['CPUExecutionProvider'])\n"
FEED = """
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession('model.onnx', providers=['CPUExecutionProvider'])
session.run(None, {feed})
"""


def model(shop: Workshop, operator: str = "Relu", kind: str = "FLOAT", opset: int = 13, **options: Any) -> bytes:
    """A model of one operator from `x` to `y`, each of shape [1, 4]."""
    from onnx import TensorProto, helper

    value = getattr(TensorProto, kind)
    shape = options.pop("shape", [1, 4])
    inputs = options.pop("inputs", ["x"])
    node = helper.make_node(operator, inputs, ["y"], domain=options.pop("domain", ""))
    graph = helper.make_graph(
        [node],
        "zoo",
        [helper.make_tensor_value_info(name, value, shape) for name in dict.fromkeys(inputs)],
        [helper.make_tensor_value_info("y", value, None)],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.example", 1)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=options.pop("ir", 8))
    shop.write("model.onnx", made.SerializeToString())
    return bytes(made.SerializeToString())


@ROOM.exhibit("file-corrupt", "wrong-format")
def truncated_model(shop: Workshop) -> str:
    """The end of the file is missing."""
    shop.write("model.onnx", model(shop)[:-20])
    return shop.python(LOAD)


@ROOM.exhibit("file-corrupt", "wrong-format", "download-is-error-page")
def page_as_model(shop: Workshop) -> str:
    """A saved web page is loaded; ONNX Runtime does not say what it found in place of a model."""
    shop.write("model.onnx", PAGE)
    return shop.python(LOAD)


@ROOM.exhibit("format-version-unsupported")
def opset_of_the_future(shop: Workshop) -> str:
    """A model stamped with an opset that no release has."""
    model(shop, opset=99)
    return shop.python(LOAD)


@ROOM.exhibit("format-version-unsupported")
def ir_of_the_future(shop: Workshop) -> str:
    """A model stamped with an IR version that no release has."""
    model(shop, ir=99)
    return shop.python(LOAD)


@ROOM.exhibit("shard-missing", "model-not-found")
def external_data_missing(shop: Workshop) -> str:
    """The file that holds a model's weights was not copied with it."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.ones((4, 512), dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "zoo",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [weight],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = shop.path("model.onnx")
    onnx.save(made, path, save_as_external_data=True, location="model.onnx.data", size_threshold=0)
    (shop.folder / "model.onnx.data").unlink()
    return shop.python(LOAD)


@ROOM.exhibit("model-not-found")
def no_such_file(shop: Workshop) -> str:
    """A path that leads nowhere."""
    return shop.python(LOAD)


@ROOM.exhibit("op-not-implemented")
def operator_of_nobody(shop: Workshop) -> str:
    """An operator of a domain for which no library is loaded."""
    model(shop, "Frobnicate", domain="com.example")
    return shop.python(LOAD)


@ROOM.exhibit("op-not-implemented")
def type_without_a_kernel(shop: Workshop) -> str:
    """An operator that the standard allows for a type, and that the CPU provider has no kernel for."""
    model(shop, "Conv", kind="DOUBLE", shape=[1, 1, 4, 4], inputs=["x", "x"])
    return shop.python(LOAD)


@ROOM.exhibit("shape-mismatch")
def rank_too_small(shop: Workshop) -> str:
    """A vector is fed to an input of two dimensions."""
    model(shop)
    return shop.python(FEED.format(feed="{'x': np.zeros(4, dtype=np.float32)}"))


@ROOM.exhibit("shape-mismatch")
def dimension_too_large(shop: Workshop) -> str:
    """Eight columns are fed to an input of four."""
    model(shop)
    return shop.python(FEED.format(feed="{'x': np.zeros((1, 8), dtype=np.float32)}"))


@ROOM.exhibit("dtype-mismatch", "shape-mismatch")
def type_of_the_feed(shop: Workshop) -> str:
    """Double precision is fed to an input of single precision."""
    model(shop)
    return shop.python(FEED.format(feed="{'x': np.zeros((1, 4))}"))


@ROOM.exhibit("shape-mismatch")
def name_of_the_feed(shop: Workshop) -> str:
    """The feed names an input that the model does not have."""
    model(shop)
    return shop.python(FEED.format(feed="{'input_ids': np.zeros((1, 4), dtype=np.float32)}"))


@ROOM.exhibit("shape-mismatch")
def shapes_that_do_not_multiply(shop: Workshop) -> str:
    """A matrix is multiplied with itself although its sides differ; it shows when the model runs."""
    model(shop, "MatMul", inputs=["x", "x"], shape=["n", "m"])
    return shop.python(FEED.format(feed="{'x': np.zeros((2, 3), dtype=np.float32)}"))


@ROOM.exhibit("cpu-only-build", "execution-provider-fallback")
def provider_that_is_not_built_in(shop: Workshop) -> str:
    """The CUDA provider is asked of the CPU package, which warns and goes on."""
    model(shop)
    code = "import onnxruntime\nonnxruntime.InferenceSession('model.onnx', providers=['CUDAExecutionProvider'])\n"
    return shop.python(code, fails=False)

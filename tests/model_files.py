"""Model files of formats that have no writer at hand, made on the spot by their specifications."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

import models

# --- protobuf -------------------------------------------------------------------------------------------------------


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def message(*fields: tuple[int, Any]) -> bytes:
    """A message of fields by number: numbers, texts, or messages."""
    parts = []
    for number, value in fields:
        if isinstance(value, int):
            parts.append(varint(number << 3) + varint(value))
        else:
            raw = value.encode() if isinstance(value, str) else value
            parts.append(varint(number << 3 | 2) + varint(len(raw)) + raw)
    return b"".join(parts)


# --- GGUF -----------------------------------------------------------------------------------------------------------

_CODES = {bool: (7, "?"), int: (4, "I"), float: (6, "f")}


def gguf_value(value: Any, order: str = "<", word: str = "Q") -> bytes:
    """A metadata value with its type before it."""
    if isinstance(value, str):
        raw = value.encode()
        return struct.pack(f"{order}I{word}", 8, len(raw)) + raw
    if isinstance(value, list):
        items = [gguf_value(each, order, word) for each in value]
        kind = struct.unpack(f"{order}I", items[0][:4])[0] if items else 4
        return struct.pack(f"{order}II{word}", 9, kind, len(items)) + b"".join(item[4:] for item in items)
    kind, code = _CODES[type(value)]
    return struct.pack(f"{order}I{code}", kind, value)


def gguf(
    path: Path,
    metadata: dict[str, Any] | None = None,
    tensors: dict[str, tuple[tuple[int, ...], int, bytes]] | None = None,
    *,
    version: int = 3,
    order: str = "<",
    alignment: int = 32,
) -> Path:
    """A GGUF file; a tensor is its sizes with the slowest first, its type number and its bytes."""
    settings = {"general.architecture": "llama", "llama.context_length": 4096} if metadata is None else metadata
    if tensors is None:
        blocks = b"".join(np.float16(0.5).tobytes() + bytes(range(16)) for _ in range(4))
        rows = np.arange(64, dtype=np.float32).tobytes()
        tensors = {"token_embd.weight": ((2, 64), 2, blocks), "output_norm.weight": ((64,), 0, rows)}
    word = "I" if version == 1 else "Q"

    def text(value: str) -> bytes:
        raw = value.encode()
        return struct.pack(order + word, len(raw)) + raw

    parts = [b"GGUF", struct.pack(f"{order}I{word}{word}", version, len(tensors), len(settings))]
    for key, value in settings.items():
        parts += [text(key), gguf_value(value, order, word)]
    at, data = 0, []
    for name, (shape, kind, raw) in tensors.items():
        parts += [text(name), struct.pack(f"{order}I{len(shape)}{word}", len(shape), *shape[::-1])]
        parts.append(struct.pack(f"{order}IQ", kind, at))
        padded = raw + bytes(-len(raw) % alignment)
        data.append(padded)
        at += len(padded)
    head = b"".join(parts)
    # The last tensor is not padded here, so that cutting a single byte leaves it short.
    body = b"".join(data)[: at - (-len(raw) % alignment)] if tensors else b""
    path.write_bytes(head + bytes(-len(head) % alignment) + body)
    return path


def gguf_split(folder: Path) -> Path:
    """A model in two files; the first one is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    row = np.arange(32, dtype=np.float32).tobytes()
    paths = [folder / f"tiny-{number:05d}-of-00002.gguf" for number in (1, 2)]
    for number, path in enumerate(paths):
        split = {"split.no": number, "split.count": 2, "split.tensors.count": 2}
        own = {"general.architecture": "llama", "llama.context_length": 99} if number == 0 else {}
        gguf(path, own | split, {f"t{number}": ((32,), 0, row)})
    return paths[0]


# --- NumPy, HDF5, Keras ---------------------------------------------------------------------------------------------


def npy(path: Path) -> Path:
    """One array."""
    np.save(path, models.LINEAR_WEIGHT)
    return path


def npz(path: Path) -> Path:
    """Two arrays in an archive."""
    np.savez(path, w=models.LINEAR_WEIGHT, b=models.LINEAR_BIAS)
    return path


def keras_config(*extra: dict[str, Any]) -> dict[str, Any]:
    """A sequential model of one dense layer, with more layers added."""
    dense = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "dense", "units": 3}}
    given = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"name": "x", "batch_shape": [None, 2], "dtype": "float32"},
    }
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "tiny", "layers": [given, dense, *extra]}}


def hdf5(path: Path, config: dict[str, Any] | None = None) -> Path:
    """A model as Keras 2 saved it."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = json.dumps(keras_config() if config is None else config)
        layer = file.create_group("model_weights").create_group("dense")
        layer.create_dataset("bias:0", data=models.LINEAR_BIAS)
        layer.create_dataset("kernel:0", data=models.LINEAR_WEIGHT)
    return path


def keras(path: Path, config: dict[str, Any] | None = None) -> Path:
    """A model as Keras 3 saves it."""
    import h5py

    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        layer = file.create_group("layers/dense/vars")
        layer.create_dataset("0", data=models.LINEAR_WEIGHT)
        layer.create_dataset("1", data=models.LINEAR_BIAS)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.8.0", "date_saved": "2025-05-01@12:00:00"}))
        archive.writestr("config.json", json.dumps(keras_config() if config is None else config))
        archive.writestr("model.weights.h5", weights.getvalue())
    return path


# --- TensorFlow -----------------------------------------------------------------------------------------------------


def saved_model(folder: Path, *operators: str) -> Path:
    """A SavedModel of one signature whose graph uses these operators, the last one inside of a function."""
    (folder / "variables").mkdir(parents=True, exist_ok=True)
    names = operators or ("MatMul", "AddV2", "SaveV2", "RestoreV2", "ReadVariableOp")
    nodes = [(1, message((1, f"n{index}"), (2, name))) for index, name in enumerate(names[:-1])]
    function = message((1, message((1, "f"))), (3, message((1, "inner"), (2, names[-1]))))
    graph = message(*nodes, (2, message((1, function))))

    def value(name: str, *sizes: int) -> bytes:
        shape = message(*((2, message((1, size))) for size in sizes))
        return message((1, name), (2, message((1, f"{name}:0"), (2, 1), (3, shape))))

    signature = message((1, value("x", -1, 2)), (2, value("y", -1, 3)))
    info = message((4, "serve"), (5, "2.15.0"))
    meta = message((1, info), (2, graph), (5, message((1, "serving_default"), (2, signature))))
    (folder / "saved_model.pb").write_bytes(message((1, 1), (2, meta)))
    (folder / "variables" / "variables.index").write_bytes(b"\0" * 64)
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(models.LINEAR_WEIGHT.tobytes())
    return folder


def tflite(path: Path, *, custom: str = "") -> Path:
    """A graph of one fully connected layer and its weight."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)

    def vector(width: int, items: list[int], prepend: Any) -> int:
        builder.StartVector(width, len(items), width)
        for item in reversed(items):
            prepend(item)
        return builder.EndVector()

    def numbers(*items: int) -> int:
        return vector(4, list(items), builder.PrependInt32)

    def tables(items: list[int]) -> int:
        return vector(4, items, builder.PrependUOffsetTRelative)

    def table(slots: int, **fields: tuple[int, str, int]) -> int:
        builder.StartObject(slots)
        for slot, kind, value in fields.values():
            getattr(builder, f"Prepend{kind}Slot")(slot, value, 0)
        return builder.EndObject()

    data = builder.CreateByteVector(models.LINEAR_WEIGHT.T.copy().tobytes())
    buffers = tables([table(3), table(3, data=(0, "UOffsetTRelative", data))])
    made = []
    for name, shape, index in (("x", (1, 2), 0), ("w", (3, 2), 1), ("y", (1, 3), 0)):
        text, sizes = builder.CreateString(name), numbers(*shape)
        fields = {"shape": (0, "UOffsetTRelative", sizes), "name": (3, "UOffsetTRelative", text)}
        made.append(table(9, **fields, buffer=(2, "Uint32", index)))
    tensors = tables(made)
    inputs, outputs, inside, outside = numbers(0), numbers(2), numbers(0, 1), numbers(2)
    node = table(9, inputs=(1, "UOffsetTRelative", inside), outputs=(2, "UOffsetTRelative", outside))
    nodes = tables([node])
    graph = table(
        5,
        tensors=(0, "UOffsetTRelative", tensors),
        inputs=(1, "UOffsetTRelative", inputs),
        outputs=(2, "UOffsetTRelative", outputs),
        operators=(3, "UOffsetTRelative", nodes),
    )
    graphs = tables([graph])
    named = {"custom": (1, "UOffsetTRelative", builder.CreateString(custom))} if custom else {}
    code = 32 if custom else 9
    codes = tables([table(4, **named, old=(0, "Int8", code), new=(3, "Int32", code))])
    text = builder.CreateString("tiny")
    root = table(
        8,
        version=(0, "Uint32", 3),
        codes=(1, "UOffsetTRelative", codes),
        graphs=(2, "UOffsetTRelative", graphs),
        text=(3, "UOffsetTRelative", text),
        buffers=(4, "UOffsetTRelative", buffers),
    )
    builder.Finish(root, file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


# --- others ---------------------------------------------------------------------------------------------------------


def tensorrt(path: Path, version: tuple[int, int, int, int] = (8, 6, 1, 6)) -> Path:
    """The header of a plan, and bytes after it."""
    path.write_bytes(b"ftrt" + bytes(20) + bytes(version) + bytes(100))
    return path


def age(path: Path) -> Path:
    """An age file, for a key that is nobody's."""
    import pyrage

    recipient = pyrage.x25519.Identity.generate().to_public()
    path.write_bytes(pyrage.encrypt(bytes(100_000), [recipient]))
    return path


def encrypted(path: Path) -> Path:
    """A container of the kind that was written before age, for a key that is nobody's."""
    from airworthy.artifacts.encryption.awenc import primitives
    from awenc_writer import seal

    key, plain = path.with_name("key"), path.with_name("plain")
    key.write_bytes(primitives.write_public(primitives.public_of(bytes(range(32)))))
    plain.write_bytes(b"weights")
    with path.open("wb") as stream:
        seal(plain, stream, [str(key)])
    key.unlink()
    plain.unlink()
    return path


def coreml_bytes() -> bytes:
    """A model that passes one array on."""
    array = message((1, varint(1) + varint(2)), (2, 65568))
    feature = message((1, "x"), (3, message((5, array))))
    metadata = message(
        (3, "airworthy"), (4, "MIT"), (100, message((1, "com.github.apple.coremltools.version"), (2, "8.1")))
    )
    description = message((1, feature), (10, message((1, "y"), (3, message((5, array))))), (100, metadata))
    layers = message((1, message((1, "linear"), (140, message((1, 2), (2, 3))))))
    return message((1, 4), (2, description), (500, layers))


def coreml(path: Path) -> Path:
    """A single file."""
    path.write_bytes(coreml_bytes())
    return path


def coreml_package(folder: Path) -> Path:
    """A package around it."""
    inside = folder / "Data" / "com.apple.CoreML"
    inside.mkdir(parents=True, exist_ok=True)
    (inside / "model.mlmodel").write_bytes(coreml_bytes())
    entries = {"A-1": {"author": "com.apple.CoreML", "name": "model.mlmodel", "path": "com.apple.CoreML/model.mlmodel"}}
    manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": entries, "rootModelIdentifier": "A-1"}
    (folder / "Manifest.json").write_text(json.dumps(manifest))
    return folder


OPENVINO = """<?xml version="1.0"?>
<net name="tiny" version="11">
 <layers>
  <layer id="0" name="x" type="Parameter" version="opset1">
   <data shape="?,2" element_type="f32"/>
   <output><port id="0" precision="FP32" names="x"><dim>-1</dim><dim>2</dim></port></output>
  </layer>
  <layer id="1" name="w" type="Const" version="opset1">
   <data element_type="f32" shape="2, 3" offset="0" size="24"/>
   <output><port id="0" precision="FP32"><dim>2</dim><dim>3</dim></port></output>
  </layer>
  <layer id="2" name="m" type="MatMul" version="opset1">
   <input><port id="0"/><port id="1"/></input>
   <output><port id="2" precision="FP32"><dim>-1</dim><dim>3</dim></port></output>
  </layer>
  <layer id="3" name="y" type="Result" version="opset1">
   <input><port id="0" precision="FP32"><dim>-1</dim><dim>3</dim></port></input>
  </layer>
 </layers>
 <edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/></edges>
 <rt_info><Runtime_version value="2025.1.0"/></rt_info>
</net>"""


def openvino(path: Path) -> Path:
    """A graph, with its weights beside it."""
    path.write_text(OPENVINO)
    path.with_suffix(".bin").write_bytes(models.LINEAR_WEIGHT.tobytes())
    return path


def lora(folder: Path) -> Path:
    """An adapter."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "peft_type": "LORA",
        "base_model_name_or_path": "org/base",
        "r": 8,
        "target_modules": ["q_proj", "v_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    models.safetensors(folder / "adapter_model.safetensors", {"lora_A": models.LINEAR_WEIGHT})
    return folder


def torchscript(path: Path) -> Path:
    """A compiled module with its two tensors."""
    state = models.Call("__torch__.Net")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", models.torch_pickle({"module": state, **models._state(legacy=False)}))
        archive.writestr(
            "m/code/__torch__.py", "class Net(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    return x\n"
        )
        archive.writestr("m/constants.pkl", b"\x80\x02).")
        archive.writestr("m/data/0", models.LINEAR_WEIGHT.tobytes())
        archive.writestr("m/data/1", models.LINEAR_BIAS.tobytes())
        archive.writestr("m/version", "3\n")
    return path


def exported(path: Path) -> Path:
    """A program with one weight, as `torch.export.save` of PyTorch 2.8 and later lays it out."""
    meta = {"dtype": 7, "sizes": [{"as_int": 2}, {"as_int": 3}]}
    weights = {
        "config": {"l.weight": {"path_name": "weight_0", "is_param": True, "use_pickle": False, "tensor_meta": meta}}
    }
    node = {"target": "torch.ops.aten.linear.default", "inputs": [], "outputs": []}
    program = {"graph_module": {"graph": {"nodes": [node]}}, "opset_version": {"aten": 10}, "torch_version": "2.13.0"}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data/weights/weight_0", models.LINEAR_WEIGHT.tobytes())
        archive.writestr("m/data/weights/model_weights_config.json", json.dumps(weights))
        archive.writestr("m/models/model.json", json.dumps(program))
        archive.writestr("m/archive_format", "pt2")
        archive.writestr("m/archive_version", "0")
    return path


def joblib(path: Path) -> Path:
    """Arrays as joblib writes them."""
    import joblib as library

    library.dump({"w": np.arange(10.0)}, path)
    return path

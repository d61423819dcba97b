"""Element types as the formats spell them: our name and the size in bits."""

from __future__ import annotations

from typing import NamedTuple


class ElementType(NamedTuple):
    """An element type."""

    name: str
    """The name in `core.model.DATATYPES`, or the format's own where the protocol has none."""
    bits: int
    """Bits of one element; 0 where they vary."""

    def stored(self, elements: int) -> int:
        """Bytes of so many elements, packed."""
        return (elements * self.bits + 7) // 8


class BlockType(NamedTuple):
    """A GGUF tensor type: elements are stored in blocks that share their scales."""

    name: str
    """Its name in ggml, `Q4_K`."""
    elements: int
    """Elements of one block; 1 where there are no blocks."""
    size: int
    """Bytes of one block."""

    def stored(self, elements: int) -> int:
        """Bytes of so many elements; whole blocks."""
        return elements // self.elements * self.size


ONNX = {
    1: ElementType("FP32", 32),
    2: ElementType("UINT8", 8),
    3: ElementType("INT8", 8),
    4: ElementType("UINT16", 16),
    5: ElementType("INT16", 16),
    6: ElementType("INT32", 32),
    7: ElementType("INT64", 64),
    8: ElementType("BYTES", 0),
    9: ElementType("BOOL", 8),
    10: ElementType("FP16", 16),
    11: ElementType("FP64", 64),
    12: ElementType("UINT32", 32),
    13: ElementType("UINT64", 64),
    14: ElementType("COMPLEX64", 64),
    15: ElementType("COMPLEX128", 128),
    16: ElementType("BF16", 16),
    17: ElementType("FLOAT8E4M3FN", 8),
    18: ElementType("FLOAT8E4M3FNUZ", 8),
    19: ElementType("FLOAT8E5M2", 8),
    20: ElementType("FLOAT8E5M2FNUZ", 8),
    21: ElementType("UINT4", 4),
    22: ElementType("INT4", 4),
    23: ElementType("FLOAT4E2M1", 4),
    24: ElementType("FLOAT8E8M0", 8),
    25: ElementType("UINT2", 2),
    26: ElementType("INT2", 2),
}
"""By the number in `TensorProto.DataType` of onnx.proto."""

SAFETENSORS = {
    "BOOL": ElementType("BOOL", 8),
    "U8": ElementType("UINT8", 8),
    "U16": ElementType("UINT16", 16),
    "U32": ElementType("UINT32", 32),
    "U64": ElementType("UINT64", 64),
    "I8": ElementType("INT8", 8),
    "I16": ElementType("INT16", 16),
    "I32": ElementType("INT32", 32),
    "I64": ElementType("INT64", 64),
    "F16": ElementType("FP16", 16),
    "BF16": ElementType("BF16", 16),
    "F32": ElementType("FP32", 32),
    "F64": ElementType("FP64", 64),
    "C64": ElementType("COMPLEX64", 64),
    "F8_E4M3": ElementType("F8_E4M3", 8),
    "F8_E5M2": ElementType("F8_E5M2", 8),
    "F8_E8M0": ElementType("F8_E8M0", 8),
    "F8_E4M3FNUZ": ElementType("F8_E4M3FNUZ", 8),
    "F8_E5M2FNUZ": ElementType("F8_E5M2FNUZ", 8),
    "F4": ElementType("F4", 4),
    "F6_E2M3": ElementType("F6_E2M3", 6),
    "F6_E3M2": ElementType("F6_E3M2", 6),
}
"""By the name in a safetensors header."""

TORCH_STORAGES = {
    "torch.BoolStorage": ElementType("BOOL", 8),
    "torch.ByteStorage": ElementType("UINT8", 8),
    "torch.CharStorage": ElementType("INT8", 8),
    "torch.ShortStorage": ElementType("INT16", 16),
    "torch.IntStorage": ElementType("INT32", 32),
    "torch.LongStorage": ElementType("INT64", 64),
    "torch.HalfStorage": ElementType("FP16", 16),
    "torch.BFloat16Storage": ElementType("BF16", 16),
    "torch.FloatStorage": ElementType("FP32", 32),
    "torch.DoubleStorage": ElementType("FP64", 64),
    "torch.ComplexFloatStorage": ElementType("COMPLEX64", 64),
    "torch.ComplexDoubleStorage": ElementType("COMPLEX128", 128),
    "torch.QInt8Storage": ElementType("INT8", 8),
    "torch.QUInt8Storage": ElementType("UINT8", 8),
    "torch.QInt32Storage": ElementType("INT32", 32),
    "torch.storage.UntypedStorage": ElementType("untyped", 8),
}
"""By the class that a PyTorch pickle names for a storage; an untyped one counts bytes."""
TORCH_DTYPES = {
    "torch.float8_e4m3fn": ElementType("F8_E4M3", 8),
    "torch.float8_e5m2": ElementType("F8_E5M2", 8),
    "torch.float8_e4m3fnuz": ElementType("F8_E4M3FNUZ", 8),
    "torch.float8_e5m2fnuz": ElementType("F8_E5M2FNUZ", 8),
    "torch.float8_e8m0fnu": ElementType("F8_E8M0", 8),
    "torch.uint16": ElementType("UINT16", 16),
    "torch.uint32": ElementType("UINT32", 32),
    "torch.uint64": ElementType("UINT64", 64),
}
"""By the type that a PyTorch pickle names for a tensor on an untyped storage: those without a storage class."""

GGML = {
    0: BlockType("F32", 1, 4),
    1: BlockType("F16", 1, 2),
    2: BlockType("Q4_0", 32, 18),
    3: BlockType("Q4_1", 32, 20),
    6: BlockType("Q5_0", 32, 22),
    7: BlockType("Q5_1", 32, 24),
    8: BlockType("Q8_0", 32, 34),
    9: BlockType("Q8_1", 32, 40),
    10: BlockType("Q2_K", 256, 84),
    11: BlockType("Q3_K", 256, 110),
    12: BlockType("Q4_K", 256, 144),
    13: BlockType("Q5_K", 256, 176),
    14: BlockType("Q6_K", 256, 210),
    15: BlockType("Q8_K", 256, 292),
    16: BlockType("IQ2_XXS", 256, 66),
    17: BlockType("IQ2_XS", 256, 74),
    18: BlockType("IQ3_XXS", 256, 98),
    19: BlockType("IQ1_S", 256, 50),
    20: BlockType("IQ4_NL", 32, 18),
    21: BlockType("IQ3_S", 256, 110),
    22: BlockType("IQ2_S", 256, 82),
    23: BlockType("IQ4_XS", 256, 136),
    24: BlockType("I8", 1, 1),
    25: BlockType("I16", 1, 2),
    26: BlockType("I32", 1, 4),
    27: BlockType("I64", 1, 8),
    28: BlockType("F64", 1, 8),
    29: BlockType("IQ1_M", 256, 56),
    30: BlockType("BF16", 1, 2),
    # Repacked for ARM by the quantiser once; llama.cpp repacks on loading now and reads them no more.
    31: BlockType("Q4_0_4_4", 32, 18),
    32: BlockType("Q4_0_4_8", 32, 18),
    33: BlockType("Q4_0_8_8", 32, 18),
    34: BlockType("TQ1_0", 256, 54),
    35: BlockType("TQ2_0", 256, 66),
    36: BlockType("IQ4_NL_4_4", 32, 18),
    37: BlockType("IQ4_NL_4_8", 32, 18),
    38: BlockType("IQ4_NL_8_8", 32, 18),
    39: BlockType("MXFP4", 32, 17),
    40: BlockType("NVFP4", 64, 36),
    41: BlockType("Q1_0", 128, 18),
}
"""By the number in a GGUF tensor's entry; those of ggml.h, 4 and 5 were taken back before GGUF."""

GGUF_FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4",
    39: "NVFP4",
    40: "Q1_0",
}
"""How most tensors of a GGUF file are stored, by the number in `general.file_type`."""

GGML_REMOVED = frozenset({31, 32, 33, 36, 37, 38})
"""Numbers of types that were repacked for ARM; llama.cpp does that on loading now, and refuses a file with them."""

PLAIN = {"F32": "FP32", "F16": "FP16", "F64": "FP64", "I8": "INT8", "I16": "INT16", "I32": "INT32", "I64": "INT64"}
"""Types of GGUF that have another name in `core.model.DATATYPES`."""

NUMPY = {
    "b1": ElementType("BOOL", 8),
    "f2": ElementType("FP16", 16),
    "f4": ElementType("FP32", 32),
    "f8": ElementType("FP64", 64),
    "c8": ElementType("COMPLEX64", 64),
    "c16": ElementType("COMPLEX128", 128),
    **{f"i{bits // 8}": ElementType(f"INT{bits}", bits) for bits in (8, 16, 32, 64)},
    **{f"u{bits // 8}": ElementType(f"UINT{bits}", bits) for bits in (8, 16, 32, 64)},
}
"""By NumPy's type code without its byte order."""

TFLITE = {
    0: ElementType("FP32", 32),
    1: ElementType("FP16", 16),
    2: ElementType("INT32", 32),
    3: ElementType("UINT8", 8),
    4: ElementType("INT64", 64),
    5: ElementType("BYTES", 0),
    6: ElementType("BOOL", 8),
    7: ElementType("INT16", 16),
    8: ElementType("COMPLEX64", 64),
    9: ElementType("INT8", 8),
    10: ElementType("FP64", 64),
    11: ElementType("COMPLEX128", 128),
    12: ElementType("UINT64", 64),
    13: ElementType("RESOURCE", 0),
    14: ElementType("VARIANT", 0),
    15: ElementType("UINT32", 32),
    16: ElementType("UINT16", 16),
    17: ElementType("INT4", 4),
    18: ElementType("BF16", 16),
    19: ElementType("INT2", 2),
}
"""By the number in `TensorType` of TensorFlow Lite's schema."""

TENSORFLOW = {
    1: ElementType("FP32", 32),
    2: ElementType("FP64", 64),
    3: ElementType("INT32", 32),
    4: ElementType("UINT8", 8),
    5: ElementType("INT16", 16),
    6: ElementType("INT8", 8),
    7: ElementType("BYTES", 0),
    8: ElementType("COMPLEX64", 64),
    9: ElementType("INT64", 64),
    10: ElementType("BOOL", 8),
    11: ElementType("INT8", 8),
    12: ElementType("UINT8", 8),
    13: ElementType("INT32", 32),
    14: ElementType("BF16", 16),
    15: ElementType("INT16", 16),
    16: ElementType("UINT16", 16),
    17: ElementType("UINT16", 16),
    18: ElementType("COMPLEX128", 128),
    19: ElementType("FP16", 16),
    20: ElementType("RESOURCE", 0),
    21: ElementType("VARIANT", 0),
    22: ElementType("UINT32", 32),
    23: ElementType("UINT64", 64),
    24: ElementType("FLOAT8E5M2", 8),
    25: ElementType("FLOAT8E4M3FN", 8),
}
"""By the number in TensorFlow's `DataType`."""

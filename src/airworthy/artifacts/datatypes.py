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

"""TensorFlow Lite (LiteRT): operators, interface and weights of a flat buffer.

Field numbers are those of tensorflow/lite/schema/schema.fbs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from airworthy.artifacts.encodings.damage import Damaged
from airworthy.artifacts.encodings.datatypes import TFLITE, ElementType
from airworthy.artifacts.encodings.flatbuffers import Buffer, Table
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.formats.file_format import FileFormat
from airworthy.artifacts.formats.stored import Stored
from airworthy.artifacts.inspection import build_inspection
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import Inspection, Operator, TensorSpec
from airworthy.core.values import FormatVersion

MAGIC = b"TFL3"
"""The letters at byte 4."""
MOST_RANK = 64
"""Axes of one tensor."""
MOST_ENTRIES = 10_000
"""Inputs or outputs that are kept."""
_CUSTOM = 32
_OPERATORS = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM
MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS
SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND
TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT
LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL
LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW
ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV
REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS
SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG
ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM
BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE
ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE
RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST
BITWISE_XOR RIGHT_SHIFT""".split()  # noqa: SIM905 - the schema's own list, in its order


class _TfliteModel:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.version = 0
        self.description = ""
        self.inputs: list[TensorSpec] = []
        self.outputs: list[TensorSpec] = []
        self.operators: Counter[tuple[str, str]] = Counter()
        self.weights: Counter[str] = Counter()
        self.stored: list[tuple[str, str, tuple[int, ...], int, int]] = []
        self.problems: list[Damaged] = []
        try:
            self._read(Buffer(source))
        except Damaged as error:
            self.problems.append(error)

    def _read(self, buffer: Buffer) -> None:
        root = buffer.root()
        self.version, self.description = root.number(0, 4), root.text(3)[:300]
        if self.version != 3:
            raise Damaged("header", say("schema version {version} is not known", version=self.version), 0)
        codes = [_operator(table) for table in root.tables(1)]
        buffers = [self._buffer(table) for table in root.tables(4)]
        graphs = 0
        for index, graph in enumerate(root.tables(2)):
            graphs += 1
            tensors = [self._tensor(table, buffers) for table in graph.tables(0)]
            if index == 0:
                self.inputs = self._interface(graph, 1, tensors)
                self.outputs = self._interface(graph, 2, tensors)
            for node in graph.tables(3):
                code = node.number(0, 4)
                if code >= len(codes):
                    raise Damaged("structure", say("an operator has the code {code}, which is not there", code=code))
                self.operators[codes[code]] += 1
        if not graphs:
            raise Damaged("structure", say("there is no graph in it"))

    def _buffer(self, table: Table) -> tuple[int, int]:
        at, size = table.vector(0, 1)
        if not size and (size := table.number(2, 8)) > 1:  # beyond 2 GiB the bytes lie after the flat buffer
            at = table.number(1, 8)
            if at + size > self.source.size:
                detail = say("weights go on to {end}, the file ends at {size}", end=at + size, size=self.source.size)
                self.problems.append(Damaged("truncated", detail, at))
        return at, size

    def _tensor(self, table: Table, buffers: list[tuple[int, int]]) -> TensorSpec:
        shape = tuple(table.numbers(0, 4, MOST_RANK, signed=True))
        signature = tuple(table.numbers(7, 4, MOST_RANK, signed=True))
        kind, index, name = table.number(1, 1), table.number(2, 4), table.text(3)
        element = TFLITE.get(kind, ElementType(f"TFLITE-{kind}", 0))
        if index >= len(buffers):
            raise Damaged(
                "structure", say("tensor {name!r} lies in buffer {index}, which is not there", name=name, index=index)
            )
        at, size = buffers[index]
        if size:
            needed = element.stored(math.prod(shape)) if all(each >= 0 for each in shape) else 0
            sparse = table.number(6, 4) != 0
            if element.bits and size < needed and not sparse:
                detail = say("tensor {name!r} needs {needed} bytes and has {size}", name=name, needed=needed, size=size)
                self.problems.append(Damaged("bounds", detail, at))
            self.weights[element.name] += size
            if size == needed:
                self.stored.append((name, element.name, shape, at, size))
        return TensorSpec(name, element.name, signature or shape)

    def _interface(self, graph: Table, field: int, tensors: list[TensorSpec]) -> list[TensorSpec]:
        found = graph.numbers(field, 4, MOST_ENTRIES, signed=True)
        if any(not 0 <= index < len(tensors) for index in found):
            raise Damaged("structure", say("the graph's interface names a tensor that is not there"))
        return [tensors[index] for index in found]


def _operator(table: Table) -> tuple[str, str]:
    code = max(table.number(0, 1), table.number(3, 4))
    if code == _CUSTOM:
        return "custom", table.text(1)
    return "", _OPERATORS[code] if code < len(_OPERATORS) else say("operator {code}", code=code)


class TfLite(FileFormat):
    """The format."""

    name = "tflite"
    suffixes: tuple[str, ...] = (".tflite", ".litert")

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether its letters stand at byte 4."""
        return head[4:8] == MAGIC

    def read(self, path: Path, source: Source, head: bytes) -> Inspection:
        """Read tables; weights are stepped over."""
        found = _TfliteModel(source)
        if head[4:8] != MAGIC:
            found.problems.insert(0, Damaged("header", say("the letters TFL3 are not at byte 4"), 4))
        model = self.model(
            path,
            task="tensors" if found.inputs and found.outputs else "",
            parameters=sum(math.prod(shape) for _, _, shape, _, _ in found.stored) if not found.problems else None,
            tensors=len(found.stored),
            datatypes=dict(found.weights),
            inputs=tuple(found.inputs),
            outputs=tuple(found.outputs),
            operators=tuple(Operator(domain, name, n) for (domain, name), n in found.operators.most_common()),
            versions={"tflite": found.version} if found.version else {},
            metadata={"description": found.description} if found.description else {},
        )
        defects = [e.of(path.name) for e in found.problems]
        versions = (FormatVersion(kind="tflite", version=found.version),)
        unread = Unknown(say("{file} is damaged before its version", file=path.name))
        return build_inspection(
            model,
            defects=defects,
            versions=versions if found.version else unread,
            by_content=head[4:8] == MAGIC,
        )


def stored(path: Path) -> Iterator[Stored]:
    """Where constant tensors lie."""
    with Source(path) as source:
        for name, datatype, shape, at, size in _TfliteModel(source).stored:
            yield Stored(name, datatype, shape, path, at, size)


FORMAT = TfLite()

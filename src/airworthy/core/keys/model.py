"""Facts of a model: its files, what is in its weights, what targets lack of its operators."""

from __future__ import annotations

from airworthy.core.keys.key import Area, Key, T
from airworthy.core.values import (
    AttentionCache,
    Defect,
    EmbeddedCode,
    FormatVersion,
    LfsPointer,
    Misnamed,
    ModelConfiguration,
    ModelShape,
    ModelSignature,
    OperatorGap,
    PickleImport,
    WeightFault,
)


def _model(name: str, type_: type[T], doc: str) -> Key[T]:
    return Key(name, type_, Area.MODEL, doc)


MODEL_PATH = _model("model.path", str, "The model file or folder.")
MODEL_FORMAT = _model("model.format", str, "Format by content: `onnx`, `safetensors`, `pytorch`, …")
MODEL_ENTRY_FORMAT = _model("model.entry_format", str, "Format of the file that an engine loads, `onnx` in a folder.")
MODEL_SIZE = _model("model.size", int, "Bytes of all its files.")
MODEL_DEFECTS = _model(
    "model.defects", tuple[Defect, ...], "Where its files disagree with their format; empty when whole."
)
MODEL_LFS_POINTERS = _model("model.lfs_pointers", tuple[LfsPointer, ...], "Git LFS pointers among its files.")
MODEL_PICKLE_IMPORTS = _model(
    "model.pickle_imports", tuple[PickleImport, ...], "Names that its pickles import; empty without pickles."
)
MODEL_CODE = _model(
    "model.code",
    tuple[EmbeddedCode, ...],
    "What in it acts when it is loaded or used, other than a pickle's imports; empty for plain weights.",
)
MODEL_FORMAT_VERSIONS = _model(
    "model.format_versions", tuple[FormatVersion, ...], "Versions that its files demand of a runtime."
)
MODEL_DATATYPES = _model(
    "model.datatypes", tuple[str, ...], "Element types of its weights, the one with most bytes first, `BF16`."
)
MODEL_ATTENTION_HEADS = _model(
    "model.attention_heads", int, "Attention heads of each layer, which tensor parallelism divides; absent without any."
)
MODEL_WEIGHTS = _model(
    "model.weights", int, "Bytes of the weights that an engine loads; absent where none are reported."
)
MODEL_CACHE = _model(
    "model.cache", AttentionCache, "What it keeps of each token; absent for any other model than a text generator."
)
MODEL_SHAPE = _model(
    "model.shape", ModelShape, "Its sizes: blocks, width, vocabulary; absent where nothing reports them."
)
MODEL_CHAT_TEMPLATE = _model(
    "model.chat_template",
    str,
    "The file that holds its chat template; empty for a text generator without one, absent for any other model.",
)
MODEL_MISNAMED = _model(
    "model.misnamed", tuple[Misnamed, ...], "Its files whose suffix names another format than their content."
)
MODEL_SIGNATURE = _model(
    "model.signature", ModelSignature, "The signature that lies with it, and whether it holds; absent without one."
)
MODEL_CONFIGURATION = _model(
    "model.configuration", ModelConfiguration, "What its `config.json` asks for; absent for a model without one."
)

WEIGHT_FAULTS: Key[tuple[WeightFault, ...]] = Key(
    "weights.faults", tuple[WeightFault, ...], Area.WEIGHTS, "What is remarkable in its numbers; empty when sound."
)

OPERATOR_GAPS: Key[tuple[OperatorGap, ...]] = Key(
    "operators.gaps",
    tuple[OperatorGap, ...],
    Area.OPERATORS,
    "What the targets in question lack of its operators; empty when nothing.",
)

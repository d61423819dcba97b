"""What is known about a model file or folder without loading it."""

from __future__ import annotations

from typing import Optional

import msgspec

from airworthy.core.facts import Facts
from airworthy.core.sentence import SentencePooling

DATATYPES = (
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP16",
    "BF16",
    "FP32",
    "FP64",
    "BYTES",
)
"""Element types by their names in the Open Inference Protocol."""

ANY_RANK = ("*",)
"""The `symbols` of a value whose number of axes its model leaves open; its shape is `(-1,)`."""


class TensorSpec(msgspec.Struct, frozen=True):
    """An input or output of a model."""

    name: str
    """Its name in the model."""
    datatype: str
    """Element type, one of `DATATYPES`; the model's own name for one that the protocol has none for (`SEQUENCE`)."""
    shape: tuple[int, ...]
    """Its sizes; -1 for one that varies."""
    symbols: tuple[str, ...] = ()
    """The name of each size where the model names it (`batch`), else empty strings; empty when none is named."""


class TensorInfo(msgspec.Struct, frozen=True):
    """A stored tensor."""

    name: str
    """Its name in the file."""
    datatype: str
    """Element type as the format spells it, `F32`."""
    shape: tuple[int, ...]
    """Its sizes."""
    size: int
    """Its bytes in the file."""


class Operator(msgspec.Struct, frozen=True):
    """An operator that a graph uses."""

    domain: str
    """Its operator set; empty for the standard one."""
    name: str
    """Its name, `MatMul`."""
    count: int
    """How many nodes use it."""


class FileInfo(msgspec.Struct, frozen=True):
    """One file of a model."""

    path: str
    """Path, relative to the model's folder, or the name of a single file."""
    size: int
    """Bytes."""
    format: str = ""
    """Format by content; empty for a companion such as `config.json`."""


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """Where the files of an encrypted model lie, and which key opens them; the key itself is never in it."""

    container: str
    """The encrypted file."""
    key: str
    """What the key is called: a file, or `env:NAME`; of an old container also `service:NAME:KEY`."""
    password: str = ""
    """Where the key's passphrase stands: a file or `env:NAME`; empty where it has none."""
    entry: str
    """Path, within the model, of the file that an engine loads."""
    tokenizer: str = ""
    """Path, within the model, of its `tokenizer.json`, or empty."""
    parts: tuple[str, ...] = ()
    """Paths, within the model, of all files that hold weights."""
    old: bool = False
    """Whether it is a container of the kind that was written before age."""


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a model file or folder is, from its headers."""

    name: str
    """The name it is served under unless set otherwise."""
    path: str
    """The file or folder."""
    format: str
    """Format by content, a name of the registry of formats: `onnx`, `gguf`, `safetensors`, `huggingface`."""
    entry: str
    """The file that an engine loads."""
    files: tuple[FileInfo, ...] = ()
    """Its files."""
    architecture: str = ""
    """What the configuration calls it, `BertModel`."""
    task: str = ""
    """What it answers: `embedding`, `rerank`, `classification`, `tensors`; empty when that can't be determined."""
    producer: str = ""
    """The program that wrote it, `pytorch 2.13.0`."""
    parameters: int | None = None
    """Number of parameters."""
    tensors: int | None = None
    """Number of stored tensors."""
    quantization: str = ""
    """How its weights are quantised, `Q4_K_M` or `gptq, 4 bits`; empty when they are not, or nothing says so."""
    datatypes: dict[str, int] = msgspec.field(default_factory=dict)
    """Bytes of weights by element type."""
    inputs: tuple[TensorSpec, ...] = ()
    """What it takes."""
    outputs: tuple[TensorSpec, ...] = ()
    """What it gives."""
    operators: tuple[Operator, ...] = ()
    """Operators of its graph, most used first."""
    versions: dict[str, int] = msgspec.field(default_factory=dict)
    """Versions that it demands: `{"onnx-ir": 10, "onnx-opset": 17}`."""
    tokenizer: str = ""
    """Its `tokenizer.json`, or empty."""
    max_length: int | None = None
    """The longest input in tokens, where the configuration says so."""
    chat_template: str = ""
    """The Jinja template that makes a prompt of a conversation, or empty."""
    license: str = ""
    """The licence that its files name."""
    dimensions: tuple[int, ...] = ()
    """Sizes that its embeddings were trained to be cut to; `(-1,)` for any, none where they can't be."""
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    """What the file says of itself."""
    signer: str = ""
    """Who signed it, where that was requested and proven: a certificate's subject, or the hash of a public key."""
    pooling: Optional[SentencePooling] = None
    """How one vector is made of a text's token vectors, where the graph does not do it itself."""
    prompts: dict[str, str] = msgspec.field(default_factory=dict)
    """What texts may begin with before they become vectors, by name."""
    prompt: str = ""
    """What texts begin with unless another prompt is named."""
    lower_case: bool = False
    """Whether texts are made lower case first."""
    labels: tuple[str, ...] = ()
    """The names of a text classifier's classes, in order."""
    multi_label: bool = False
    """Whether a text may have several classes."""
    task_problem: str = ""
    """Why a model of texts is served by its tensors alone, one line; empty where it isn't."""
    sealed: Optional[Sealed] = None
    """Where its files lie, where it is encrypted and was opened; None for any other."""

    @property
    def entry_format(self) -> str:
        """Format of the file that an engine loads: `onnx` for a Hugging Face folder with an ONNX export."""
        entry = self.entry.replace("\\", "/")
        formats = (file.format for file in self.files if file.format and f"/{entry}".endswith(f"/{file.path}"))
        return next(formats, self.format)

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)


class Inspection(msgspec.Struct, frozen=True):
    """The answer of `inspect`: what it is, and the facts that checks decide from."""

    model: ModelInfo
    """What it is; fields that a damaged file could not give are at their defaults."""
    facts: Facts
    """The `model.*` facts."""

"""Which programs load a model's format, and which conversions make one that others load."""

from __future__ import annotations

import shlex
from typing import NamedTuple

import msgspec

from airworthy.core.model import ModelInfo
from airworthy.knowledge.tables import Row, rows
from airworthy.knowledge.transformers import quantisation

_TABLE = "format_engines"
_SERVERS = {"vllm": "vLLM", "sglang": "SGLang", "lmdeploy": "LMDeploy", "text-generation-server": "TGI"}


class LoaderProgram(Row, frozen=True):
    """A program that loads a format as it is."""

    format: str
    """The format; `huggingface/safetensors` for a folder with such weights."""
    engine: str
    """The program."""
    needs: str
    """What it asks for."""


class Conversion(Row, frozen=True):
    """A command that makes another format."""

    format: str
    """The format that it takes, as above."""
    to: str
    """The format that it makes."""
    loaders: tuple[str, ...] = msgspec.field(name="for")
    """The programs that load that one."""
    command: str
    """What to run, with `{path}` and `{name}`."""


class ModelLoader(NamedTuple):
    """A program that loads a model."""

    engine: str
    """The program."""
    needs: str
    """What it asks for."""
    source: str
    """Where that is said, with the day on which it was looked up."""


class Way(NamedTuple):
    """A way to a format that other programs load."""

    to: str
    """That format."""
    loaders: tuple[str, ...]
    """The programs."""
    command: str
    """What to run."""
    source: str
    """Where that is said, with the day on which it was looked up."""


def loaders(model: ModelInfo) -> tuple[ModelLoader, ...]:
    """The programs that load a model as it is."""
    found = tuple(
        ModelLoader(row.engine, _needs(row, model), _source(row))
        for row in rows(_TABLE, "engine", LoaderProgram)
        if row.format in _kinds(model)
    )
    return tuple(each for each in found if _takes(each.engine, model))


def conversions(model: ModelInfo) -> tuple[Way, ...]:
    """The commands that make a format of it which other programs load."""
    # Converters read plain weights; what is quantised by another method they refuse.
    if model.format == "huggingface" and model.quantization:
        return ()
    names = _names(model)
    found = (row for row in rows(_TABLE, "conversion", Conversion) if row.format in _kinds(model))
    return tuple(
        Way(row.to, row.loaders, row.command.format(**names), _source(row)) for row in found if _runs(row, model, names)
    )


_TASKS = {
    "ForCausalLM": "text-generation-with-past",
    "ForConditionalGeneration": "text2text-generation-with-past",
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForMaskedLM": "fill-mask",
    "ForImageClassification": "image-classification",
    "Model": "feature-extraction",
}
"""What the exporter calls the task of an architecture, by how its class is named; it can't tell from a local folder."""
_TEXT_GENERATORS = ("ForCausalLM", "LMHeadModel")
_SKLEARN = (
    "import joblib, numpy; from skl2onnx import to_onnx; m = joblib.load({path!r}); "
    "x = numpy.zeros((1, m.n_features_in_), numpy.float32); "
    "o = {{'zipmap': False}} if hasattr(m, 'classes_') else None; "
    "open({out!r}, 'wb').write(to_onnx(m, x, options=o).SerializeToString())"
)
_EXPORTED = "import torch; torch.onnx.export(torch.export.load({path!r}), f={out!r}, dynamo=True)"


def _names(model: ModelInfo) -> dict[str, str]:
    """What the placeholders of commands stand for, quoted for a shell."""
    out = f"{model.name}.onnx"
    return {
        "path": shlex.quote(model.path),
        "entry": shlex.quote(model.entry),
        "name": shlex.quote(model.name),
        "task": next((task for end, task in _TASKS.items() if model.architecture.endswith(end)), ""),
        "sklearn": shlex.quote(_SKLEARN.format(path=model.path, out=out)),
        "exported": shlex.quote(_EXPORTED.format(path=model.path, out=out)),
    }


def _runs(row: Conversion, model: ModelInfo, names: dict[str, str]) -> bool:
    """Whether a command would run on this very model, by what is known of it."""
    if "{task}" in row.command and not names["task"]:
        return False
    if row.to == "gguf":
        return model.architecture.endswith(_TEXT_GENERATORS)
    if row.format == "onnx":
        # Converters know the standard's operators, and none of the classical models' or of a vendor's.
        return all(operator.domain in ("", "ai.onnx") for operator in model.operators)
    return True


def _needs(row: LoaderProgram, model: ModelInfo) -> str:
    """What a program asks for; of ONNX Runtime also whether the service runs the model with it."""
    values = (*model.inputs, *model.outputs)
    if row.engine != "ONNX Runtime" or not values or any(spec.datatype.startswith(_NO_TENSORS) for spec in values):
        return row.needs
    return f"{row.needs}; `airworthy serve` runs it"


_NO_TENSORS = ("SEQUENCE", "MAP", "OPTIONAL", "SPARSE", "OPAQUE")
"""Kinds of values that no tensor protocol carries."""


def _kinds(model: ModelInfo) -> tuple[str, ...]:
    """The rows' names of a model's format."""
    if model.format == "huggingface":
        entry = model.entry_format if model.entry_format != "huggingface" else "safetensors"
        return (f"huggingface/{entry}",) if entry in ("safetensors", "pytorch") else (entry,)
    if model.format == "pickle":
        return (f"pickle/{model.producer}",)
    if model.format == "pytorch" and model.metadata.get("kind"):
        return (f"pytorch/{model.metadata['kind']}",)
    return (model.format,)


def _takes(engine: str, model: ModelInfo) -> bool:
    """Whether a server has kernels for the way in which a folder's weights are quantised."""
    name = model.quantization.partition(",")[0].strip()
    if model.format != "huggingface" or not name or engine not in _SERVERS.values():
        return True
    row = quantisation(name)
    return row is None or engine in {_SERVERS.get(each, each) for each in row.engines}


def _source(row: Row) -> str:
    return f"{row.source} ({row.checked})"

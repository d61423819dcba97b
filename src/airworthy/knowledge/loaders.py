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
        ModelLoader(row.engine, row.needs, _source(row))
        for row in rows(_TABLE, "engine", LoaderProgram)
        if row.format in _kinds(model)
    )
    return tuple(each for each in found if _takes(each.engine, model))


def conversions(model: ModelInfo) -> tuple[Way, ...]:
    """The commands that make a format of it which other programs load."""
    # Converters read plain weights; what is quantised by another method they refuse.
    if model.format == "huggingface" and model.quantization:
        return ()
    names = {"path": shlex.quote(model.path), "name": shlex.quote(model.name)}
    return tuple(
        Way(row.to, row.loaders, row.command.format(**names), _source(row))
        for row in rows(_TABLE, "conversion", Conversion)
        if row.format in _kinds(model)
    )


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

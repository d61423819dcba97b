"""Reads a model's graph and asks the proof; what can't be read is undecided."""

from __future__ import annotations

from pathlib import Path

from airworthy.core.errors import AirworthyError
from airworthy.core.model import ModelInfo
from airworthy.serve.workers.row_checks import UNREAD, GraphProof, PaddedTexts

_RUNS_GRAPHS = ("onnxruntime",)
"""Engines that compute what an ONNX graph says."""


def prove(model: ModelInfo, engine: str, texts: PaddedTexts | None, entry: bytes | None = None) -> GraphProof:
    """What a model's graph says of its rows.

    Args:
        model: the model.
        engine: the engine that runs it.
        texts: how its texts are padded, where it takes texts.
        entry: what its entry holds, where that lies on no disk as it is.
    """
    if model.entry_format != "onnx" or engine not in _RUNS_GRAPHS or (model.sealed is not None and entry is None):
        return GraphProof()
    from airworthy.artifacts.encodings.source import Held
    from airworthy.artifacts.formats.onnx_graph import program_of, read_program
    from airworthy.engines.sentence_graph import appended
    from airworthy.targets.rows import proof

    try:
        more = appended(model)
        if entry is None:
            program = read_program(Path(model.entry), more)
        else:
            program = program_of(Held(entry, model.name), model.entry, more)
        padding = proof.padding(program, texts.pads, texts.output) if texts is not None else UNREAD
        return GraphProof(proof.rows(program), padding, proof.repeats(program))
    except (AirworthyError, OSError, RecursionError):
        return GraphProof()

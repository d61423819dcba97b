"""What is in a model file or folder, described from its headers, and what is wrong with it wherever it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from airworthy.causes.catalogue import Catalogue
from airworthy.causes.prediction import predict
from airworthy.core.keys import MODEL_CODE, MODEL_SIGNATURE, Area
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import Report
from airworthy.core.settings import Settings
from airworthy.flows.answers.inspect import InspectAnswer
from airworthy.flows.catalogue import catalogue_for
from airworthy.flows.files import model_path
from airworthy.flows.targets import Against, look_at_targets
from airworthy.flows.weights import Depth, look_deeper
from airworthy.report.plain import builtins

HEADERS = Depth()
"""Nothing is read but headers."""


@dataclass(frozen=True)
class Looking:
    """What is made of a model besides the report; nothing by default."""

    convert_safe: str = ""
    """A file or folder that the tensors of a pickle are rewritten to as safetensors."""
    force: bool = False
    """Whether what is there is replaced."""
    tensors: bool = False
    """Whether the answer lists all tensors, as a page of them needs."""


NOTHING = Looking()
"""Only the report."""


def inspect(
    path: str | Path,
    *,
    settings: Settings | None = None,
    depth: Depth = HEADERS,
    looking: Looking = NOTHING,
    against: Against | None = None,
    progress: Progress = SILENT,
    catalogue: Catalogue | None = None,
) -> Report[InspectAnswer]:
    """Say what a model is. The answer's `model` holds a `ModelInfo` as plain data, with its `size` in bytes.

    Only causes that need nothing but the model are asked: the same file gives the same report on every host.

    Args:
        path: a model file or folder.
        settings: which causes are turned off; none when None.
        depth: what is read beyond headers: hashes, the health of weights, differences from a reference.
        looking: what is made of it: a safe copy of its tensors.
        against: the targets that its operators are checked on; none when None.
        progress: receives the stages.
        catalogue: the causes that are asked; those of the place by default: of this installation and of the project.

    Raises:
        InputNotFound: the path leads nowhere.
        NotAModel: there is no model in it.
        ConversionRefused: its tensors can't be rewritten faithfully.
        WouldOverwrite: an output is there already.
        NoGraph: `against` is given and the file holds no graph.
        ExtraMissing: what `depth` asks for needs a library that is not installed.
    """
    from airworthy.artifacts.identify import inspect as identify
    from airworthy.knowledge import Knowledge
    from airworthy.knowledge.loaders import conversions, loaders

    with model_path(path) as found:
        progress.stage(say("reading {path}", path=path))
        inspection = identify(found)
        answer: dict[str, Any] = {"model": model_data(inspection.model)}
        signature = inspection.facts.get_value(MODEL_SIGNATURE, None)
        if signature is not None:
            answer["signature"] = builtins(signature)
        answer["code"] = builtins(inspection.facts.get_value(MODEL_CODE, ()))
        answer["engines"] = builtins([each._asdict() for each in loaders(inspection.model)])
        answer["conversions"] = builtins([each._asdict() for each in conversions(inspection.model)])
        if looking.tensors:
            answer["tensors"] = _tensors(inspection.model)
        if depth.any:
            inspection, more = look_deeper(inspection, depth, progress)
            answer |= more
        if looking.convert_safe:
            from airworthy.flows.convert_safe import convert_safe

            answer["conversion"] = convert_safe(
                inspection, looking.convert_safe, force=looking.force, progress=progress
            )
        if against is not None:
            progress.stage(say("checking operator support on targets"))
            inspection, more = look_at_targets(inspection, against)
            answer |= more
    ignore = (settings or Settings()).check.ignore
    areas = [Area.MODEL]
    areas += [Area.WEIGHTS] if depth.reads_weights else []
    areas += [Area.OPERATORS] if against is not None else []
    results = predict(inspection.facts, catalogue or catalogue_for(path), Knowledge(), areas=areas, ignore=ignore)
    return Report(verb="inspect", subject=str(path), results=results, answer=msgspec.convert(answer, InspectAnswer))


def _tensors(model: ModelInfo) -> list[dict[str, Any]]:
    """Names, types and sizes of all tensors, in the order in which they are measured; none without NumPy."""
    try:
        from airworthy.artifacts.weights.health import stored_in
    except ImportError:
        return []
    return [
        {"name": each.name, "datatype": each.datatype, "shape": list(each.shape), "size": each.size}
        for each in stored_in(model)
    ]


def model_data(model: ModelInfo) -> dict[str, Any]:
    """A model's description as plain data."""
    return {**builtins(model), "size": model.size}

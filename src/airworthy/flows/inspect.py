"""What is in a model file or folder, told from its headers, and what is wrong with it wherever it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airworthy.check import predict
from airworthy.core.keys import Area
from airworthy.core.model import ModelInfo
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import Report
from airworthy.core.settings import Settings
from airworthy.core.words import say
from airworthy.flows.files import model_path
from airworthy.report.plain import builtins


def inspect(
    path: str | Path,
    *,
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> Report:
    """Tell what a model is. The answer's `model` holds a `ModelInfo` as plain data, with its `size` in bytes.

    Only causes that need nothing but the model are asked: the same file gives the same report on every host.

    Args:
        path: a model file or folder.
        settings: which causes are turned off; none when None.
        progress: told the stages.

    Raises:
        InputNotFound: the path leads nowhere.
        NotAModel: there is no model in it.
    """
    from airworthy.artifacts.identify import inspect as identify
    from airworthy.causes.registry import CAUSES
    from airworthy.knowledge import Knowledge

    with model_path(path) as found:
        progress.stage(say("reading {path}", path=path))
        inspection = identify(found)
    ignore = (settings or Settings()).check.ignore
    results = predict(inspection.facts, CAUSES, Knowledge(), areas=(Area.MODEL,), ignore=ignore)
    answer = {"model": model_data(inspection.model)}
    return Report(verb="inspect", subject=str(path), results=results, answer=answer)


def model_data(model: ModelInfo) -> dict[str, Any]:
    """A model's description as plain data."""
    return {**builtins(model), "size": model.size}

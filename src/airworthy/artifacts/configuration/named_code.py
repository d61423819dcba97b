"""Python that the configurations in a model's folder make loaders import."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.core.values import EmbeddedCode

_OWN_MODULES = ("sentence_transformers",)
_OWN_LIBRARIES = frozenset(
    """
    diffusers transformers sentence_transformers onnxruntime flax optimum torch timm stable_diffusion
    k_diffusion spandrel diffusers.modular_pipelines
    """.split()  # noqa: SIM905 - a list of words reads better
)
"""Libraries that `model_index.json` may name besides those that start so; another is a module, perhaps beside it."""


def auto_map(member: str, config: Any) -> Iterator[EmbeddedCode]:
    """The classes that a loader is to import from Python files beside the weights, or from another repository."""
    mapping = config.get("auto_map") if isinstance(config, dict) else None
    for use, target in mapping.items() if isinstance(mapping, dict) else ():
        for name in target if isinstance(target, list) else [target]:
            if isinstance(name, str) and name:
                where = name.partition("--")[0] if "--" in name else ""
                detail = say("{use} is Python code beside the weights", use=str(use)[:100])
                if where:
                    detail = say(
                        "{use} is Python code of the repository {where}", use=str(use)[:100], where=where[:200]
                    )
                yield _code(member, name, detail)


def configured_code(name: str, content: Any) -> Iterator[EmbeddedCode]:
    """What one JSON file of a folder makes loaders import.

    Args:
        name: the file, relative to the folder, with slashes.
        content: what it holds.
    """
    base = name.rpartition("/")[2]
    yield from auto_map(name, content)
    if isinstance(content, dict):
        pipelines = content.get("custom_pipelines")
        for task, pipeline in pipelines.items() if isinstance(pipelines, dict) else ():
            target = pipeline.get("impl") if isinstance(pipeline, dict) else None
            if isinstance(target, str) and target:
                yield _code(
                    name, target, say("the pipeline {task} is Python code beside the weights", task=str(task)[:100])
                )
    if base == "modules.json" and isinstance(content, list):
        for module in content:
            kind = module.get("type") if isinstance(module, dict) else None
            if isinstance(kind, str) and kind.partition(".")[0] not in _OWN_MODULES:
                yield _code(name, kind, say("sentence-transformers imports it as a module of the model"))
    if base == "model_index.json" and isinstance(content, dict):
        yield from _pipeline(name, content)


def _pipeline(name: str, index: dict[str, Any]) -> Iterator[EmbeddedCode]:
    """The pipeline and the parts of it that diffusers imports from elsewhere than its own libraries."""
    for part, value in index.items():
        if isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value):
            library, kind = value
            if part == "_class_name" or not _is_own(library):
                detail = say("{part} is Python code beside the weights", part=part[:100])
                yield _code(name, f"{library}.{kind}", detail)


def _is_own(library: str) -> bool:
    return library in _OWN_LIBRARIES or library.startswith(("diffusers.pipelines.", "transformers.", "diffusers."))


def _code(member: str, name: str, detail: str) -> EmbeddedCode:
    return EmbeddedCode(member=member, kind="auto-map", name=name[:200], detail=detail)

"""The models that one service serves, by name and version: the one place where a protocol looks them up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Union

import msgspec

from airworthy.core.messages import say
from airworthy.serve import errors
from airworthy.serve.metrics.statistics import ModelStatistics
from airworthy.serve.models.served import ServedModel
from airworthy.serve.models.served_generator import ServedGenerator
from airworthy.serve.models.version import VERSION

Served = Union[ServedModel, ServedGenerator]
"""A model that takes batches of tensors, or one that generates text."""


class ModelState(msgspec.Struct, omit_defaults=True):
    """A model in the repository's index."""

    name: str
    """The model's name."""
    version: str
    """Its version."""
    state: str
    """`READY`, `LOADING` or `UNAVAILABLE`."""
    reason: str = ""
    """Why it is not ready."""


class Models(Mapping[str, Served]):
    """The models by name, in the order in which they were given."""

    def __init__(self, models: Mapping[str, Served]) -> None:
        self._models = models

    def __getitem__(self, name: str) -> Served:
        """The model of a name."""
        return self._models[name]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._models)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._models)

    def find(self, name: str, version: str = "") -> Served:
        """The model of a name.

        Args:
            name: the model's name.
            version: its version; empty for whatever is served.

        Raises:
            UnknownModel: no such model, or no such version of it.
        """
        served = self._models.get(name)
        if served is None:
            raise errors.UnknownModel(name=name, served=tuple(self._models))
        if version not in ("", VERSION):
            wrong = say("{name} version {version}", name=name, version=version)
            raise errors.UnknownModel(name=wrong, served=(say("{name} version 1", name=name),))
        return served

    def batches(self, name: str, version: str = "") -> ServedModel:
        """A model that takes batches of tensors.

        Raises:
            UnknownModel: no such model, or no such version of it.
            NotThisTask: it generates text.
        """
        served = self.find(name, version)
        if not isinstance(served, ServedModel):
            raise errors.NotThisTask(
                name=served.name, task=say("inference on tensors"), because="", path="/v1/chat/completions"
            )
        return served

    def generator(self, name: str, task: str) -> ServedGenerator:
        """A model that generates text.

        Raises:
            UnknownModel: no such model.
            NotThisTask: it takes tensors; the message says where.
        """
        served = self.find(name)
        if not isinstance(served, ServedGenerator):
            raise errors.NotThisTask(name=served.name, task=task, because="", path=f"/v2/models/{served.name}/infer")
        return served

    @property
    def ready(self) -> bool:
        """Whether every model takes requests that was not unloaded on purpose."""
        return all(served.unloaded or served.ready for served in self._models.values())

    def statistics(self, name: str = "", version: str = "") -> list[ModelStatistics]:
        """What one model, or every model, has done so far.

        Raises:
            UnknownModel: no such model, or no such version of it.
        """
        chosen = [self.find(name, version)] if name else list(self._models.values())
        return [served.statistics() for served in chosen]

    def index(self, *, ready_only: bool = False) -> list[ModelState]:
        """The state of every model, of those alone that are ready where that is asked."""
        states = [_state(served) for served in self._models.values()]
        return [state for state in states if state.state == "READY"] if ready_only else states


def _state(served: Served) -> ModelState:
    if served.ready:
        return ModelState(served.name, VERSION, "READY")
    state = "LOADING" if not served.unloaded and served.state == "starting" else "UNAVAILABLE"
    return ModelState(served.name, VERSION, state, served.state)

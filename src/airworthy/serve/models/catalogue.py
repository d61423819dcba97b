"""The models that one service serves, by name and version: the one place where a protocol looks them up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, Union

import msgspec

from airworthy.core.messages import say
from airworthy.serve import errors
from airworthy.serve.metrics.statistics import ModelStatistics
from airworthy.serve.models.served import ServedModel
from airworthy.serve.models.served_generator import ServedGenerator

Served = Union[ServedModel, ServedGenerator]
"""A model that takes batches of tensors, or one that generates text."""
StickyKey = Callable[[], bytes]
"""Gives what requests of one conversation, else of one caller, have in common."""


class CanaryShare(Protocol):
    """Decides which version gets a request while a canary has a share of them."""

    def choose(self, served: Served, sticky: StickyKey) -> Served:
        """The version for a request.

        Args:
            served: the version that takes the rest.
            sticky: what it has in common with others.
        """


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
        self._models = dict(models)
        self._beside: dict[str, dict[str, Served]] = {}
        self._shares: dict[str, CanaryShare] = {}
        self._on_change: list[Callable[[str], None]] = []

    def __getitem__(self, name: str) -> Served:
        """The model of a name."""
        return self._models[name]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._models)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._models)

    # --- releases -------------------------------------------------------------------------------------------------

    def on_change(self, call: Callable[[str], None]) -> None:
        """Call something with a model's name whenever one of its versions comes, goes, or takes the requests."""
        self._on_change.append(call)

    def versions(self, name: str) -> tuple[str, ...]:
        """The versions of a model that are loaded, the one that takes requests first."""
        return (self._models[name].version, *self._beside.get(name, ()))

    def beside(self, name: str) -> tuple[Served, ...]:
        """The versions of a model that are loaded and take no requests but those that name them."""
        return tuple(self._beside.get(name, {}).values())

    def switch(self, name: str, served: Served, keep: Served | None) -> None:
        """Let another version take the requests of a name, in one step.

        Args:
            name: the model's name.
            served: the version.
            keep: the version that can still be named, that which took them until now; None for no other.
        """
        self._shares.pop(name, None)
        self._models[name] = served
        self._beside[name] = {} if keep is None else {keep.version: keep}
        served.watch()
        self._changed(name)

    def set_beside(self, name: str, others: Sequence[Served]) -> None:
        """Set which versions can be named, beside the one that takes requests."""
        self._beside[name] = {served.version: served for served in others}
        self._changed(name)

    def set_share(self, name: str, share: CanaryShare | None) -> None:
        """Give a share of a model's requests to another version; None ends that."""
        if share is None:
            self._shares.pop(name, None)
        else:
            self._shares[name] = share

    def _changed(self, name: str) -> None:
        for call in self._on_change:
            call(name)

    # --- look-up --------------------------------------------------------------------------------------------------

    def find(self, name: str, version: str = "", sticky: StickyKey | None = None) -> Served:
        """The model of a name.

        Args:
            name: the model's name.
            version: its version; empty for whatever is served.
            sticky: what requests have in common that get the same version while a canary has a share of them.

        Raises:
            UnknownModel: no such model, or no such version of it.
        """
        served = self._models.get(name)
        if served is None:
            raise errors.UnknownModel(name=name, served=tuple(self._models))
        if version:
            return served if version == served.version else self._version(name, version)
        if sticky is not None and self._shares and name in self._shares:
            return self._shares[name].choose(served, sticky)
        return served

    def _version(self, name: str, version: str) -> Served:
        found = self._beside.get(name, {}).get(version)
        if found is None:
            wrong = say("{name} version {version}", name=name, version=version)
            known = tuple(say("{name} version {version}", name=name, version=each) for each in self.versions(name))
            raise errors.UnknownModel(name=wrong, served=known)
        return found

    def batches(self, name: str, version: str = "", sticky: StickyKey | None = None) -> ServedModel:
        """A model that takes batches of tensors; arguments as `find`.

        Raises:
            UnknownModel: no such model, or no such version of it.
            NotThisTask: it generates text.
        """
        served = self.find(name, version, sticky)
        if not isinstance(served, ServedModel):
            raise errors.NotThisTask(
                name=served.name, task=say("inference on tensors"), because="", path="/v1/chat/completions"
            )
        return served

    def generator(self, name: str, task: str, sticky: StickyKey | None = None) -> ServedGenerator:
        """A model that generates text.

        Args:
            name: the model's name.
            task: what is requested, for the message.
            sticky: as `find`.

        Raises:
            UnknownModel: no such model.
            NotThisTask: it takes tensors; the message says where.
        """
        served = self.find(name, "", sticky)
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
        return ModelState(served.name, served.version, "READY")
    state = "LOADING" if not served.unloaded and served.state == "starting" else "UNAVAILABLE"
    return ModelState(served.name, served.version, state, served.state)

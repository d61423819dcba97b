"""What a key is: the name and type of one fact, and the list of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Area(str, Enum):
    """What a fact is about; a check is asked only when the areas it needs are in question."""

    HOST = "host"
    """The machine."""
    ENVIRONMENT = "environment"
    """The Python environment."""
    MODEL = "model"
    """The model file or folder."""
    WEIGHTS = "weights"
    """The numbers in a model's files, which are read only when asked for."""
    OPERATORS = "operators"
    """A model's operators checked on targets, which is done only on request."""
    TARGET = "target"
    """What is to be started: address, engine."""
    BATTERY = "battery"
    """How devices did in the battery of `check --probe`, which is run only when asked for."""
    PLAN = "plan"
    """What is meant to be installed and run, and is not there to be inspected."""
    SETTINGS = "settings"
    """What the settings ask of a machine."""


KEYS: dict[str, Key[Any]] = {}
"""All keys by name."""


@dataclass(frozen=True, eq=False)
class Key(Generic[T]):
    """The name and type of one fact."""

    name: str
    """Dotted and lower case, `nvidia.driver`."""
    type: Any
    """The Python type of its value, as msgspec reads it from JSON."""
    area: Area
    """What it is about."""
    doc: str
    """One sentence, with the unit."""

    def __post_init__(self) -> None:
        if self.name in KEYS:
            raise ValueError(f"two keys are named {self.name}")
        KEYS[self.name] = self

    def __str__(self) -> str:
        return self.name


def on_host(name: str, type_: type[T], doc: str) -> Key[T]:
    """A key of a fact of the machine."""
    return Key(name, type_, Area.HOST, doc)

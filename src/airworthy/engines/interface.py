"""An engine: says whether it can load a model, and loads it into a runner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Union, runtime_checkable

import msgspec

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.facts import Facts
from airworthy.core.model import ModelInfo, TensorSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from airworthy.engines.generation import GeneratorRunner

    Tensors = Mapping[str, NDArray[Any]]
else:
    Tensors = Mapping


class RunnerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a runner is to run; plain data, it crosses to the worker process as MessagePack."""

    threads: int = 1
    """Threads that it may keep busy in all."""
    lanes: int = 1
    """Batches that may run at the same time, sharing those threads; more than one only where the engine can."""
    slots: int = 0
    """Requests that a generator takes at a time; 0 leaves it to the engine."""
    context: int = 0
    """Tokens of one request of a generator, prompt and answer together; 0 leaves it to the engine."""
    cache_type: str = "f16"
    """The type that a generator keeps keys and values in: `f16`, `q8_0`."""
    device: str = "cpu"
    """Where it runs: `cpu`, `cuda:0`."""


class LoadFailed(AirworthyError):
    """The engine could not load the model."""

    code = "load-failed"
    message = "{engine} could not load {path}: {detail}"
    hint = "run `airworthy inspect {path}` to see what it is"
    exit = Exit.FINDINGS


LONGEST_DETAIL = 4000
"""Characters of a runtime's error that are kept. ONNX Runtime names its newest operator set after the 700th."""


class RunFailed(AirworthyError):
    """The engine failed on a batch; no input is to blame as far as is known."""

    code = "run-failed"
    message = "the model failed on this input: {detail}"


class InvalidInput(AirworthyError):
    """A tensor that the model doesn't take."""

    code = "invalid-input"
    message = "{detail}"


class BatchRunner(Protocol):
    """A loaded model that takes a batch and gives a batch: our scheduler forms the batches.

    `run` is called by as many threads at a time as it has lanes.
    """

    lanes: int
    """How many batches it takes at the same time: 1, or what the options allowed."""
    inputs: tuple[TensorSpec, ...]
    """What it takes, as the runtime itself says."""
    outputs: tuple[TensorSpec, ...]
    """What it gives, as the runtime itself says."""

    def run(self, batch: Tensors) -> Tensors:
        """Run one batch: arrays by input name, first axis the batch; arrays by output name come back.

        Raises:
            InvalidInput: a name, element type or shape that the model doesn't take.
            RunFailed: the runtime failed.
        """

    def run_exclusive(self, batch: Tensors) -> Tensors:
        """Run one batch while no other runs. Equivalent to `run` if the runtime cannot use more threads."""

    def interrupt(self, thread: int) -> None:
        """Let the run of a thread, by its identifier, fail soon, if the runtime can; called by another thread."""

    def close(self) -> None:
        """Release the model. Calling it twice is harmless."""


class Engine(Protocol):
    """A runtime."""

    name: str
    """Its name in settings and reports."""
    extra: str
    """The extra that installs it, or empty."""
    automatic: bool
    """Whether it may be chosen for a model without being named."""
    generates: bool
    """Whether its runners generate text, and take no batches."""

    def refuses(self, model: ModelInfo, facts: Facts) -> str:
        """Why it can't load the model, one line, or empty where it can; nothing is imported or read for it."""

    def load(self, model: ModelInfo, options: RunnerOptions) -> Union[BatchRunner, GeneratorRunner]:
        """Load the model; the library is imported now.

        Raises:
            ExtraMissing: the library isn't installed.
            LoadFailed: the runtime refused the model.
        """


class WeightContents(NamedTuple):
    """The weights of a model that lie on no disk as they are."""

    entry: bytes
    """What the file that an engine loads holds."""
    beside: Mapping[str, bytes]
    """Other files, by the names that the first one knows them by."""


@runtime_checkable
class LoadsFromMemory(Protocol):
    """An engine that can load a model without a file: the one kind that takes encrypted models."""

    def load_from_memory(self, model: ModelInfo, contents: WeightContents, options: RunnerOptions) -> BatchRunner:
        """Load the model from its contents; nothing of them is written anywhere.

        Raises:
            ExtraMissing: the library isn't installed.
            LoadFailed: the runtime refused the model.
        """

"""The engine for ONNX models: ONNX Runtime, in this process, on the CPU unless set otherwise."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import threading
from collections.abc import Callable
from pathlib import Path
from threading import get_ident
from typing import Any

from airworthy.core import keys
from airworthy.core.errors import ExtraMissing
from airworthy.core.facts import Facts, Known
from airworthy.core.messages import say
from airworthy.core.model import ANY_RANK, DATATYPES, ModelInfo, TensorSpec
from airworthy.engines.datatypes import NUMPY, ONNX_RUNTIME
from airworthy.engines.inputs import check_inputs
from airworthy.engines.interface import (
    LONGEST_DETAIL,
    InvalidInput,
    LoadFailed,
    RunFailed,
    RunnerOptions,
    Tensors,
    WeightContents,
)
from airworthy.engines.sentence_graph import appended
from airworthy.knowledge.loaders import conversions

DISTRIBUTIONS = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnxruntime-openvino",
    "onnxruntime-rocm",
    "onnxruntime-migraphx",
    "onnxruntime-qnn",
    "onnxruntime-cann",
    "onnxruntime-training",
)
"""The distributions that hold the library, one for each kind of accelerator."""
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_CONVERSIONS = {
    "encrypted": "give its key: `[serve.decryption] key`",
    "safetensors": "the weights alone do not say what the model is: name a folder with its config.json",
    "pytorch": "export it where its class is defined: `torch.onnx.export(model, args, 'model.onnx', dynamo=True)`",
    "pytorch/TorchScript": "export it with example inputs: "
    "`torch.onnx.export(torch.jit.load({path}), args, 'model.onnx', dynamo=False)`",
    "pickle": "it holds code: export the model where it was made",
}
_TOOLS = {
    "huggingface": "pip install 'optimum-onnx[onnxruntime]'",
    "pickle": "pip install skl2onnx",
    "pytorch": "pip install onnxscript",
}
"""What the commands of the table need, by format."""
_SLOWER = {"cpu": ["SkipLayerNormFusion"]}
"""Fusions that cost more than they save, by device. The CPU's kernel for a skip with layer normalisation goes number by
number: 97 µs for 41 rows of 384, beside 18 µs for a normalisation and 15 µs for a sum (1.31.1, x86-64 with AVX-512)."""
_ONNX_BF16 = 16
_FROM_MEMORY = "add_external_initializers_from_files_in_memory"
_ERRORS_ONLY = 3


def _way(model: ModelInfo) -> str:
    """How a model of another format becomes ONNX: the command of the table, or what its maker has to do."""
    command = next((way.command for way in conversions(model) if way.to == "onnx"), "")
    if command:
        tool = _TOOLS.get(model.format, "")
        return say("`{tool}`, then `{command}`", tool=tool, command=command) if tool else f"`{command}`"
    kind = model.metadata.get("kind", "")
    template = _CONVERSIONS.get(f"{model.entry_format}/{kind}") or _CONVERSIONS.get(model.entry_format)
    return say(template, path=repr(model.path)) if template else ""


class OnnxRuntime:
    """The engine."""

    name = "onnxruntime"
    extra = "onnx"
    automatic = True
    generates = False

    def refuses(self, model: ModelInfo, facts: Facts) -> str:
        """Why it can't load the model, from the model's headers and the installed distributions."""
        if model.entry_format != "onnx":
            told = say("it loads ONNX, and this is {format}", format=model.entry_format or say("of an unknown format"))
            way = _way(model)
            return f"{told}; {way}" if way else told
        for spec in (*model.inputs, *model.outputs):
            kind = spec.datatype.partition("(")[0]
            if kind in ("SEQUENCE", "MAP"):
                template = "{name!r} is no tensor but a {kind}; export the model again, with `zipmap=False` in skl2onnx"
                return say(template, name=spec.name, kind=kind.lower())
            if spec.datatype not in DATATYPES:
                return say("{name!r} has element type {type}, which no array has", name=spec.name, type=spec.datatype)
        installed = facts.fact(keys.DISTRIBUTIONS)
        if isinstance(installed, Known) and not any(each.name in DISTRIBUTIONS for each in installed.value):
            return say("onnxruntime is not installed: pip install 'airworthy[{extra}]'", extra=self.extra)
        return ""

    def load(self, model: ModelInfo, options: RunnerOptions) -> OnnxRuntimeRunner:
        """Make a session of the model's entry."""
        return self._load(model, options, None)

    def load_from_memory(self, model: ModelInfo, contents: WeightContents, options: RunnerOptions) -> OnnxRuntimeRunner:
        """Make a session of the bytes of the model's entry, and of the files that its weights go on in."""
        return self._load(model, options, contents)

    def _load(self, model: ModelInfo, options: RunnerOptions, contents: WeightContents | None) -> OnnxRuntimeRunner:
        # It reports to its maker unless set otherwise before it is imported, from version 1.29 on Linux as well.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        try:
            import numpy as np  # noqa: F401 - a missing NumPy shows now, and not at the first batch
            import onnxruntime
        except ImportError as error:
            if error.name in ("numpy", "onnxruntime"):
                raise ExtraMissing(job=say("loading ONNX"), library=error.name, extra=self.extra) from None
            raise self._failed(model, error) from None
        providers = self._providers(model, options, onnxruntime.get_available_providers())

        def make(threads: int) -> Any:
            settings = _session_options(onnxruntime, threads, varies=_varies(model.inputs))
            if contents is not None and contents.beside:
                names, parts = list(contents.beside), list(contents.beside.values())
                settings.add_external_initializers_from_files_in_memory(names, parts, [len(part) for part in parts])
            source, more = model.entry if contents is None else contents.entry, appended(model)
            if more:
                source = _joined(source, more)
                folder = str(Path(model.entry).parent)
                settings.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
            slower = _SLOWER.get(_kind(options.device))
            return onnxruntime.InferenceSession(
                source, sess_options=settings, providers=providers, disabled_optimizers=slower
            )

        if contents is not None and contents.beside and not hasattr(onnxruntime.SessionOptions, _FROM_MEMORY):
            told = "this version of it takes no weights beside the graph from memory; upgrade it"
            raise self._failed(model, say(told))

        try:
            session = make(options.threads)
        except Exception as error:  # noqa: BLE001 - the runtime's exceptions have no common base
            raise self._failed(model, error) from None
        # Where a provider can't start, the runtime goes on without it and says so in its log alone.
        wanted = _PROVIDERS[_kind(options.device)]
        if session.get_providers()[0] != wanted:
            raise self._failed(model, say("{provider} did not start", provider=wanted))
        lanes = options.lanes if _kind(options.device) == "cpu" and options.threads > 1 else 1
        narrow = _Later(lambda: make(max(1, options.threads // lanes))) if lanes > 1 else None
        return OnnxRuntimeRunner(
            session, self._specs(model, session.get_inputs()), self._specs(model, session.get_outputs()), lanes, narrow
        )

    def _providers(self, model: ModelInfo, options: RunnerOptions, available: list[str]) -> list[Any]:
        kind = _kind(options.device)
        provider = _PROVIDERS.get(kind)
        if provider is None or provider not in available:
            template = "this build of it has no device {device!r}; it has {available}"
            raise self._failed(model, say(template, device=options.device, available=tuple(available)))
        if kind == "cpu":
            return [provider]
        number = options.device.partition(":")[2] or "0"
        return [(provider, {"device_id": number}), _PROVIDERS["cpu"]]

    def _specs(self, model: ModelInfo, nodes: list[Any]) -> tuple[TensorSpec, ...]:
        declared = {spec.name: spec for spec in (*model.inputs, *model.outputs)}
        return tuple(self._spec(model, node, declared.get(node.name)) for node in nodes)

    def _spec(self, model: ModelInfo, node: Any, declared: TensorSpec | None) -> TensorSpec:
        if node.type not in ONNX_RUNTIME:
            raise self._failed(model, say("{name!r} is {type}, which no array holds", name=node.name, type=node.type))
        if declared is not None and declared.symbols == ANY_RANK:
            # The runtime describes an unknown number of axes and none at all the same way; the file distinguishes them.
            return TensorSpec(node.name, ONNX_RUNTIME[node.type], (-1,), ANY_RANK)
        shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
        symbols = tuple(size if isinstance(size, str) else "" for size in node.shape)
        return TensorSpec(node.name, ONNX_RUNTIME[node.type], shape, symbols if any(symbols) else ())

    def _failed(self, model: ModelInfo, problem: object) -> LoadFailed:
        return LoadFailed(engine=self.name, path=model.entry, detail=_one_line(problem, LONGEST_DETAIL))


def _joined(source: str | bytes, more: bytes) -> bytes:
    """A model with what is appended to it: protobuf joins the parts of a message that stands twice."""
    if isinstance(source, bytes):
        return source + more
    with open(source, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:  # noqa: PTH123
        return b"".join((content, more))


class _Later:
    """A second session, made in the background the first time that it is requested."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._begun = False
        self._session: Any = None

    def get(self) -> Any:
        """The session, or None as long as it isn't there."""
        if not self._begun:
            with self._lock:
                begin, self._begun = not self._begun, True
            if begin:
                threading.Thread(target=self._build, daemon=True).start()
        return self._session

    def _build(self) -> None:
        # It was made once with other threads, so what fails now is memory: the first session goes on alone.
        with contextlib.suppress(Exception):
            self._session = self._make()

    def close(self) -> None:
        """Release the session."""
        self._begun, self._session = True, None


class OnnxRuntimeRunner:
    """Sessions of ONNX Runtime: one with all threads for a batch that runs alone, one with few for several at a time.

    On a CPU, batches that run side by side on few threads each give more than one after the other on all: every
    operator that is split over threads waits for the slowest of them. The second session costs the model's memory
    again, so it is made only when batches do come at the same time.
    """

    def __init__(
        self,
        session: Any,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        lanes: int = 1,
        narrow: _Later | None = None,
    ) -> None:
        self._session = session
        self._narrow = narrow
        self.lanes = lanes
        self.inputs = inputs
        self.outputs = outputs
        self._names = [spec.name for spec in outputs]
        self._running: dict[int, Any] = {}
        self._by_value = any(spec.datatype == "BF16" for spec in (*inputs, *outputs))

    def run(self, batch: Tensors) -> Tensors:
        """Run one batch, beside others where it has lanes."""
        narrow = self._narrow.get() if self._narrow is not None else None
        return self._run(narrow or self._session, batch)

    def run_exclusive(self, batch: Tensors) -> Tensors:
        """Run one batch on all threads."""
        return self._run(self._session, batch)

    def _run(self, session: Any, batch: Tensors) -> Tensors:
        if session is None:
            raise RunFailed(detail=say("the model was closed"))
        check_inputs(self.inputs, batch)
        feed = {spec.name: _as_text(batch[spec.name], spec) for spec in self.inputs}
        options = _run_options()
        self._running[get_ident()] = options
        try:
            if self._by_value:
                answers = self._run_values(session, feed, options)
            else:
                answers = session.run(self._names, feed, options)
        except Exception as error:  # noqa: BLE001 - the runtime's exceptions have no common base
            raise RunFailed(detail=_one_line(error)) from None
        finally:
            del self._running[get_ident()]
        return {spec.name: _as_bytes(answer, spec) for spec, answer in zip(self.outputs, answers, strict=True)}

    def interrupt(self, thread: int) -> None:
        """Let the run of a thread end before its next operator."""
        options = self._running.get(thread)
        if options is not None:
            options.terminate = True

    def close(self) -> None:
        """Release the sessions."""
        self._session = None
        if self._narrow is not None:
            self._narrow.close()

    def _run_values(self, session: Any, batch: dict[str, Any], options: Any) -> list[Any]:
        """Run with the runtime's own values: it passes no bfloat16 through NumPy, so bits go in and come out."""
        from onnxruntime import OrtValue

        feed = {
            spec.name: OrtValue.ortvalue_from_numpy_with_onnx_type(batch[spec.name], _ONNX_BF16)
            if spec.datatype == "BF16"
            else OrtValue.ortvalue_from_numpy(batch[spec.name])
            for spec in self.inputs
        }
        values = session.run_with_ort_values(self._names, feed, options)
        return [
            _bits(value) if spec.datatype == "BF16" else value.numpy()
            for spec, value in zip(self.outputs, values, strict=True)
        ]


def _run_options() -> Any:
    from onnxruntime import RunOptions

    return RunOptions()


def _bits(value: Any) -> Any:
    import numpy as np

    raw = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    return np.frombuffer(raw, dtype=NUMPY["BF16"]).reshape(value.shape())


def _as_text(array: Any, spec: TensorSpec) -> Any:
    """An input as the runtime takes it: it would write bytes as Python shows them, with their `b` and quotes."""
    if spec.datatype != "BYTES":
        return array
    import numpy as np

    items = np.empty(array.shape, dtype=object)
    try:
        items.reshape(-1)[:] = [item.decode("utf-8") if isinstance(item, bytes) else item for item in array.flat]
    except UnicodeDecodeError as error:
        told = say("input {name!r} is not UTF-8: {problem}", name=spec.name, problem=error.reason)
        raise InvalidInput(detail=told) from None
    return items


def _as_bytes(array: Any, spec: TensorSpec) -> Any:
    """An answer as the protocol has it: the runtime gives texts as `str`."""
    if spec.datatype != "BYTES":
        return array
    import numpy as np

    items = np.empty(array.shape, dtype=object)
    items.reshape(-1)[:] = [item.encode("utf-8") if isinstance(item, str) else item for item in array.flat]
    return items


def _varies(inputs: tuple[TensorSpec, ...]) -> bool:
    """Whether a size varies beside the batch."""
    return any(size < 0 for spec in inputs for size in spec.shape[1:])


def _session_options(onnxruntime: Any, threads: int, *, varies: bool) -> Any:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    settings.log_severity_level = _ERRORS_ONLY
    # The runtime keeps a plan of its memory for each shape that it has met: with texts of all lengths that grows for
    # hours, 11 MB in the first thousand, and takes longer than it saves: 1 % of a run, 6 % of a short one.
    settings.enable_mem_pattern = not varies
    # Threads that wait for each other within a run are woken too late to be of use, so they spin: an eighth less for a
    # run on two cores. Between runs they would take the cores from the tokeniser, the gateway and other workers.
    settings.add_session_config_entry("session.force_spinning_stop", "1")
    return settings


def _kind(device: str) -> str:
    return device.partition(":")[0]


def _one_line(problem: object, longest: int = 500) -> str:
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text if len(text) <= longest else text[:longest] + " …"


ENGINE = OnnxRuntime()

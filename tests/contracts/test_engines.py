"""What holds for every engine: it answers as the reference does, and tells the sender of a bad batch what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest

import models
from airworthy.artifacts.identify import inspect
from airworthy.core import keys
from airworthy.core.errors import ExtraMissing, UnknownName
from airworthy.core.facts import Facts, Known
from airworthy.core.model import ModelInfo, Sealed, TensorSpec
from airworthy.core.values import Distribution
from airworthy.core.version import Version
from airworthy.engines.interface import (
    BatchRunner,
    InvalidInput,
    LoadFailed,
    LoadsFromMemory,
    RunFailed,
    RunnerOptions,
    WeightContents,
)
from airworthy.engines.registry import ENGINES
from airworthy.engines.select import NoEngine, select

Batch = dict[str, Any]
INSTALLED = Facts(
    {keys.DISTRIBUTIONS.name: Known((Distribution(name="onnxruntime", version=Version("1.20.0")),), "test")}
)
BARE = Facts({keys.DISTRIBUTIONS.name: Known((), "test")})


def rows(count: int) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, 2)).astype(np.float32)


def tokens(count: int) -> Batch:
    chance = np.random.default_rng(count)
    ids = chance.integers(1, models.VOCABULARY, size=(count, 7))
    mask = np.ones((count, 7), dtype=np.int64)
    mask[count // 2 :, 4:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def embed(batch: Batch) -> Batch:
    weight = batch["attention_mask"][:, :, None].astype(np.float32)
    vectors = models.text_table()[batch["input_ids"]]
    return {"sentence_embedding": (vectors * weight).sum(axis=1) / weight.sum(axis=1)}


def texts(count: int) -> Batch:
    column = np.empty((count, 1), dtype=object)
    column[:, 0] = [f"text {n} ü".encode() for n in range(count)]
    return {"text": column}


CASES: dict[str, tuple[Callable[[Path], Path], Callable[[int], Batch], Callable[[Batch], Batch]]] = {
    "linear": (
        models.linear,
        lambda count: {"x": rows(count)},
        lambda batch: {"y": batch["x"] @ models.LINEAR_WEIGHT + models.LINEAR_BIAS},
    ),
    "text": (models.text, tokens, embed),
    "strings": (models.strings, texts, lambda batch: {"same": batch["text"]}),
    "bfloat16": (
        models.bfloat16,
        lambda count: {"x": (rows(count).view(np.uint32) >> 16).astype(np.uint16)},
        lambda batch: {"same": batch["x"]},
    ),
}
COMPUTES = ("onnxruntime",)
"""Engines that are to give the model's own answers; the others give answers of its form."""


@pytest.fixture(params=[name for name in ENGINES.names() if not ENGINES.get(name).generates])
def engine(request: pytest.FixtureRequest) -> Any:
    return ENGINES.get(request.param)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def model(case: str, tmp_path: Path) -> ModelInfo:
    return inspect(CASES[case][0](tmp_path / "model.onnx")).model


@pytest.fixture
def runner(engine: Any, model: ModelInfo) -> Iterator[BatchRunner]:
    assert engine.refuses(model, INSTALLED) == ""
    made = engine.load(model, RunnerOptions())
    yield made
    made.close()


def same(found: Any, wanted: Any) -> None:
    if wanted.dtype == object:
        assert found.tolist() == wanted.tolist()
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_it_tells_the_interface_that_the_file_declares(runner: BatchRunner, model: ModelInfo) -> None:
    assert runner.inputs == model.inputs
    assert runner.outputs == model.outputs


@pytest.mark.parametrize("count", [1, 5])
def test_an_answer_has_the_declared_form_and_is_the_references(
    engine: Any, runner: BatchRunner, case: str, count: int
) -> None:
    _, make, reference = CASES[case]
    batch = make(count)
    answer, wanted = runner.run(batch), reference(batch)
    assert list(answer) == list(wanted)
    for name, array in wanted.items():
        assert answer[name].shape == array.shape
        assert answer[name].dtype == array.dtype
        if engine.name in COMPUTES:
            same(answer[name], array)


def test_a_batch_gives_what_its_rows_give_one_by_one(runner: BatchRunner, case: str) -> None:
    batch = CASES[case][1](6)
    whole = runner.run(batch)
    single = [runner.run({name: array[row : row + 1] for name, array in batch.items()}) for row in range(6)]
    for name, array in whole.items():
        same(array, np.concatenate([each[name] for each in single]))


def test_a_wrong_name_is_told(runner: BatchRunner, case: str) -> None:
    batch = CASES[case][1](1)
    with pytest.raises(InvalidInput, match="no input named 'extra'"):
        runner.run({**batch, "extra": next(iter(batch.values()))})
    with pytest.raises(InvalidInput, match="is missing"):
        runner.run({})


def test_a_wrong_element_type_is_told(runner: BatchRunner, case: str) -> None:
    batch = CASES[case][1](1)
    name = next(iter(batch))
    with pytest.raises(InvalidInput, match=f"input '{name}' holds float64"):
        runner.run({**batch, name: np.zeros(batch[name].shape, dtype=np.float64)})


def test_a_wrong_shape_is_told(runner: BatchRunner, case: str) -> None:
    batch = CASES[case][1](1)
    name = next(iter(batch))
    with pytest.raises(InvalidInput, match=rf"input '{name}' has shape \[.*\], the model takes \[batch, "):
        runner.run({**batch, name: batch[name][0]})


def test_sizes_of_one_name_must_agree(engine: Any, tmp_path: Path) -> None:
    runner = engine.load(inspect(models.text(tmp_path / "model.onnx")).model, RunnerOptions())
    batch = tokens(2)
    with pytest.raises(InvalidInput, match="sequence is 6 in input 'attention_mask' and 7 in input 'input_ids'"):
        runner.run({**batch, "attention_mask": batch["attention_mask"][:, :6]})


def test_a_fixed_size_is_held_to(engine: Any, tmp_path: Path) -> None:
    runner = engine.load(inspect(models.linear(tmp_path / "model.onnx", batch=2)).model, RunnerOptions())
    assert runner.run({"x": rows(2)})["y"].shape == (2, 3)
    with pytest.raises(InvalidInput, match=r"has shape \[3, 2\], the model takes \[2, 2\]"):
        runner.run({"x": rows(3)})


def test_objects_that_are_no_text_are_told(engine: Any, tmp_path: Path) -> None:
    runner = engine.load(inspect(models.strings(tmp_path / "model.onnx")).model, RunnerOptions())
    with pytest.raises(InvalidInput, match="something else than bytes"):
        runner.run({"text": np.array([[{}]], dtype=object)})


def test_closing_twice_is_harmless_and_a_closed_one_says_so(engine: Any, tmp_path: Path) -> None:
    runner = engine.load(inspect(models.linear(tmp_path / "model.onnx")).model, RunnerOptions())
    runner.close()
    runner.close()
    with pytest.raises(RunFailed, match="closed"):
        runner.run({"x": rows(1)})


def test_the_model_of_tritonclients_examples(engine: Any, tmp_path: Path) -> None:
    runner = engine.load(inspect(models.simple(tmp_path / "simple.onnx")).model, RunnerOptions())
    left = np.arange(16, dtype=np.int32).reshape(1, 16)
    answer = runner.run({"INPUT0": left, "INPUT1": np.ones((1, 16), np.int32)})
    assert {name: (array.shape, array.dtype) for name, array in answer.items()} == {
        "OUTPUT0": ((1, 16), np.int32),
        "OUTPUT1": ((1, 16), np.int32),
    }
    if engine.name in COMPUTES:
        np.testing.assert_array_equal(answer["OUTPUT0"], left + 1)
        np.testing.assert_array_equal(answer["OUTPUT1"], left - 1)


class TestOnnxRuntime:
    """What only this engine has."""

    engine = ENGINES.get("onnxruntime")

    def load(self, path: Path, **options: Any) -> BatchRunner:
        return cast("BatchRunner", self.engine.load(inspect(path).model, RunnerOptions(**options)))

    def test_a_classifier_answers_with_labels_and_probabilities(self, tmp_path: Path) -> None:
        classifier, unseen = models.digits_classifier()
        runner = self.load(models.digits(tmp_path / "digits.onnx"), threads=2)
        label, probabilities = runner.run({runner.inputs[0].name: unseen[:200]}).values()
        np.testing.assert_array_equal(label, classifier.predict(unseen[:200]))
        np.testing.assert_allclose(probabilities, classifier.predict_proba(unseen[:200]), atol=1e-4)

    def test_bytes_that_are_no_text_are_told(self, tmp_path: Path) -> None:
        runner = self.load(models.strings(tmp_path / "model.onnx"))
        with pytest.raises(InvalidInput, match="UTF-8"):
            runner.run({"text": np.array([[b"\xff"]], dtype=object)})

    def test_external_data_is_found(self, tmp_path: Path) -> None:
        runner = self.load(models.external(tmp_path / "m"))
        same(runner.run({"x": rows(3)})["y"], rows(3) @ models.LINEAR_WEIGHT + models.LINEAR_BIAS)

    def test_a_folder_loads_by_its_entry(self, tmp_path: Path) -> None:
        runner = self.load(models.text_folder(tmp_path / "m"))
        same(runner.run(tokens(2))["sentence_embedding"], embed(tokens(2))["sentence_embedding"])

    @pytest.mark.parametrize("broken", ["opset", "truncated", "gone"])
    def test_what_the_runtime_refuses_is_one_line(self, tmp_path: Path, broken: str) -> None:
        path = models.linear(tmp_path / "model.onnx", opset=99 if broken == "opset" else 17)
        model = inspect(path).model
        if broken == "truncated":
            path.write_bytes(path.read_bytes()[:100])
        elif broken == "gone":
            path.unlink()
        with pytest.raises(LoadFailed) as told:
            self.engine.load(model, RunnerOptions())
        assert "\n" not in told.value.text
        assert "airworthy inspect" in told.value.way_out

    @pytest.mark.parametrize("device", ["cuda:0", "tpu"])
    def test_a_device_that_is_not_there_is_told(self, tmp_path: Path, device: str) -> None:
        import onnxruntime

        if device == "cuda:0" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this build of ONNX Runtime has CUDA")
        with pytest.raises(LoadFailed, match=f"no device '{device}'"):
            self.load(models.linear(tmp_path / "model.onnx"), device=device)

    def test_a_failure_inside_of_the_graph_is_one_line(self, tmp_path: Path) -> None:
        runner = self.load(models.text(tmp_path / "model.onnx"))
        batch = tokens(1)
        with pytest.raises(RunFailed) as told:
            runner.run({**batch, "input_ids": batch["input_ids"] + models.VOCABULARY})
        assert "\n" not in told.value.text

    def test_sessions_spin_within_runs_alone(self, tmp_path: Path) -> None:
        runner: Any = self.load(models.linear(tmp_path / "model.onnx"), threads=2)
        settings = runner._session.get_session_options()
        assert settings.intra_op_num_threads == 2
        assert settings.inter_op_num_threads == 1
        assert settings.get_session_config_entry("session.force_spinning_stop") == "1"
        assert runner._session.get_providers() == ["CPUExecutionProvider"]

    def test_a_missing_library_names_the_extra(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import sys

        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(ExtraMissing) as told:
            self.load(models.linear(tmp_path / "model.onnx"))
        assert told.value.way_out == "pip install 'airworthy[onnx]'"


def test_the_null_engine_takes_a_model_that_declares_nothing(tmp_path: Path) -> None:
    model = inspect(models.safetensors(tmp_path / "m.safetensors")).model
    runner = cast("BatchRunner", ENGINES.get("null").load(model, RunnerOptions()))
    same(runner.run({"x": rows(3)})["y"], rows(3))


@pytest.mark.parametrize(
    ("make", "file", "way"),
    [
        (models.safetensors, "m.safetensors", "name a folder with its config.json"),
        (models.torch_zip, "m.pt", "torch.onnx.export"),
    ],
)
def test_no_engine_tells_each_reason_and_the_conversion(
    make: Callable[[Path], Path], file: str, way: str, tmp_path: Path
) -> None:
    with pytest.raises(NoEngine, match="onnxruntime: it loads ONNX, and this is") as told:
        select(inspect(make(tmp_path / file)).model, INSTALLED)
    assert way in told.value.text


def test_the_first_engine_that_does_not_refuse_is_chosen(tmp_path: Path) -> None:
    model = inspect(models.linear(tmp_path / "model.onnx")).model
    assert select(model, INSTALLED).name == "onnxruntime"
    assert select(model, Facts()).name == "onnxruntime"  # what is unknown is no reason to refuse
    assert select(model, INSTALLED, "null").name == "null"
    with pytest.raises(NoEngine, match=r"pip install 'airworthy\[onnx\]'"):
        select(model, BARE)
    with pytest.raises(UnknownName):
        select(model, INSTALLED, "onnxruntme")


@pytest.mark.parametrize("datatype", ["SEQUENCE", "COMPLEX64"])
def test_values_that_no_array_holds_are_refused(datatype: str, tmp_path: Path) -> None:
    import msgspec

    model = inspect(models.linear(tmp_path / "model.onnx")).model
    odd = msgspec.structs.replace(model, outputs=(TensorSpec("y", datatype, (-1,)),))
    for engine in (each for each in ENGINES if not each.generates):
        assert "'y'" in engine.refuses(odd, INSTALLED)


def test_choosing_imports_no_runtime(tmp_path: Path) -> None:
    import subprocess
    import sys

    path = models.linear(tmp_path / "model.onnx")
    code = (
        "import sys\n"
        "from airworthy.artifacts.identify import inspect\n"
        "from airworthy.core.facts import Facts\n"
        "from airworthy.engines.select import select\n"
        f"select(inspect({str(path)!r}).model, Facts())\n"
        "heavy = {'numpy', 'onnxruntime', 'onnx', 'google', 'torch', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", CASES)
def test_from_memory_it_answers_as_from_a_file(engine: Any, case: str, tmp_path: Path) -> None:
    memory = engine if isinstance(engine, LoadsFromMemory) else None
    if memory is None:
        assert "no encrypted models" in _refusal(engine.name, sealed(inspect(models.linear(tmp_path / "m.onnx")).model))
        return
    make, batch, _ = CASES[case]
    path = make(tmp_path / "model.onnx")
    model, content = inspect(path).model, path.read_bytes()
    runners = [engine.load(model, RunnerOptions(threads=1))]
    path.unlink()
    runners.append(memory.load_from_memory(sealed(model), WeightContents(content, {}), RunnerOptions(threads=1)))
    first, second = (runner.run(batch(3)) for runner in runners)
    for runner in runners:
        runner.close()
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_bytes_that_are_no_model_are_not_loaded_from_memory(engine: Any, tmp_path: Path) -> None:
    model = sealed(inspect(models.linear(tmp_path / "m.onnx")).model)
    if not isinstance(engine, LoadsFromMemory):
        assert not hasattr(engine, "load_from_memory")
        return
    with pytest.raises(LoadFailed):
        engine.load_from_memory(model, WeightContents(b"\x08\x08weights", {}), RunnerOptions())


def sealed(model: ModelInfo) -> ModelInfo:
    place = Sealed(container="m.awenc", key="env:KEY", entry="m.onnx")
    return msgspec.structs.replace(model, sealed=place)


def _refusal(name: str, model: ModelInfo) -> str:
    with pytest.raises(NoEngine) as caught:
        select(model, INSTALLED, name)
    return caught.value.text

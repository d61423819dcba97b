"""Releases in a running service: switched to and back under load, refused when they are worse, and taken back."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from onnx import helper

import language_models
import models
from airworthy.core.settings import Settings, StateSettings
from airworthy.core.settings.release import ReleaseSettings
from airworthy.flows.releases.adding import add
from airworthy.flows.releases.changing import RolloutFailed, abort, promote, rollback
from airworthy.flows.releases.reading import show
from airworthy.state.releases import rollouts
from airworthy.state.releases.errors import ReleaseBusy, ReleaseDamaged
from airworthy.state.releases.rollouts import RolloutOptions
from airworthy.state.releases.table import Releases
from server.running import Running, running, until

BODY = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 2.0]}]}
FORWARD_AND_BACK = 6


def shifted(path: Path, shift: float, *, outputs: int = 3) -> Path:
    """`y = x · w + shift`, whose answer says which model it is."""
    weight = np.ones((2, outputs), np.float32)
    return models.save_graph(
        path,
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
        [("x", models.FLOAT, ["batch", 2])],
        [("y", models.FLOAT, ["batch", outputs])],
        {"w": weight, "b": np.full(outputs, shift, np.float32)},
    )


def broken(path: Path) -> Path:
    """A model that loads and answers NaN."""
    return models.save_graph(
        path,
        [helper.make_node("Sub", ["x", "x"], ["zero"]), helper.make_node("Div", ["zero", "zero"], ["y"])],
        [("x", models.FLOAT, ["batch", 2])],
        [("y", models.FLOAT, ["batch", 2])],
    )


def settings_in(folder: Path, **release: Any) -> Settings:
    return Settings(state=StateSettings(directory=str(folder / "state")), release=ReleaseSettings(**release))


@contextlib.contextmanager
def served(folder: Path, name: str, *sources: Path, **env: str) -> Iterator[tuple[Running, Settings]]:
    """A service that follows releases of these files, the first of which is promoted."""
    settings = settings_in(folder)
    for source in sources:
        add(source, name=name, settings=settings)
    promote(f"{name}@1", settings=settings)
    state = {"AIRWORTHY_STATE_DIRECTORY": str(folder / "state"), **env}
    with running("serve", name, env=state) as started:
        yield started, settings
        assert started.stop() == 0


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Settings]]:
    folder = tmp_path_factory.mktemp("two")
    sources = [shifted(folder / "one.onnx", 1.0), shifted(folder / "two.onnx", 2.0), broken(folder / "nan.onnx")]
    with served(folder, "m", *sources) as made:
        yield made


def ask(service: Running, client: Any = httpx) -> tuple[str, float]:
    """The version that an answer names, and the shift that it shows."""
    answer = client.post(f"{service.url}/v2/models/m/infer", json=BODY, timeout=10)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    return document["model_version"], document["outputs"][0]["data"][0] - 3.0


class Load:
    """Clients that ask without a pause, and keep what they got."""

    def __init__(self, service: Running, count: int) -> None:
        self.answers: list[tuple[str, float]] = []
        self.failures: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(service,)) for _ in range(count)]

    def _ask(self, service: Running) -> None:
        with httpx.Client() as client:
            while not self._over.is_set():
                try:
                    self.answers.append(ask(service, client))
                except (AssertionError, httpx.HTTPError) as error:
                    self.failures.append(repr(error))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def check_load(load: Load) -> None:
    """Each request got an answer, and each answer is that of the version that it names."""
    assert load.failures == []
    assert {version for version, _ in load.answers} == {"1", "2"}
    assert all(shift == float(version) for version, shift in load.answers)


def forward_and_back(service: Running, settings: Settings, times: int) -> Load:
    with Load(service, 4) as load:
        promoted = promote("m@2", settings=settings)
        assert promoted.rollout.detail["recorded_requests"] > 0
        for number in range(times):
            ended = rollback("m", settings=settings)
            assert ended.active == 1 + number % 2
            assert ended.rollout.detail["loaded"] == "it was still loaded"
            assert ask(service) == (str(ended.active), float(ended.active))
    return load


def test_forward_and_back_under_load(two: tuple[Running, Settings]) -> None:
    service, settings = two
    check_load(forward_and_back(service, settings, FORWARD_AND_BACK))
    if ask(service)[0] == "2":
        rollback("m", settings=settings)
    assert service.health()["models"]["m"]["version"] == "1"


@pytest.mark.slow
def test_100_times_forward_and_back_under_load(tmp_path: Path) -> None:
    with served(tmp_path, "m", shifted(tmp_path / "one.onnx", 1.0), shifted(tmp_path / "two.onnx", 2.0)) as (
        service,
        settings,
    ):
        load = forward_and_back(service, settings, 200)
        check_load(load)
        seconds = sorted(each.detail["seconds"] for each in rollouts.history(Path(settings.state.directory), "m", 200))
        print(
            f"{len(load.answers)} answers; a roll-back took {seconds[100] * 1000:.0f} ms, at most {seconds[-1]:.2f} s"
        )


def test_both_versions_can_be_named_while_they_are_loaded(two: tuple[Running, Settings]) -> None:
    service, settings = two
    promote("m@2", settings=settings)
    try:
        for version in ("1", "2"):
            answer = httpx.post(f"{service.url}/v2/models/m/versions/{version}/infer", json=BODY).json()
            assert answer["outputs"][0]["data"][0] == 3.0 + float(version)
            metadata = httpx.get(f"{service.url}/v2/models/m/versions/{version}").json()
            assert metadata["versions"] == [version]
        assert httpx.post(f"{service.url}/v2/models/m/versions/3/infer", json=BODY).status_code == 404
        document = httpx.get(f"{service.url}/openapi.json").json()
        path = document["paths"]["/v2/models/{name}/versions/{version}/infer"]["post"]["parameters"]
        assert path[1]["schema"]["enum"] == ["2", "1"]
    finally:
        rollback("m", settings=settings)


def test_a_version_that_answers_nan_is_not_served(two: tuple[Running, Settings]) -> None:
    service, settings = two
    with Load(service, 2) as load, pytest.raises(RolloutFailed, match="an answer holds NaN") as caught:
        promote("m@3", settings=settings)
    assert "what served before goes on" in caught.value.text
    assert load.failures == []
    assert {version for version, _ in load.answers} == {"1"}
    assert show("m@3", settings=settings).rollouts[0].state == "failed"


def test_a_version_whose_answers_differ_by_too_much_is_not_served(two: tuple[Running, Settings]) -> None:
    service, settings = two
    with Load(service, 2), pytest.raises(RolloutFailed, match="differ from those of the version before"):
        promote("m@2", options=RolloutOptions(max_difference=0.1), settings=settings)
    assert ask(service) == ("1", 1.0)
    detail = show("m@2", settings=settings).rollouts[0].detail
    assert detail["largest_difference"] > 0.1


def test_a_damaged_version_is_refused(two: tuple[Running, Settings], tmp_path: Path) -> None:
    service, settings = two
    damaged = add(shifted(tmp_path / "four.onnx", 4.0), name="m", settings=settings).added
    releases = Releases(Path(settings.state.directory))
    path = releases.store.served_path(damaged)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ReleaseDamaged, match=r"four\.onnx has another content"):
        promote(damaged.title, settings=settings)
    assert ask(service) == ("1", 1.0)


@pytest.mark.slow
def test_a_canary_is_sticky_and_judged(two: tuple[Running, Settings]) -> None:
    service, settings = two
    asked = RolloutOptions(samples=20, seconds=30)
    begun = promote("m@2", share=0.5, options=asked, settings=settings)
    assert begun.rollout.state == "observing"
    with pytest.raises(ReleaseBusy):
        promote("m@2", settings=settings)
    seen: dict[str, set[str]] = {}

    def ended() -> bool:
        for number in range(10):
            conversation = f"c{number}"
            answer = httpx.post(
                f"{service.url}/v2/models/m/infer", json=BODY, headers={"x-conversation-id": conversation}
            )
            assert answer.status_code == 200
            found = rollouts.under_way(Path(settings.state.directory), "m")
            if found is None or found.state != "observing":
                return True
            seen.setdefault(conversation, set()).add(answer.json()["model_version"])
        return False

    until(ended, 30)
    assert all(len(versions) == 1 for versions in seen.values())
    assert set.union(*seen.values()) == {"1", "2"}
    until(lambda: show("m@2", settings=settings).rollouts[0].ended)
    rollout = show("m@2", settings=settings).rollouts[0]
    assert rollout.state == "serving", rollout.detail
    assert rollout.detail["verdict"] == "passed"
    assert rollout.detail["answers"] >= 20
    assert ask(service)[0] == "2"
    rollback("m", settings=settings)


def test_a_canary_without_requests_never_passes(two: tuple[Running, Settings]) -> None:
    service, settings = two
    promote("m@2", share=0.5, options=RolloutOptions(samples=5, seconds=0.6), settings=settings)
    until(lambda: show("m@2", settings=settings).rollouts[0].ended)
    rollout = show("m@2", settings=settings).rollouts[0]
    assert rollout.state == "undecided"
    assert "0 answers of the new version" in rollout.detail["reason"]
    assert ask(service) == ("1", 1.0)


def test_a_shadow_answers_copies_alone(two: tuple[Running, Settings]) -> None:
    service, settings = two
    with Load(service, 2) as load:
        promote(
            "m@2", shadow=True, options=RolloutOptions(samples=10, seconds=30, max_difference=0.1), settings=settings
        )
        until(lambda: show("m@2", settings=settings).rollouts[0].ended)
    assert load.failures == []
    assert {version for version, _ in load.answers} == {"1"}
    rollout = show("m@2", settings=settings).rollouts[0]
    assert rollout.state == "failed"
    assert "largest difference 0.25" in rollout.detail["reason"]


@pytest.mark.slow
def test_an_aborted_canary_leaves_what_was_served(two: tuple[Running, Settings]) -> None:
    service, settings = two
    promote("m@2", share=0.9, options=RolloutOptions(seconds=60), settings=settings)
    assert abort("m", settings=settings).rollout.state == "aborted"
    until(lambda: all(ask(service) == ("1", 1.0) for _ in range(5)))
    assert promote("m@2", settings=settings).active == 2  # nothing is left under way
    rollback("m", settings=settings)


@pytest.mark.slow
def test_a_service_that_is_killed_while_it_loads_leaves_the_last_good_one(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    for number in (1, 2):
        add(shifted(tmp_path / f"{number}.onnx", float(number)), name="m", settings=settings)
    promote("m@1", settings=settings)
    state = {"AIRWORTHY_STATE_DIRECTORY": str(tmp_path / "state")}
    failures: list[Exception] = []

    def promoted() -> None:
        try:
            promote("m@2", settings=settings)
        except RolloutFailed as error:
            failures.append(error)

    with running("serve", "m", env=state) as service:
        thread = threading.Thread(target=promoted)
        thread.start()
        directory = Path(settings.state.directory)
        until(lambda: (found := rollouts.under_way(directory, "m")) is not None and found.state == "preparing")
        service.process.kill()
        thread.join(20)
    assert "ended before it was done" in str(failures[0])
    with running("serve", "m", env=state) as service:
        assert ask(service) == ("1", 1.0)
        assert promote("m@2", settings=settings).active == 2
        assert ask(service) == ("2", 2.0)
        service.stop()


@pytest.mark.slow
def test_a_second_service_follows(tmp_path: Path) -> None:
    sources = [shifted(tmp_path / f"{number}.onnx", float(number)) for number in (1, 2)]
    with served(tmp_path, "m", *sources) as (first, settings):
        state = {"AIRWORTHY_STATE_DIRECTORY": str(tmp_path / "state")}
        with running("serve", "m", env=state) as second, running("serve", "m@1", env=state) as fixed:
            promote("m@2", settings=settings)
            until(lambda: ask(first)[0] == ask(second)[0] == "2")
            assert ask(fixed) == ("1", 1.0)
            second.stop()
            fixed.stop()


def stream(service: Running) -> str:
    """A streamed answer, whole."""
    body = {"model": "t", "prompt": "abc", "max_tokens": 40, "stream": True, "temperature": 0}
    text = []
    with httpx.stream("POST", f"{service.url}/v1/completions", json=body, timeout=30) as answer:
        assert answer.status_code == 200, answer.read()
        for line in answer.iter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                document = json.loads(line[6:])
                assert "error" not in document, document
                text.append(document["choices"][0]["text"])
    return "".join(text)


@pytest.mark.slow
def test_streams_stay_with_the_version_that_they_began_with(tmp_path: Path) -> None:
    sources = [language_models.tiny(tmp_path / f"{seed}.gguf", seed=seed) for seed in (7, 8)]
    with served(tmp_path, "t", *sources, AIRWORTHY_SERVE_GENERATION_SLOTS="2") as (service, settings):
        texts, answers, failures = [stream(service)], [], []
        over = threading.Event()

        def read() -> None:
            while not over.is_set():
                try:
                    answers.append(stream(service))
                except (AssertionError, httpx.HTTPError) as error:
                    failures.append(repr(error))

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        promote("t@2", settings=settings)
        time.sleep(0.2)
        for _ in range(100):
            rollback("t", settings=settings)
        over.set()
        for thread in threads:
            thread.join()
        texts.append(stream(service))
        rollback("t", settings=settings)
        texts.append(stream(service))
        assert failures == []
        assert len(set(texts)) == 2
        assert set(answers) == set(texts)

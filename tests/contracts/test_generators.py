"""What every generator keeps: counts, limits, stop texts, cancellation in each phase, and neighbours left alone."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import language_models
from airworthy.artifacts.identify import inspect
from airworthy.core.model import ModelInfo
from airworthy.engines.generation import (
    AnyEvent,
    ContextExceeded,
    Finished,
    GenerationRequest,
    GeneratorRunner,
    InvalidGeneration,
    PromptProgress,
    Sampling,
    TextDelta,
)
from airworthy.engines.interface import RunnerOptions
from airworthy.engines.registry import ENGINES

SLOTS, CONTEXT = 2, 256
GREEDY = Sampling(temperature=0.0, seed=1)
HELLO = ({"role": "user", "content": "hello there"},)


MARKS = {"transformers": pytest.mark.torch, "openvino": pytest.mark.torch}
NEEDS = {"llamacpp": "xllamacpp", "openvino": "openvino_genai"}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=MARKS.get(name, ())) for name in ENGINES.names() if ENGINES.get(name).generates],
)
def runner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GeneratorRunner]:
    # OpenVINO reads no GGUF of float32, and dies on a merge without its token.
    options: dict[str, Any] = {"matrices": "Q8_0", "merged": True} if request.param == "openvino" else {}
    path = language_models.tiny(tmp_path_factory.mktemp("model") / "tiny.gguf", **options)
    if request.param == "transformers":
        path = language_models.as_folder(path, path.parent / "tiny")
    if request.param in NEEDS:
        pytest.importorskip(NEEDS[request.param], reason="its extra is not installed")
    engine: Any = ENGINES.get(request.param)
    how = RunnerOptions(threads=1, slots=SLOTS, context=CONTEXT)
    loaded: GeneratorRunner = engine.load(inspect(path).model, how)
    yield loaded
    loaded.close()


def _ask(runner: GeneratorRunner, **fields: Any) -> tuple[Finished, list[AnyEvent]]:
    events: list[AnyEvent] = []

    def emit(event: AnyEvent) -> bool:
        events.append(event)
        return True

    request = GenerationRequest(**{"sampling": GREEDY, "max_tokens": 12, **fields})
    return runner.generate(request, emit), events


def _text(events: list[AnyEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def test_it_says_what_was_allocated(runner: GeneratorRunner) -> None:
    assert (runner.info.slots, runner.info.context) == (SLOTS, CONTEXT)
    assert runner.info.chat


def test_a_conversation_is_answered(runner: GeneratorRunner) -> None:
    finished, events = _ask(runner, messages=HELLO)
    assert (finished.reason, finished.completion_tokens) == ("length", 12)
    assert finished.prompt_tokens == runner.count(GenerationRequest(messages=HELLO))
    assert isinstance(events[0], PromptProgress), "a prefill can be ended before its first token"
    progress = [event for event in events if isinstance(event, PromptProgress)]
    assert progress[-1] == PromptProgress(finished.prompt_tokens, finished.prompt_tokens)
    assert _text(events)


@pytest.mark.parametrize("prompt", [{"prompt": "one two three"}, {"prompt_ids": (5, 6, 7)}])
def test_a_plain_prompt_is_answered(runner: GeneratorRunner, prompt: dict[str, Any]) -> None:
    finished, events = _ask(runner, **prompt)
    assert finished.prompt_tokens == runner.count(GenerationRequest(**prompt))
    assert (finished.reason, bool(_text(events))) == ("length", True)


def test_the_same_request_has_the_same_answer(runner: GeneratorRunner) -> None:
    first, second = (_text(_ask(runner, messages=HELLO)[1]) for _ in range(2))
    assert first == second


def test_an_answer_ends_before_a_stop_text(runner: GeneratorRunner) -> None:
    whole = _text(_ask(runner, messages=HELLO, max_tokens=40)[1])
    stop = next(whole[at : at + 2] for at in range(8, len(whole) - 2) if "�" not in whole[at : at + 2])
    finished, events = _ask(runner, messages=HELLO, max_tokens=40, stop=(stop,))
    assert finished.reason == "stop"
    assert _text(events) == whole[: whole.find(stop)]


@pytest.mark.parametrize(
    "fields", [{"prompt": "x y " * CONTEXT}, {"messages": ({"role": "user", "content": "x y " * CONTEXT},)}]
)
def test_a_prompt_that_does_not_fit_is_refused_with_both_counts(runner: GeneratorRunner, fields: Any) -> None:
    with pytest.raises(ContextExceeded) as refused:
        _ask(runner, **fields)
    assert refused.value.params["context"] == CONTEXT
    assert refused.value.params["prompt"] == runner.count(GenerationRequest(**fields))


def test_an_answer_ends_where_the_context_does(runner: GeneratorRunner) -> None:
    finished, _ = _ask(runner, prompt="a b", max_tokens=10 * CONTEXT, ignore_end=True)
    assert finished.reason == "length"
    assert CONTEXT - 2 <= finished.prompt_tokens + finished.completion_tokens <= CONTEXT


def test_what_is_not_known_is_refused(runner: GeneratorRunner) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    with pytest.raises(InvalidGeneration):
        _ask(runner, messages=HELLO, tools=(tool,))


def test_log_probabilities_are_told_where_they_are_asked_for(runner: GeneratorRunner) -> None:
    most = runner.info.logprobs or 0
    for fields, top in product(({"messages": HELLO}, {"prompt": "a b c"}), {0, min(3, most)}):
        _, events = _ask(runner, top_logprobs=top, max_tokens=4, **fields)
        told = [each for event in events if isinstance(event, TextDelta) for each in event.logprobs]
        assert len(told) == 4
        for each in told:
            assert each.logprob <= 0
            assert len(each.top) == top
            assert sorted(each.top, key=lambda other: -other[1]) == list(each.top)


@pytest.mark.parametrize("phase", [PromptProgress, TextDelta])
def test_a_caller_that_leaves_frees_its_slot(runner: GeneratorRunner, phase: type) -> None:
    for _ in range(2 * SLOTS):
        seen: list[AnyEvent] = []

        def emit(event: AnyEvent, seen: list[AnyEvent] = seen) -> bool:
            seen.append(event)
            return not isinstance(event, phase)

        began = time.monotonic()
        request = GenerationRequest(messages=HELLO, max_tokens=200, sampling=GREEDY, ignore_end=True)
        finished = runner.generate(request, emit)
        assert finished.reason == "cancelled"
        assert finished.completion_tokens <= 1
        assert time.monotonic() - began < 5
    assert _ask(runner, messages=HELLO)[0].reason == "length"


def test_an_exception_of_the_caller_comes_out_and_frees_the_slot(runner: GeneratorRunner) -> None:
    def emit(event: AnyEvent) -> bool:
        raise KeyError("the caller's own")

    for _ in range(2 * SLOTS):
        with pytest.raises(KeyError):
            runner.generate(GenerationRequest(messages=HELLO, sampling=GREEDY), emit)
    assert _ask(runner, messages=HELLO)[0].reason == "length"


def test_neighbours_do_not_change_an_answer(runner: GeneratorRunner) -> None:
    alone, _ = _ask(runner, messages=HELLO, max_tokens=60)
    texts: list[str] = []
    stop = threading.Event()

    def beside() -> None:
        while not stop.is_set():
            _ask(runner, prompt="quite another prompt", max_tokens=30)

    neighbour = threading.Thread(target=beside)
    neighbour.start()
    try:
        for _ in range(3):
            finished, events = _ask(runner, messages=HELLO, max_tokens=60)
            texts.append(_text(events))
            assert (finished.prompt_tokens, finished.completion_tokens) == (
                alone.prompt_tokens,
                alone.completion_tokens,
            )
    finally:
        stop.set()
        neighbour.join(30)
    assert not neighbour.is_alive()
    assert len(set(texts)) == 1


def test_tokens_of_a_text(runner: GeneratorRunner) -> None:
    ids = runner.tokenize("hello there")
    assert ids
    assert ids == runner.tokenize("hello there")
    assert runner.tokenize("") == ()


def test_a_schema_holds_where_schemas_are_known(runner: GeneratorRunner) -> None:
    if not runner.info.schemas:
        pytest.skip("this engine knows no schemas, and refuses them")
    schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"], "additionalProperties": False}
    _, events = _ask(runner, messages=HELLO, schema=schema, max_tokens=64)
    assert json.loads(_text(events)) in ({"n": 1}, {"n": 2})


def test_the_model_is_a_generator(tmp_path: Path) -> None:
    model: ModelInfo = inspect(language_models.tiny(tmp_path / "tiny.gguf")).model
    assert (model.format, model.max_length, bool(model.chat_template)) == ("gguf", language_models.CONTEXT, True)

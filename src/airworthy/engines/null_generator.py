"""The generator that computes nothing: words made of the prompt, for tests and to measure a server.

A token is a word with the space before it. Directives in the last message let a test say what happens:

    [[pace 0.01]]   seconds before each token        [[prefill 2]]   seconds for the prompt, in tenths
    [[say TEXT]]    this answer, word by word        [[crash]]       the process ends by SIGSEGV at the third token
    [[hang]]        no token after the third         [[fail]]        the engine fails at the third token
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import threading
import time
from collections.abc import Iterator

from airworthy.core.facts import Facts
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.engines.generation import (
    ContextExceeded,
    Emit,
    Finished,
    FinishReason,
    GenerationRequest,
    GeneratorInfo,
    InvalidGeneration,
    PromptProgress,
    TextDelta,
    TokenLogprob,
)
from airworthy.engines.interface import RunFailed, RunnerOptions
from airworthy.engines.stop_texts import StopTexts

DEFAULT_SLOTS, DEFAULT_CONTEXT = 4, 4096
DEFAULT_LENGTH = 16
"""Words of an answer where the request sets no limit."""
PREFILL_STEPS = 10
"""Parts in which a prompt is read."""
_DIRECTIVE = re.compile(r"\[\[(pace|prefill|say|crash|hang|fail)(?: ([^\]]*))?\]\]")
_WORDS = ("alpha", "beta", "gamma", "delta", "épsilon", "零", "🛫", "theta")
_AT = 3


class NullGeneratorEngine:
    """The engine."""

    name = "null-generator"
    extra = ""
    automatic = False
    generates = True

    def refuses(self, model: ModelInfo, facts: Facts) -> str:
        """Nothing: no file is opened."""
        return ""

    def load(self, model: ModelInfo, options: RunnerOptions) -> NullGenerator:
        """Load nothing."""
        return NullGenerator(options.slots or DEFAULT_SLOTS, options.context or DEFAULT_CONTEXT)


class NullGenerator:
    """Answers with words that follow from the prompt alone, whatever runs beside it."""

    def __init__(self, slots: int, context: int) -> None:
        self.info = GeneratorInfo(
            slots=slots, context=context, trained_context=context, tools=False, schemas=False, logprobs=5
        )
        self._free = threading.BoundedSemaphore(slots)
        self._open = True

    def generate(self, request: GenerationRequest, emit: Emit) -> Finished:
        """Answer one request."""
        if not self._open:
            raise RunFailed(detail=say("the model was closed"))
        if request.tools or request.schema is not None:
            raise InvalidGeneration(detail=say("the null generator knows no tools and no schemas"))
        if not self._free.acquire(blocking=False):
            raise RunFailed(detail=say("more requests than slots"))
        try:
            return self._generate(request, emit)
        finally:
            self._free.release()

    def _generate(self, request: GenerationRequest, emit: Emit) -> Finished:
        said = dict(_DIRECTIVE.findall(_last(request)))
        prompt = self.count(request)
        if prompt >= self.info.context:
            raise ContextExceeded(prompt=prompt, context=self.info.context)
        for step in range(1, PREFILL_STEPS + 1):
            time.sleep(float(said.get("prefill", 0)) / PREFILL_STEPS)
            if not emit(PromptProgress(prompt * step // PREFILL_STEPS, prompt)):
                return Finished("cancelled", prompt, 0)
        limit = min(request.max_tokens or self.info.context, self.info.context - prompt)
        return self._say(request, said, prompt, limit, emit)

    def _say(self, request: GenerationRequest, said: dict[str, str], prompt: int, limit: int, emit: Emit) -> Finished:
        pace, count, stops = float(said.get("pace", 0)), 0, StopTexts(request.stop)
        reason: FinishReason = "stop"
        for token in _tokens(request, said):
            if count == limit:
                reason = "length"
                break
            if pace:
                time.sleep(pace)
            if count == _AT:
                _misbehave(said)
            count += 1
            text = stops.feed(token)
            logprobs = () if request.top_logprobs is None else (_logprob(token, request.top_logprobs),)
            if text and not emit(TextDelta(text, logprobs)):
                return Finished("cancelled", prompt, count)
            if stops.found:
                return Finished("stop", prompt, count)
        held = stops.end()
        if held:
            emit(TextDelta(held))
        return Finished(reason, prompt, count)

    def count(self, request: GenerationRequest) -> int:
        """A token for each word, and one that begins each message."""
        if request.prompt_ids:
            return len(request.prompt_ids)
        if not request.messages:
            return len(request.prompt.split())
        return sum(1 + len(str(message.get("content") or "").split()) for message in request.messages)

    def tokenize(self, text: str) -> tuple[int, ...]:
        """A number for each word."""
        return tuple(int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") for word in text.split())

    def close(self) -> None:
        """Close it: it answers no more."""
        self._open = False


def _last(request: GenerationRequest) -> str:
    return str(request.messages[-1].get("content") or "") if request.messages else request.prompt


def _tokens(request: GenerationRequest, said: dict[str, str]) -> Iterator[str]:
    if "say" in said:
        yield from re.findall(r"\s*\S+", said["say"])
        return
    key = repr((request.messages, request.prompt, request.prompt_ids, request.sampling.seed)).encode()
    number = int.from_bytes(hashlib.sha256(key).digest()[:8], "big")
    length = request.max_tokens + 1 if request.ignore_end or request.max_tokens else DEFAULT_LENGTH
    for index in range(length):
        number = (number * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        yield (" " if index else "") + _WORDS[number >> 61]


def _logprob(token: str, top: int) -> TokenLogprob:
    return TokenLogprob(token, -0.5, tuple((word, -0.5 - rank) for rank, word in enumerate(_WORDS[:top])))


def _misbehave(said: dict[str, str]) -> None:
    if "crash" in said:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "crash" in said or "hang" in said:  # a signal to a process may take another thread's time
        threading.Event().wait()
    if "fail" in said:
        raise RunFailed(detail=say("it was asked to fail"))


ENGINE = NullGeneratorEngine()

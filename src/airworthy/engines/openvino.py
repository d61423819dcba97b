"""The engine that batches continuously on processors: OpenVINO GenAI, for its own folders and GGUF that it reads.

One thread steps the pipeline for all requests; each request waits in its own for the tokens that a step gives it. Keys
and values lie in blocks that are allocated once, as many as all slots can fill, and none is shared between requests.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airworthy.core import keys
from airworthy.core.errors import ExtraMissing
from airworthy.core.facts import Facts, Known
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.engines.generation import (
    ContextExceeded,
    Emit,
    Finished,
    GenerationRequest,
    GeneratorInfo,
    InvalidGeneration,
    PromptProgress,
    TokenLogprob,
)
from airworthy.engines.interface import LoadFailed, RunnerOptions
from airworthy.engines.openvino_steps import StepThread
from airworthy.engines.openvino_tokens import TokenTexts
from airworthy.engines.token_answer import TokenAnswer

DISTRIBUTIONS = ("openvino-genai", "numpy")
"""The distributions that it takes."""
ARCHITECTURES = ("llama", "qwen2", "qwen3")
"""What the library's reader of GGUF makes graphs of."""
MATRICES = frozenset({"Q4_0", "Q8_0"})
"""Block types of weights that it reads right. Of Q4_1 it rounds the zero points: log-probabilities of SmolLM2-135M were
off by 0.48 on average (0.03 for the same model in Q8_0); on float16 it has ended the process (2026.4)."""
ENTRY = "openvino_model.xml"
"""The graph of a folder; its tokenizer lies beside it as two more."""
BLOCK = 32
"""Tokens of one block of keys and values on processors."""
DEFAULT_SLOTS, DEFAULT_CONTEXT = 8, 4096
BATCH = 256
"""Tokens that are computed in one step: others wait that long for their next token, and so does a cancellation."""
_CACHE_TYPES = {"f16": "f16", "q8_0": "u8"}


class OpenVinoEngine:
    """The engine."""

    name = "openvino"
    extra = "openvino"
    automatic = True
    generates = True

    def refuses(self, model: ModelInfo, facts: Facts) -> str:
        """Why it can't load the model, from the model's headers and the installed distributions."""
        reason = {"gguf": _refused_gguf, "openvino": _refused_folder}.get(model.entry_format)
        if reason is None:
            told = model.entry_format or say("of an unknown format")
            return say("it loads GGUF and folders of optimum-intel, and this is {format}", format=told)
        if reason(model):
            return reason(model)
        installed = facts.fact(keys.DISTRIBUTIONS)
        if isinstance(installed, Known):
            names = {each.name for each in installed.value}
            missing = tuple(name for name in DISTRIBUTIONS if name not in names)
            if missing:
                template = "{missing} not installed: pip install 'airworthy[{extra}]'"
                return say(template, missing=missing, extra=self.extra)
        return ""

    def load(self, model: ModelInfo, options: RunnerOptions) -> OpenVinoRunner:
        """Load the model."""
        # The library reports to its maker through this one; without it, it goes on with a stand-in.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        try:
            import numpy as np
            import openvino
            import openvino_genai
        except ImportError as error:
            if (error.name or "").partition(".")[0] in ("numpy", "openvino", "openvino_genai"):
                raise ExtraMissing(job=say("loading it"), library="openvino-genai", extra=self.extra) from None
            raise LoadFailed(engine=self.name, path=model.entry, detail=str(error)) from None

        def tensor(ids: Sequence[int]) -> Any:
            return openvino.Tensor(np.array([list(ids)], dtype=np.int64))

        slots = options.slots or DEFAULT_SLOTS
        context = options.context or min(model.max_length or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.max_num_seqs, scheduler.max_num_batched_tokens = slots, max(BATCH, slots)
        # A prompt is read in parts beside the others' tokens; with one cache for all it would also show who asked what.
        scheduler.dynamic_split_fuse, scheduler.enable_prefix_caching = True, False
        # One block more a slot, since a step may write beyond the last token.
        scheduler.num_kv_blocks = slots * (-(-context // BLOCK) + 1)
        where = model.entry if model.entry_format == "gguf" else os.path.dirname(model.entry)  # noqa: PTH120
        properties = {
            "INFERENCE_NUM_THREADS": options.threads,
            "KV_CACHE_PRECISION": _CACHE_TYPES.get(options.cache_type, "f16"),
        }
        try:
            pipeline = openvino_genai.ContinuousBatchingPipeline(
                where, scheduler_config=scheduler, device="CPU", properties=properties
            )
            return OpenVinoRunner(openvino_genai, pipeline, tensor, model, slots, context)
        except Exception as error:  # noqa: BLE001 - the runtime's exceptions have no common base
            raise LoadFailed(engine=self.name, path=model.entry, detail=_reason(error)) from None


def _refused_gguf(model: ModelInfo) -> str:
    if model.architecture not in ARCHITECTURES:
        named = model.architecture or say("no architecture")
        return say("it reads GGUF of {known}, and this is {named}", known=ARCHITECTURES, named=named)
    others = tuple(sorted(model.datatypes.keys() - MATRICES - {"FP32"}))
    if others:
        return say(
            "it reads GGUF with {known} rightly, and this has {types}", known=tuple(sorted(MATRICES)), types=others
        )
    if not model.datatypes.keys() & MATRICES:
        return say("it reads no GGUF whose weights are all float32")
    return ""


def _refused_folder(model: ModelInfo) -> str:
    entry = Path(model.entry)
    if entry.name != ENTRY:
        return say("it loads folders with {entry}, and this is {file}", entry=ENTRY, file=entry.name)
    if not any(each.name == "input_ids" for each in model.inputs):
        return say("the graph takes no `input_ids`, so it is no language model")
    return ""


class OpenVinoRunner:
    """A loaded model."""

    def __init__(self, library: Any, pipeline: Any, tensor: Any, model: ModelInfo, slots: int, context: int) -> None:
        self._library, self._tensor = library, tensor
        self._tokenizer = pipeline.get_tokenizer()
        self._texts = TokenTexts(self._tokenizer)
        defaults = pipeline.get_config()
        self._ends = frozenset({*defaults.stop_token_ids, defaults.eos_token_id} - {-1})
        self._steps = StepThread(pipeline, slots)
        self.info = GeneratorInfo(
            slots=slots,
            context=context,
            trained_context=model.max_length or 0,
            chat=bool(self._tokenizer.chat_template),
            tools=False,
            schemas=True,
            logprobs=0,
        )

    def generate(self, request: GenerationRequest, emit: Emit) -> Finished:
        """Answer one request."""
        if request.tools:
            raise InvalidGeneration(detail=say("the OpenVINO engine reads no calls of tools from answers"))
        prompt, context = self._prompt(request), self.info.context
        # Beyond its blocks the library ends a request without any error, after it has read the prompt.
        if len(prompt) >= context:
            raise ContextExceeded(prompt=len(prompt), context=context)
        limit = min(request.max_tokens or context, context - len(prompt))
        settings = self._settings(request, limit)
        answer = TokenAnswer(request, len(prompt), limit, self._texts.text, emit)
        with self._steps.request(self._tensor(prompt), settings) as steps:
            if not emit(PromptProgress(0, len(prompt))):
                answer.cancel()
                return answer.finished()
            is_read = False
            for token, logprob in steps:
                if not is_read:
                    is_read = True
                    if not emit(PromptProgress(len(prompt), len(prompt))):
                        answer.cancel()
                        break
                if token in self._ends and not request.ignore_end:
                    answer.end()
                    break
                told = TokenLogprob(self._texts.piece(token), logprob) if request.top_logprobs is not None else None
                if not answer.feed(token, told):
                    break
            return answer.finished()

    def _settings(self, request: GenerationRequest, limit: int) -> Any:
        """The request in the library's words."""
        sampling = request.sampling
        if sampling.logit_bias:
            raise InvalidGeneration(detail=say("the OpenVINO engine knows no `logit_bias`"))
        if request.top_logprobs:
            raise InvalidGeneration(detail=say("the OpenVINO engine reports no alternatives of a token"))
        made = self._library.GenerationConfig()
        made.max_new_tokens, made.ignore_eos, made.apply_chat_template = limit, request.ignore_end, False
        made.logprobs = int(request.top_logprobs is not None)
        if not request.ignore_end:
            made.stop_token_ids = set(self._ends)
        temperature = 1.0 if sampling.temperature is None else sampling.temperature
        if temperature > 0:
            made.do_sample, made.temperature = True, temperature
            made.rng_seed = secrets.randbits(31) if sampling.seed is None else sampling.seed % (1 << 31)
            if sampling.top_p is not None:
                made.top_p = sampling.top_p
            if sampling.top_k:
                made.top_k = sampling.top_k
            if sampling.min_p is not None:
                made.min_p = sampling.min_p
        made.presence_penalty, made.frequency_penalty = sampling.presence_penalty, sampling.frequency_penalty
        if sampling.repeat_penalty is not None:
            made.repetition_penalty = sampling.repeat_penalty
        if request.schema is not None:
            schema = json.dumps(request.schema or {"type": "object"})
            made.structured_output_config = self._library.StructuredOutputConfig(json_schema=schema)
        try:
            made.validate()
        except Exception as error:  # noqa: BLE001 - the runtime's exceptions have no common base
            raise InvalidGeneration(detail=_reason(error)) from None
        return made

    def _prompt(self, request: GenerationRequest) -> list[int]:
        if request.prompt_ids:
            size = self._texts.vocabulary
            if not all(0 <= token < size for token in request.prompt_ids):
                raise InvalidGeneration(detail=say("token ids go from 0 to {last}", last=size - 1))
            return list(request.prompt_ids)
        if not request.messages:
            return self._encode(request.prompt, special=True) or [self._begin()]
        if request.messages[-1].get("role") == "assistant":
            raise InvalidGeneration(detail=say("the OpenVINO engine goes on with no message of the assistant's"))
        try:
            text = self._tokenizer.apply_chat_template(
                list(request.messages), True, extra_context=request.template_arguments or None
            )
        except Exception as error:  # noqa: BLE001 - the runtime's exceptions have no common base
            detail = say("the chat template refuses the conversation: {error}", error=_reason(error))
            raise InvalidGeneration(detail=detail) from None
        return self._encode(text, special=False)

    def _begin(self) -> int:
        begin = int(self._tokenizer.get_bos_token_id())
        return begin if begin >= 0 else min(self._ends, default=0)

    def _encode(self, text: str, *, special: bool) -> list[int]:
        if not text:
            return []
        encoded = self._tokenizer.encode(text, add_special_tokens=special).input_ids.data
        return [int(token) for token in encoded[0]]

    def count(self, request: GenerationRequest) -> int:
        """Tokens of the prompt."""
        return len(self._prompt(request))

    def tokenize(self, text: str) -> tuple[int, ...]:
        """The token ids of a text."""
        return tuple(self._encode(text, special=False))

    def close(self) -> None:
        """Release the model."""
        self._steps.close()


def _reason(error: Exception) -> str:
    """The line of the runtime's error that says what is wrong; the one before it names a file of its own sources."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("Exception from ")), type(error).__name__)


ENGINE = OpenVinoEngine()

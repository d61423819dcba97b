"""The engine for language models in Hugging Face folders, with PyTorch: slow on processors, the reference for others.

Weights are read from safetensors alone, and no code of the folder runs. Each request decodes in its own thread with
its own keys and values, and the threads take turns at the model, so that no request changes another's answer.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
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
from airworthy.engines.interface import LoadFailed, RunFailed, RunnerOptions
from airworthy.engines.token_answer import TokenAnswer
from airworthy.engines.token_choice import TokenChoice

DISTRIBUTIONS = ("torch", "transformers", "safetensors", "jinja2")
"""The distributions that it takes; without the last, transformers renders no chat template."""
ENTRIES = ("model.safetensors", "model.safetensors.index.json")
"""The files that the library loads weights from."""
ARCHITECTURES = ("ForCausalLM", "LMHeadModel")
"""How names of classes end that generate text from text."""
DEFAULT_SLOTS, DEFAULT_CONTEXT = 4, 4096
BATCH = 256
"""Tokens of a prompt that are read at once: others wait that long for their next token, and so does a cancellation."""
MAX_LOGPROBS = 20
"""Alternatives that OpenAI's protocol knows at the most."""
_OWN_ARGUMENTS = {
    *("conversation", "messages", "chat_template", "tools", "documents", "add_generation_prompt", "tokenizer_kwargs"),
    *("continue_final_message", "tokenize", "padding", "truncation", "max_length", "return_tensors", "return_dict"),
    "return_assistant_tokens_mask",
}
"""Arguments of the library's own, which no client may set under the name of the template's."""


class Transformers:
    """The engine."""

    name = "transformers"
    extra = "transformers"
    automatic = True
    generates = True

    def refuses(self, model: ModelInfo, facts: Facts) -> str:
        """Why it can't load the model, from its headers, its configuration and the installed distributions."""
        entry = model.entry.replace("\\", "/").rpartition("/")[2]
        if model.format != "huggingface" or entry not in ENTRIES:
            told = model.format if model.format != "huggingface" else entry
            return say(
                "it loads Hugging Face folders with {entry}, and this is {format}", entry=ENTRIES[0], format=told
            )
        if not model.architecture.endswith(ARCHITECTURES):
            named = model.architecture or say("no architecture")
            return say("its configuration names {architecture}, which generates no text", architecture=named)
        if model.quantization:
            return say("its weights are quantised ({quantization})", quantization=model.quantization)
        if not model.tokenizer:
            return say("the folder holds no tokenizer.json")
        installed = facts.fact(keys.DISTRIBUTIONS)
        if isinstance(installed, Known):
            names = {each.name for each in installed.value}
            missing = tuple(name for name in DISTRIBUTIONS if name not in names)
            if missing:
                template = "{missing} not installed: pip install 'airworthy[{extra}]'"
                return say(template, missing=missing, extra=self.extra)
        return ""

    def load(self, model: ModelInfo, options: RunnerOptions) -> TransformersRunner:
        """Load the model; nothing is fetched, whatever its configuration names."""
        os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            import jinja2  # noqa: F401 - a missing one shows now, and not at the first conversation
            import torch
            import transformers
        except ImportError as error:
            if error.name in DISTRIBUTIONS:
                job = say("loading a Hugging Face folder")
                raise ExtraMissing(job=job, library=error.name, extra=self.extra) from None
            raise LoadFailed(engine=self.name, path=model.entry, detail=str(error)) from None
        torch.set_num_threads(options.threads)
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        safe: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(model.path, **safe)
            network, report = transformers.AutoModelForCausalLM.from_pretrained(
                model.path, use_safetensors=True, dtype="auto", output_loading_info=True, **safe
            )
            self._refuse_gaps(model, report)
            network = network.to(options.device).eval()
        except LoadFailed:
            raise
        except Exception as error:  # noqa: BLE001 - the libraries' exceptions have no common base
            detail = str(error).partition("\n")[0] or type(error).__name__
            raise LoadFailed(engine=self.name, path=model.entry, detail=detail) from None
        return TransformersRunner(torch, transformers, network, tokenizer, model, options)

    def _refuse_gaps(self, model: ModelInfo, report: Mapping[str, Any]) -> None:
        """Refuse weights with gaps: the library fills them with random numbers, and goes on."""
        lacking = sorted(map(str, (*report.get("missing_keys", ()), *report.get("mismatched_keys", ()))))
        if lacking:
            detail = say("the weights lack {count} tensors of the architecture", count=len(lacking))
            detail = say("{detail}: {names}", detail=detail, names=tuple(lacking[:5]))
            raise LoadFailed(engine=self.name, path=model.entry, detail=detail)


class TransformersRunner:
    """A loaded model."""

    def __init__(
        self, torch: Any, transformers: Any, network: Any, tokenizer: Any, model: ModelInfo, options: RunnerOptions
    ) -> None:
        self._torch, self._library = torch, transformers
        self._network, self._tokenizer = network, tokenizer
        self._device = options.device
        self._turn = threading.Lock()
        self._ends = _ends(network.generation_config, tokenizer)
        trained = int(getattr(network.config, "max_position_embeddings", 0) or model.max_length or 0)
        context = min(options.context or DEFAULT_CONTEXT, trained or sys.maxsize)
        slots = options.slots or DEFAULT_SLOTS
        self._free = threading.BoundedSemaphore(slots)
        self.info = GeneratorInfo(
            slots=slots,
            context=context,
            trained_context=trained,
            chat=bool(getattr(tokenizer, "chat_template", None)),
            tools=False,
            schemas=False,
            logprobs=MAX_LOGPROBS,
        )

    def generate(self, request: GenerationRequest, emit: Emit) -> Finished:
        """Answer one request."""
        if self._network is None:
            raise RunFailed(detail=say("the model was closed"))
        if request.tools:
            raise InvalidGeneration(detail=say("the transformers engine reads no calls of tools from answers"))
        if request.schema is not None:
            raise InvalidGeneration(detail=say("the transformers engine holds no answer to a schema"))
        prompt = self._prompt(request)
        context = self.info.context
        if len(prompt) >= context:
            raise ContextExceeded(prompt=len(prompt), context=context)
        choice = TokenChoice(self._torch, self._library, request, self._network, self._ends)
        limit = min(request.max_tokens or context, context - len(prompt))
        answer = TokenAnswer(request, len(prompt), limit, self._text, emit)
        if not self._free.acquire(blocking=False):
            raise RunFailed(detail=say("more requests than slots"))
        try:
            with self._failures():
                self._run(request, prompt, choice, answer, emit)
        finally:
            self._free.release()
        return answer.finished()

    def _run(
        self, request: GenerationRequest, prompt: Sequence[int], choice: TokenChoice, answer: TokenAnswer, emit: Emit
    ) -> None:
        cache = self._library.DynamicCache()
        logits, done = None, 0
        while done < len(prompt):
            logits = self._logits(prompt[done : done + BATCH], cache)
            done = min(len(prompt), done + BATCH)
            if not emit(PromptProgress(done, len(prompt))):
                answer.cancel()
                return
        generated: list[int] = []
        while True:
            with self._torch.inference_mode():
                token = choice.next(logits, prompt, generated)
                logprob = self._logprob(logits, token, request.top_logprobs)
            if token in self._ends and not request.ignore_end:
                answer.end()
                return
            generated.append(token)
            if not answer.feed(token, logprob):
                return
            logits = self._logits([token], cache)

    def _logits(self, ids: Sequence[int], cache: Any) -> Any:
        """What the model says after these tokens, as float32."""
        torch = self._torch
        with self._turn, torch.inference_mode():
            given = torch.tensor([list(ids)], device=self._device)
            told = self._network(input_ids=given, past_key_values=cache, use_cache=True, logits_to_keep=1)
            return told.logits[0, -1].float()

    def _logprob(self, logits: Any, token: int, top: int | None) -> TokenLogprob | None:
        if top is None:
            return None
        logprobs = self._torch.log_softmax(logits, -1)
        others: list[tuple[str, float]] = []
        if top:
            values, ids = self._torch.topk(logprobs, min(top, len(logprobs)))
            others = [(self._piece(each), value) for each, value in zip(ids.tolist(), values.tolist(), strict=True)]
        return TokenLogprob(self._piece(token), float(logprobs[token]), tuple(others))

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """PyTorch's errors as the engine's; those of the caller's own `emit` pass."""
        try:
            yield
        except (self._torch.OutOfMemoryError, self._torch.AcceleratorError) as error:
            raise RunFailed(detail=str(error).partition("\n")[0]) from None

    def _prompt(self, request: GenerationRequest) -> list[int]:
        if request.prompt_ids:
            size = self._network.get_input_embeddings().num_embeddings
            if not all(0 <= token < size for token in request.prompt_ids):
                raise InvalidGeneration(detail=say("token ids go from 0 to {last}", last=size - 1))
            return list(request.prompt_ids)
        if not request.messages:
            return self._encode(request.prompt, special=True)
        return self._encode(self._rendered(request), special=False)

    def _rendered(self, request: GenerationRequest) -> str:
        """The conversation in the model's template, which the library renders in a sandbox without any access."""
        own = _OWN_ARGUMENTS & request.template_arguments.keys()
        if own:
            raise InvalidGeneration(detail=say("the template takes no argument {names}", names=tuple(sorted(own))))
        is_begun = request.messages[-1].get("role") == "assistant"
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    list(request.messages),
                    tokenize=False,
                    add_generation_prompt=not is_begun,
                    continue_final_message=is_begun,
                    **request.template_arguments,
                )
            )
        except Exception as error:  # noqa: BLE001 - a template raises what it likes
            detail = say("the chat template refuses the conversation: {error}", error=error)
            raise InvalidGeneration(detail=detail) from None

    def _encode(self, text: str, *, special: bool) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=special)["input_ids"]
        # A model that begins with nothing still needs a token to go on from.
        begin = self._tokenizer.bos_token_id if self._tokenizer.bos_token_id is not None else self._ends[0]
        return ids or [begin]

    def _text(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _piece(self, token: int) -> str:
        return str(self._tokenizer.decode([token], clean_up_tokenization_spaces=False))

    def count(self, request: GenerationRequest) -> int:
        """Tokens of the prompt."""
        return len(self._prompt(request))

    def tokenize(self, text: str) -> tuple[int, ...]:
        """The token ids of a text."""
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def close(self) -> None:
        """Release the model."""
        self._network = None


def _ends(configuration: Any, tokenizer: Any) -> tuple[int, ...]:
    """The tokens that end an answer."""
    named = getattr(configuration, "eos_token_id", None)
    found = [*named] if isinstance(named, (list, tuple)) else [named]
    found.append(tokenizer.eos_token_id)
    return tuple(dict.fromkeys(int(token) for token in found if token is not None))


ENGINE = Transformers()

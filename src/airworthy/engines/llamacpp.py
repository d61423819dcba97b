"""The engine for GGUF language models: llama.cpp's server code in this process, through xllamacpp.

Its listener can't be left out, so it listens on a Unix socket that only this user reaches, with a key that only this
process knows; tokenising and templating go there, since the module has no calls for them. Every request is
streamed with its prompt's progress, because the engine learns of a caller that left only when it writes a piece.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from airworthy.core import keys
from airworthy.core.errors import AirworthyError, ExtraMissing
from airworthy.core.facts import Facts, Known
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo
from airworthy.engines.generation import (
    AnyEvent,
    ContextExceeded,
    Emit,
    Finished,
    FinishReason,
    GenerationRequest,
    GeneratorInfo,
    InvalidGeneration,
    PromptProgress,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
)
from airworthy.engines.interface import LoadFailed, RunFailed, RunnerOptions

DISTRIBUTIONS = ("xllamacpp", "xllamacpp-cuda12x")
"""The distributions that hold the library."""
INSTRUCTIONS = ("avx2", "fma", "f16c", "bmi2")
"""What the wheel's code asks of an x86-64 processor (llama.cpp's options of the published wheel)."""
DEFAULT_SLOTS, DEFAULT_CONTEXT = 4, 4096
BATCH = 256
"""Tokens of prompts that are read at once: others wait that long for their next token, and so does a cancellation."""
CALL_TIMEOUT_S = 30.0
"""Seconds for tokenising or templating."""
MAX_LOGPROBS = 20
"""Alternatives that OpenAI's protocol knows at the most; the engine would report more."""
_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length", "tool_calls": "tool_calls"}
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "seed")


class LlamaCpp:
    """The engine."""

    name = "llamacpp"
    extra = "llm"
    automatic = True
    generates = True

    def refuses(self, model: ModelInfo, facts: Facts) -> str:
        """Why it can't load the model, from the model's headers, the processor and the installed distributions."""
        if model.entry_format != "gguf":
            return say("it loads GGUF, and this is {format}", format=model.entry_format or say("of an unknown format"))
        if not model.tokenizer and not model.metadata.get("tokenizer.ggml.model") and not model.parameters:
            return say("the file holds no language model")
        machine, flags = facts.fact(keys.CPU_ARCHITECTURE), facts.fact(keys.CPU_INSTRUCTIONS)
        if isinstance(machine, Known) and machine.value == "x86_64" and isinstance(flags, Known):
            missing = tuple(flag for flag in INSTRUCTIONS if flag not in flags.value)
            if missing:
                return say("its published build needs a processor with {flags}", flags=missing)
        installed = facts.fact(keys.DISTRIBUTIONS)
        if isinstance(installed, Known) and not any(each.name in DISTRIBUTIONS for each in installed.value):
            return say("xllamacpp is not installed: pip install 'airworthy[{extra}]'", extra=self.extra)
        return ""

    def load(self, model: ModelInfo, options: RunnerOptions) -> LlamaCppRunner:
        """Load the model; its slots are of equal size, so that no request takes another's context."""
        try:
            import xllamacpp
        except ImportError as error:
            if error.name == "xllamacpp":
                raise ExtraMissing(job=say("loading GGUF"), library="xllamacpp", extra=self.extra) from None
            raise LoadFailed(engine=self.name, path=model.entry, detail=str(error)) from None
        folder = Path(tempfile.mkdtemp(prefix="airworthy-llm-"))
        try:
            return LlamaCppRunner(xllamacpp, model, options, folder)
        except RuntimeError as error:
            shutil.rmtree(folder, ignore_errors=True)
            # The library raises without a reason; what it printed is in the worker's last words.
            raise LoadFailed(engine=self.name, path=model.entry, detail=str(error) or say("it says no more")) from None


class LlamaCppRunner:
    """A loaded model."""

    def __init__(self, library: Any, model: ModelInfo, options: RunnerOptions, folder: Path) -> None:
        self._folder = folder
        self._socket = str(folder / "llama.sock")
        self._key = secrets.token_hex(32)
        slots = options.slots or DEFAULT_SLOTS
        context = options.context or min(model.max_length or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
        self._server: Any = library.Server(self._parameters(library, model, options, slots, context))
        properties = self._ask("GET", "/props")
        caps = properties.get("chat_template_caps") or {}
        self.info = GeneratorInfo(
            slots=int(properties.get("total_slots") or slots),
            context=int((properties.get("default_generation_settings") or {}).get("n_ctx") or context),
            trained_context=model.max_length or 0,
            chat=bool(model.chat_template or properties.get("chat_template")),
            tools=bool(caps.get("supports_tools")),
            schemas=True,
            logprobs=MAX_LOGPROBS,
        )

    def _parameters(self, library: Any, model: ModelInfo, options: RunnerOptions, slots: int, context: int) -> Any:
        parameters = library.CommonParams()
        parameters.model.path = model.entry
        parameters.hostnames = [self._socket]
        parameters.api_keys = [self._key]
        parameters.ui, parameters.endpoint_slots, parameters.endpoint_props = False, False, True
        parameters.cors_origins = "http://localhost"
        parameters.offline, parameters.fit_params, parameters.verbosity = True, False, 1
        # With one cache for all, a request that fills it ends every other one (llama.cpp #23652).
        parameters.kv_unified = False
        parameters.n_parallel, parameters.n_ctx = slots, slots * context
        if options.cache_type != "f16":
            kind = getattr(library.ggml_type, f"GGML_TYPE_{options.cache_type.upper()}")
            parameters.cache_type_k = parameters.cache_type_v = kind
        parameters.n_batch = parameters.n_ubatch = BATCH
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = options.threads
        # A worker that waits leaves its cores to others.
        parameters.cpuparams.poll = parameters.cpuparams_batch.poll = 0
        # The cache of prompts in memory has given one conversation's content to another (llama.cpp #27148).
        parameters.cache_ram_mib, parameters.cache_idle_slots = 0, False
        return parameters

    def generate(self, request: GenerationRequest, emit: Emit) -> Finished:
        """Answer one request."""
        if request.tools and not self.info.tools:
            raise InvalidGeneration(detail=say("this model's chat template takes no tools"))
        body = _body(request)
        call = self._server.handle_chat_completions if request.messages else self._server.handle_completions
        answer = _EventMaker(emit, request.top_logprobs or 0)
        try:
            # An exception in the callback is swallowed by the library, so it is kept and raised here.
            outcome = call(json.dumps(body).encode(), answer.take)
        except ValueError as error:
            raise InvalidGeneration(detail=str(error)) from None
        except RuntimeError as error:
            raise RunFailed(detail=str(error)) from None
        return answer.finish(outcome, self.info.context)

    def count(self, request: GenerationRequest) -> int:
        """Tokens of the prompt."""
        if request.prompt_ids:
            return len(request.prompt_ids)
        if not request.messages:
            return len(self._tokens(request.prompt, special=True))
        body: dict[str, Any] = {"messages": list(request.messages)}
        if request.tools:
            body["tools"] = list(request.tools)
        if request.template_arguments:
            body["chat_template_kwargs"] = request.template_arguments
        return len(self._tokens(self._ask("POST", "/apply-template", body)["prompt"], special=True))

    def tokenize(self, text: str) -> tuple[int, ...]:
        """The token ids of a text."""
        return tuple(self._tokens(text, special=False))

    def _tokens(self, text: str, *, special: bool) -> list[int]:
        body = {"content": text, "add_special": special, "parse_special": special}
        tokens: list[int] = self._ask("POST", "/tokenize", body)["tokens"]
        return tokens

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        connection = _UnixConnection(self._socket)
        try:
            headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
            connection.request(method, path, json.dumps(body).encode() if body is not None else None, headers)
            response = connection.getresponse()
            document = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RunFailed(detail=say("llama.cpp does not answer: {error}", error=error)) from None
        finally:
            connection.close()
        if response.status >= 400:
            raise InvalidGeneration(detail=_message(document))
        return document

    def close(self) -> None:
        """Release the model; the listener goes with it."""
        self._server = None
        shutil.rmtree(self._folder, ignore_errors=True)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=CALL_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))


class _EventMaker:
    """Makes events of the pieces that llama.cpp calls back with."""

    def __init__(self, emit: Emit, alternatives: int) -> None:
        self._emit = emit
        self._alternatives = alternatives
        self._error: BaseException | None = None
        self._problem: Any = None
        self._reason = ""
        self._cancelled = False
        self._usage: Mapping[str, Any] = {}
        self._progress = PromptProgress(0, 0)
        self._tokens = 0

    def take(self, piece: Any) -> bool:
        """Take one piece; True stops the generation."""
        try:
            return self._take(piece)
        except Exception as error:  # noqa: BLE001 - the library swallows it; `finish` raises it
            self._error = error
            return True

    def _take(self, piece: Any) -> bool:
        document = json.loads(piece) if isinstance(piece, (bytes, str)) else piece
        if "error" in document:
            self._problem = document["error"]
            return True
        self._usage = document.get("usage") or self._usage
        for event in self._events(document):
            if not self._emit(event):
                self._cancelled = True
                return True
        return False

    def _events(self, document: Mapping[str, Any]) -> Iterator[AnyEvent]:
        progress = document.get("prompt_progress")
        if progress:
            self._progress = PromptProgress(int(progress["processed"]), int(progress["total"]))
            yield self._progress
        for choice in document.get("choices") or ():
            self._reason = choice.get("finish_reason") or self._reason
            delta = choice.get("delta")
            text = (delta.get("content") if delta is not None else choice.get("text")) or ""
            logprobs = tuple(_logprobs(choice.get("logprobs"), self._alternatives))
            if delta is not None and delta.get("reasoning_content"):
                self._tokens += 1
                yield ReasoningDelta(delta["reasoning_content"])
            if text or logprobs:
                self._tokens += 1
                yield TextDelta(text, logprobs)
            for call in (delta or {}).get("tool_calls") or ():
                function = call.get("function") or {}
                index, arguments = int(call.get("index", 0)), function.get("arguments") or ""
                if call.get("id") or function.get("name"):
                    yield ToolCallDelta(index, "", call.get("id") or "", function.get("name") or "")
                if arguments:
                    yield ToolCallDelta(index, arguments)

    def finish(self, outcome: Any, context: int) -> Finished:
        """The end of the answer.

        Raises:
            ContextExceeded: the prompt did not fit.
            InvalidGeneration: the engine refused the request.
            RunFailed: the engine failed, or its answer ended without a reason.
        """
        if self._error is not None:
            raise self._error
        problem = self._problem
        if problem is None and isinstance(outcome, (bytes, str)) and outcome:
            problem = json.loads(outcome).get("error")
        elif problem is None and isinstance(outcome, dict):
            problem = outcome.get("error")
        if problem is not None:
            raise _failure(problem, context)
        prompt = int(self._usage.get("prompt_tokens") or self._progress.total)
        details = self._usage.get("prompt_tokens_details") or {}
        cached = int(details.get("cached_tokens") or 0)
        if self._cancelled:
            return Finished("cancelled", prompt, self._tokens, cached)
        reason = _REASONS.get(self._reason)
        if reason is None:
            raise RunFailed(detail=say("the answer ended without a reason"))
        return Finished(reason, prompt, int(self._usage.get("completion_tokens") or self._tokens), cached)


def _failure(problem: Mapping[str, Any], context: int) -> AirworthyError:
    if problem.get("type") == "exceed_context_size_error":
        counts = problem.get("n_prompt_tokens"), problem.get("n_ctx")
        return ContextExceeded(prompt=int(counts[0] or 0), context=int(counts[1] or context))
    if int(problem.get("code") or 500) < 500:
        return InvalidGeneration(detail=_message({"error": problem}))
    return RunFailed(detail=_message({"error": problem}))


def _message(document: Any) -> str:
    error = document.get("error") if isinstance(document, dict) else None
    return str(error.get("message") if isinstance(error, dict) else error or document)


def _logprobs(told: Any, alternatives: int) -> Iterator[TokenLogprob]:
    for each in (told or {}).get("content") or ():
        top = tuple((one["token"], float(one["logprob"])) for one in each.get("top_logprobs") or ())[:alternatives]
        yield TokenLogprob(each["token"], float(each["logprob"]), top)


def _body(request: GenerationRequest) -> dict[str, Any]:
    """The request in llama.cpp's words; what is not said is left to its defaults."""
    body: dict[str, Any] = {
        "stream": True,
        "return_progress": True,
        "stream_options": {"include_usage": True},
        "max_tokens": request.max_tokens or -1,
        "cache_prompt": False,
    }
    if request.messages:
        body["messages"] = list(request.messages)
    else:
        body["prompt"] = list(request.prompt_ids) if request.prompt_ids else request.prompt
    sampling = request.sampling
    body.update({name: value for name in _SAMPLING if (value := getattr(sampling, name)) is not None})
    for name in ("presence_penalty", "frequency_penalty"):
        if getattr(sampling, name):
            body[name] = getattr(sampling, name)
    if sampling.logit_bias:
        body["logit_bias"] = [[int(token), bias] for token, bias in sampling.logit_bias.items()]
    if request.stop:
        body["stop"] = list(request.stop)
    if request.top_logprobs is not None:
        # Without alternatives the engine leaves out the chosen token's own log-probability as well.
        alternatives = max(1, request.top_logprobs)
        # Completions take their number of alternatives in the field that is a switch for conversations.
        body["logprobs"] = True if request.messages else alternatives
        body["top_logprobs"] = alternatives
    if request.schema is not None:
        body["response_format"] = (
            {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": request.schema}}
            if request.schema
            else {"type": "json_object"}
        )
    if request.tools:
        body["tools"], body["tool_choice"] = list(request.tools), request.tool_choice
        body["parallel_tool_calls"] = request.parallel_tool_calls
    if request.template_arguments:
        body["chat_template_kwargs"] = request.template_arguments
    if request.ignore_end:
        body["ignore_eos"] = True
    return body


ENGINE = LlamaCpp()

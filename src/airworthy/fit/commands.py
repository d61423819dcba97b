"""The commands that follow from a choice, as they are typed. Flags are those of the programs' own help."""

from __future__ import annotations

import shlex

from airworthy.core.messages import say
from airworthy.fit.choice import Choice
from airworthy.fit.question import FitModel


def commands(choice: Choice, model: FitModel) -> tuple[str, ...]:
    """What to type, in order: conversions first, then the program that serves."""
    made = {
        "airworthy": _airworthy,
        "llama.cpp": _llamacpp,
        "ollama": _ollama,
        "vllm": _vllm,
        "vllm-ascend": _vllm,
        "sglang": _sglang,
        "mindie": _mindie,
        "transformers": _transformers,
        "openvino": _openvino,
    }[choice.program]
    return tuple(made(choice, model))


def _path(model: FitModel) -> str:
    return shlex.quote(model.path) if model.path else "MODEL"


def _name(model: FitModel) -> str:
    return "".join(each if each.isalnum() or each in "._-" else "-" for each in model.name.lower())[:80] or "model"


def _gguf(choice: Choice, model: FitModel) -> tuple[list[str], str]:
    """The commands that make a GGUF file of a model, and the file."""
    if model.format == "gguf" and not choice.lost:
        return [], _path(model)
    stem = _name(model)
    steps, source = [], _path(model)
    if model.format != "gguf":
        source = f"{stem}-f16.gguf"
        steps.append(f"python convert_hf_to_gguf.py {_path(model)} --outfile {source} --outtype f16")
    file = f"{stem}-{choice.precision}.gguf"
    return [*steps, f"llama-quantize {source} {file} {choice.precision}"], file


def _airworthy(choice: Choice, model: FitModel) -> list[str]:
    if choice.engine == "llamacpp":
        steps, file = _gguf(choice, model)
        use = choice.use
        settings = [
            f"AIRWORTHY_SERVE_GENERATION_CONTEXT={use.context}",
            f"AIRWORTHY_SERVE_GENERATION_SLOTS={use.users}",
        ]
        if use.key_type != "f16":
            settings.append(f"AIRWORTHY_SERVE_GENERATION_CACHE_TYPE={use.key_type}")
        return [*steps, f"{' '.join(settings)} airworthy up {file}"]
    if model.format != "onnx":
        folder = f"{_name(model)}-onnx"
        return [f"optimum-cli export onnx --model {_path(model)} {folder}", f"airworthy up {folder}"]
    return [f"airworthy up {_path(model)}"]


def _llamacpp(choice: Choice, model: FitModel) -> list[str]:
    steps, file = _gguf(choice, model)
    use = choice.use
    users = max(1, use.users)
    words = ["llama-server", "-m", file, "-c", str(use.context * users), "-np", str(users)]
    if choice.device.accelerator:
        words += ["-ngl", "999"]
    if use.key_type != "f16":
        words += ["-fa", "on", "-ctk", use.key_type, "-ctv", use.value_type]
    return [*steps, " ".join(words)]


def _ollama(choice: Choice, model: FitModel) -> list[str]:
    steps, file = _gguf(choice, model)
    name = _name(model)
    variables = [f"OLLAMA_CONTEXT_LENGTH={choice.use.context}", f"OLLAMA_NUM_PARALLEL={max(1, choice.use.users)}"]
    if choice.use.key_type != "f16":
        variables += ["OLLAMA_FLASH_ATTENTION=1", f"OLLAMA_KV_CACHE_TYPE={choice.use.key_type}"]
    return [
        *steps,
        f"{' '.join(variables)} ollama serve &",
        f"printf 'FROM %s\\n' {file} > Modelfile && ollama create {name} -f Modelfile",
        f"ollama run {name}",
    ]


def _vllm(choice: Choice, model: FitModel) -> list[str]:
    use = choice.use
    words = [
        "vllm",
        "serve",
        _path(model),
        "--max-model-len",
        str(use.context),
        "--max-num-seqs",
        str(max(1, use.users)),
    ]
    if choice.split > 1:
        words += ["--tensor-parallel-size", str(choice.split)]
    if choice.precision == "FP8" and choice.lost:
        words += ["--quantization", "fp8"]
    if use.key_type == "fp8":
        words += ["--kv-cache-dtype", "fp8"]
    steps = []
    if choice.precision == "AWQ" and choice.lost:
        steps.append("# " + say("take a checkpoint that was published in AWQ, or make one with llm-compressor"))
        words[2] = f"{_name(model)}-AWQ"
    return [*steps, " ".join(words)]


def _sglang(choice: Choice, model: FitModel) -> list[str]:
    use = choice.use
    words = ["python3", "-m", "sglang.launch_server", "--model-path", _path(model)]
    words += ["--context-length", str(use.context), "--max-running-requests", str(max(1, use.users))]
    if choice.split > 1:
        words += ["--tp", str(choice.split)]
    if choice.precision == "FP8" and choice.lost:
        words += ["--quantization", "fp8"]
    if use.key_type == "fp8":
        words += ["--kv-cache-dtype", "fp8_e5m2"]
    return [" ".join(words)]


def _mindie(choice: Choice, model: FitModel) -> list[str]:
    edit = say(
        "# in mindie-service/conf/config.json: modelWeightPath {path}, worldSize {count}, maxSeqLen {context}",
        path=_path(model),
        count=choice.split,
        context=choice.use.context,
    )
    return [edit, "cd /usr/local/Ascend/mindie/latest/mindie-service && ./bin/mindieservice_daemon"]


def _transformers(_choice: Choice, model: FitModel) -> list[str]:
    if not model.generates:
        return ["# " + say("load it with AutoModel.from_pretrained({path!r})", path=model.path)]
    steps = ["pip install 'transformers[serving]'"]
    return [*steps, f"transformers serve --continuous-batching {_path(model)}"]


def _openvino(choice: Choice, model: FitModel) -> list[str]:
    if model.format in ("gguf", "openvino"):
        return ["# " + say("openvino_genai.LLMPipeline({path!r}, 'CPU')", path=model.path)]
    width = {"INT8": "int8"}.get(choice.precision, "fp16")
    folder = f"{_name(model)}-openvino"
    return [
        f"optimum-cli export openvino --model {_path(model)} --weight-format {width} {folder}",
        "# " + say("openvino_genai.LLMPipeline({path!r}, 'CPU')", path=folder),
    ]

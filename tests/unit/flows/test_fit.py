"""`airworthy.fit`: from headers and facts to a verdict, choices, commands and ways out."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import airworthy
from airworthy.cli.main import cli
from airworthy.core.errors import SettingInvalid
from airworthy.core.facts import Facts, Known
from airworthy.core.keys import CPU_CORES, MEMORY_AVAILABLE, MEMORY_TOTAL, NVIDIA_DEVICES
from airworthy.core.settings import Settings, StateSettings
from airworthy.core.values import Device
from airworthy.fit.devices import MEASURED
from airworthy.flows.fit import calibration, devices
from language_models import tiny

GIB = 1 << 30
LLAMA_70B = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 80,
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16",
}


def machine(memory: int = 32, *gpus: Device) -> Facts:
    values: dict[Any, Any] = {
        CPU_CORES: 8,
        MEMORY_TOTAL: memory * GIB,
        MEMORY_AVAILABLE: memory * GIB,
        NVIDIA_DEVICES: gpus,
    }
    return Facts({key.name: Known(value, "test") for key, value in values.items()})


def sparse_llama(folder: Path, shards: int = 30) -> Path:
    """A folder of 70 billion parameters in bfloat16 whose files hold headers and nothing else."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_70B))
    width, inner, shared, vocabulary = 8192, 28672, 1024, 128256
    tensors: list[tuple[str, list[int]]] = [
        ("model.embed_tokens.weight", [vocabulary, width]),
        ("lm_head.weight", [vocabulary, width]),
    ]
    for layer in range(80):
        block = f"model.layers.{layer}"
        tensors += [(f"{block}.self_attn.{name}_proj.weight", [width, width]) for name in "qo"]
        tensors += [(f"{block}.self_attn.{name}_proj.weight", [shared, width]) for name in "kv"]
        tensors += [(f"{block}.mlp.{name}_proj.weight", [inner, width]) for name in ("gate", "up")]
        tensors.append((f"{block}.mlp.down_proj.weight", [width, inner]))
    index = {}
    for number in range(shards):
        name = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        header, at = {}, 0
        for tensor, shape in tensors[number::shards]:
            size = 2 * shape[0] * shape[1]
            header[tensor] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
            at, index[tensor] = at + size, name
        text = json.dumps(header).encode()
        with (folder / name).open("wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            file.truncate(8 + len(text) + at)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    return folder


def test_a_small_model_fits_and_says_how_to_run_it(tmp_path: Path) -> None:
    path = tiny(tmp_path / "tiny.gguf")
    answer = airworthy.fit(path, facts=machine(), users=2).answer
    assert (answer.verdict, answer.engine, answer.device) == ("fits", "llamacpp", "cpu")
    assert answer.kv_mib == pytest.approx(2 * 512 * 2 * 64 * 2 * 2 / (1 << 20), abs=0.01)
    first = answer.choices[0]
    assert first.program == "airworthy"
    assert first.commands == (
        f"AIRWORTHY_SERVE_GENERATION_CONTEXT=512 AIRWORTHY_SERVE_GENERATION_SLOTS=2 airworthy up {path}",
    )
    other = next(each for each in answer.choices if each.program == "llama.cpp")
    assert other.commands == (f"llama-server -m {path} -c 1024 -np 2",), "-c is the context of all slots"
    assert all(each.basis for each in answer.parts)


def test_seventy_billion_parameters(tmp_path: Path) -> None:
    folder = sparse_llama(tmp_path / "llama-70b")
    began = time.process_time()
    report = airworthy.fit(folder, on=["4x H100 80GB", "RTX 4090"], facts=machine(), prefer="throughput")
    took = time.process_time() - began
    answer = report.answer
    assert answer.weights_mib == pytest.approx(4 * 33_639, rel=0.001), "70.6 billion in bfloat16, on four devices"
    assert answer.model["parameters"] == pytest.approx(70.55e9, rel=0.001)
    served = next(each for each in answer.choices if each.program == "vllm" and each.precision == "BF16")
    assert (served.fits, served.devices) == ("yes", 4)
    assert "--tensor-parallel-size 4" in served.commands[0]
    assert took < 2.0, "headers alone are read"


def test_what_does_not_fit_gets_ways_with_their_savings(tmp_path: Path) -> None:
    folder = sparse_llama(tmp_path / "llama-70b")
    answer = airworthy.fit(folder, on=["RTX 4090"], facts=machine(), users=4).answer
    assert answer.verdict == "does-not-fit"
    names = {way.name for way in answer.ways}
    assert {"quantise", "context", "slots", "split"} <= names
    halved = next(way for way in answer.ways if "FP8" in way.what)
    assert halved.saves_mib == pytest.approx(70.55e9 / (1 << 20), rel=0.1)
    assert halved.speed > 1.5
    assert next(way for way in answer.ways if way.name == "split").fits
    left = next(way for way in answer.ways if way.name == "offload")
    assert left.fits
    assert left.speed < 0.5, "the host's memory is slower"
    result = CliRunner().invoke(cli, ["fit", str(folder), "--on", "RTX 4090", "--users", "4"], standalone_mode=False)
    assert result.return_value == 1
    assert "What would make it fit" in result.output


def test_a_model_mapped_from_the_disk(tmp_path: Path) -> None:
    row = {
        "model": "Llama-2-13B",
        "quant": "f16",
        "context": 2048,
        "engine": "llama.cpp",
        "device": "cpu",
        "config": {
            "n_layer": 40,
            "n_embd": 5120,
            "n_head": 40,
            "n_head_kv": 40,
            "head_dim": 128,
            "n_ff": 13824,
            "n_vocab": 32000,
        },
    }
    answer = airworthy.fit(given=row, facts=machine(32)).answer
    assert answer.weights_mib == pytest.approx(24_826, rel=0.01)
    assert answer.kv_mib == 1600.0
    low, likely, high = answer.host_mib
    assert low <= likely <= high
    assert 26_000 < likely < 27_500, "13 billion in 16 bits fit into 32 GiB, with little left"


def test_devices_by_name() -> None:
    here = [
        devices.processor(machine(16)),
        *devices.accelerators(
            machine(16, Device(vendor="nvidia", name="NVIDIA H200", memory=141 * GIB, architecture="sm_90"))
        ),
    ]
    assert devices.named("cuda:0", here).capability == "9.0"
    assert devices.named("cpu 64GB", here).memory == 64 * GIB
    eight = devices.named("8x H100 80GB", here)
    assert (eight.count, eight.memory, eight.capability) == (8, 80 * GIB, "9.0")
    with pytest.raises(devices.DeviceUnknown, match="no table knows"):
        devices.named("Nonesuch 9000", here)


def test_what_was_measured_is_kept_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(state=StateSettings(directory=str(tmp_path / "state")))
    found = calibration.Calibration(
        at="2026-12-01T00:00:00+00:00", cores=8, rates={"memory": 1e10, "int8": 1e11}, by={}
    )
    monkeypatch.setattr(calibration, "_measured", lambda *_: found)
    kept = calibration.current(machine(), settings, measure=True, progress=airworthy_progress())
    again = calibration.current(machine(), settings, measure=False, progress=airworthy_progress())
    assert kept is not None
    assert again is not None
    assert again.rates == kept.rates
    device = devices.processor(machine(), again.rates)
    assert device.bandwidth is not None
    assert (device.bandwidth.value, device.bandwidth.basis) == (1e10, MEASURED)


def airworthy_progress() -> Any:
    from airworthy.core.progress import SILENT

    return SILENT


def test_a_load_and_its_plots(tmp_path: Path) -> None:
    path = tiny(tmp_path / "tiny.gguf")
    report = airworthy.fit(
        path,
        facts=machine(),
        load="20 req/s, 100 in 50 out tokens, p99 2s",
        plot=tmp_path / "plan",
    )
    load = report.answer.load
    assert load is not None
    assert load["machines"]["poisson"] >= 1
    assert load["machines"]["one_fails"] > load["machines"]["poisson"]
    assert (tmp_path / "plan.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "<svg" in (tmp_path / "plan.html").read_text()


def test_a_measured_curve(tmp_path: Path) -> None:
    runs = [{"clients": 1, "rate": 100.0}, {"clients": 8, "rate": 400.0}, {"clients": 32, "rate": 640.0}]
    path = tiny(tmp_path / "tiny.gguf")
    answer = airworthy.fit(path, facts=machine(), load="2000 rps, p99 200ms", curve={"runs": runs}).answer
    assert answer.load is not None
    assert 4 <= answer.load["machines"]["poisson"] <= 6, "about 640 a second each, less what p99 asks for"


@pytest.mark.parametrize(("name", "value"), [("cache_type", "q9_9"), ("prefer", "beauty")])
def test_unknown_words(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=value):
        airworthy.fit(tiny(tmp_path / "tiny.gguf"), facts=machine(), **{name: value})


def test_the_command_line(tmp_path: Path) -> None:
    described = tmp_path / "model.json"
    described.write_text(
        json.dumps(
            {
                "model": "Qwen2.5-7B",
                "quant": "q4_k_m",
                "context": 4096,
                "config": {"n_layer": 28, "n_embd": 3584, "n_head": 28, "n_head_kv": 4, "head_dim": 128},
            }
        )
    )
    result = CliRunner().invoke(cli, ["fit", "--given", str(described), "--format", "json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["kv_mib"] == 224.0
    assert told["compute_mib"][0] < told["compute_mib"][1]
    assert told["assumed"]
    assert CliRunner().invoke(cli, ["fit"]).exit_code == 2

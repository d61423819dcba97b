"""What was said of a machine: its parts by name, and what follows from several of them together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.flows.given import GivenInvalid
from airworthy.knowledge import Knowledge
from airworthy.knowledge.pytorch import cuda_of_tag, rocm_of_tag

SOURCE = "given"
KNOWN = Knowledge()
PROGRAM = "the program"
"""What a build without a name is called."""
_FRAMEWORKS = {
    "pytorch": "torch",
    "tf": "tensorflow",
    "ort": "onnxruntime",
    "trt": "tensorrt",
    "flash-attention": "flash-attn",
}
_WITHOUT_CUDA = frozenset({"onnxruntime", "tensorflow-cpu"})
_LOOK_FOR_CUDA = frozenset({"onnxruntime-gpu", "tensorflow", "tensorflow-gpu", "vllm"})
"""Frameworks that take CUDA from the system, so that `cuda_runtime` is what is there and not what they bring."""
NONE = frozenset({"", "none", "missing", "absent", "no", "false", "null", "not installed", "off"})


def version(text: str) -> Version:
    """A version of which people write only a part: `2.x` is `2`."""
    return Version(re.sub(r"(?<=\d)\.[xX*].*$", "", text.lstrip("vV=~<>^ ")) or text)


class Description:
    """A normalised description."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given = given
        self.os = _system(str(given.get("os", "")))
        name = re.sub(r"[\s_]+", "-", str(given.get("framework", "")).lower())
        self.framework = _FRAMEWORKS.get(name, name)
        self.models = KNOWN.device_models(str(given.get("gpu", "")))
        self.tag = _tag(str(given.get("build", "")))
        self.vendor = self._vendor()
        self.architecture = self._architecture()

    def get(self, key: str) -> str:
        """What was said of a key; empty for nothing."""
        return str(self.given.get(key, ""))

    def number(self, key: str) -> Version | None:
        """What was said of a key, as a version; None for nothing."""
        text = self.get(key)
        return version(text) if text else None

    def _vendor(self) -> str:
        accelerator = self.get("accelerator").lower()
        if accelerator:
            return {"huawei": "ascend", "npu": "ascend", "cuda": "nvidia", "rocm": "amd"}.get(accelerator, accelerator)
        if self.get("gfx") or self.tag.startswith("rocm") or self.get("rocm"):
            return "amd"
        if self.framework == "torch-npu" or self.get("cann"):
            return "ascend"
        makers = {model.vendor for model in self.models}
        if len(makers) == 1:
            return makers.pop()
        nvidia = ("compute_capability", "driver", "cuda_runtime", "driver_cuda", "image_cuda", "cudnn", "gpu_class")
        return "nvidia" if self.tag.startswith("cu") or any(self.get(key) for key in nvidia) else ""

    def _architecture(self) -> str:
        """What code for the device is called; of a name that means several, only what all of them share."""
        capability = self.get("compute_capability").lower().removeprefix("sm_").removeprefix("sm")
        if capability:
            digits = re.fullmatch(r"(\d{1,2})\.?(\d)(?:\.0)?[af]?", capability)
            return f"sm_{digits[1]}{digits[2]}" if digits else f"sm_{capability}0"
        if self.get("gfx"):
            return self.get("gfx").lower()
        codes = {model.code for model in self.models}
        return codes.pop() if len(codes) == 1 else ""

    def refuse_contradictions(self) -> None:
        """Two answers to one question are an error of the caller."""
        codes = {model.code for model in self.models}
        if codes and self.architecture and self.architecture not in codes and self.models[0].vendor == self.vendor:
            wanted = ", ".join(sorted(codes))
            raise _contradiction("gpu", self.get("gpu"), "compute_capability", self.architecture, wanted)
        kinds = {model.kind for model in self.models}
        asked = self.get("gpu_class").lower().replace("center", "centre").replace(" ", "")
        if (
            asked in {"geforce", "datacentre"}
            and kinds
            and kinds.isdisjoint({asked})
            and kinds <= {"geforce", "datacentre"}
        ):
            raise _contradiction("gpu", self.get("gpu"), "gpu_class", self.get("gpu_class"), ", ".join(sorted(kinds)))
        brought, runtime = cuda_of_tag(self.tag), self.number("cuda_runtime")
        if brought is not None and runtime is not None and self.framework == "torch":
            same = brought.numbers[: len(runtime.numbers)] == runtime.numbers[: len(brought.numbers)]
            if not same:
                raise _contradiction("build", self.get("build"), "cuda_runtime", self.get("cuda_runtime"), brought.text)
        if self.os == "windows" and self.get("glibc"):
            raise _contradiction("os", self.get("os"), "glibc", self.get("glibc"), say("no glibc"))

    def accelerator(self, runtime: Version | None) -> tuple[str, Version | None]:
        """What the framework computes on, and the toolkit that it was built with."""
        if self.tag == "cpu" or self.framework in _WITHOUT_CUDA or self._is_cpu_build():
            return "cpu", None
        if self.vendor == "amd":
            return "rocm", rocm_of_tag(self.tag) or self.number("rocm")
        if self.framework == "torch-npu" or self.vendor == "ascend":
            return "npu", None
        if runtime is None and self.framework not in _LOOK_FOR_CUDA:
            runtime = self.number("cuda_runtime") or (
                self.number("image_cuda") if self.given.get("container") else None
            )
        need = KNOWN.gpu_need(self.framework, self.framework_version(), self.get("index"))
        if runtime is None and need is not None and self.framework in _LOOK_FOR_CUDA:
            there = self.number("cuda_runtime")
            same = there is not None and there.major == need.cuda and "needs_ptx_jit" in self.given
            runtime = there if same else Version(str(need.cuda))
        return "cuda" if self.vendor == "nvidia" or runtime is not None else "", runtime

    def _is_cpu_build(self) -> bool:
        machine = self.get("arch").lower().replace("arm64", "aarch64")
        row = KNOWN.cpu_build(self.framework, self.framework_version(), self.os, machine)
        if row is None or (self.vendor != "nvidia" and not self.get("cuda_runtime")):
            return False
        usual = not self.tag and self.get("index").lower() in {"", "pypi", "https://pypi.org/simple"}
        return row.all or usual

    def framework_version(self) -> Version:
        """The version of the framework, with its local part; 0 where it was not said."""
        text = self.get("framework_version")
        local = f"+{self.tag}" if self.tag and "+" not in text else ""
        return version(f"{text or '0'}{local}") if text or self.tag else Version("0")


def _system(name: str) -> str:
    text = name.lower()
    if "wsl" in text:
        return "linux"
    if text.startswith("win"):
        return "windows"
    if text.startswith(("mac", "darwin", "osx")):
        return "macos"
    return "linux" if text else ""


def _tag(build: str) -> str:
    """The tag in a build as people write it: `cu128`, `+cu12.8`, `CUDA 12.8`, `rocm5.2`, `cpu`."""
    text = build.lower()
    found = re.search(r"\bcu(?:da)?[ -]?(\d{1,2})\.?(\d)(?!\d)", text)
    if found:
        return f"cu{found[1]}{found[2]}"
    found = re.search(r"\brocm[ -]?(\d{1,2}(?:\.\d{1,2}){0,2})", text)
    if found:
        return f"rocm{found[1]}"
    return "cpu" if re.search(r"\bcpu\b", text) else ""


def _contradiction(first: str, value: str, second: str, other: str, wanted: str) -> GivenInvalid:
    problem = say(
        "{first}={value} and {second}={other} contradict each other",
        first=first,
        value=value,
        second=second,
        other=other,
    )
    return GivenInvalid(
        problem=problem, suggestion=say("{first}={value} means {wanted}", first=first, value=value, wanted=wanted)
    )

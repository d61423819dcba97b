"""The frameworks of a described machine and the device code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from airworthy.core.messages import say
from airworthy.core.values import (
    FrameworkBuild,
)
from airworthy.core.version import Version
from airworthy.flows.described.description import KNOWN, PROGRAM, SOURCE, Description, version
from airworthy.knowledge.pytorch import cuda_of_tag


def frameworks_of(described: Description) -> Iterator[FrameworkBuild]:
    """The frameworks, each with what it was built for."""
    runtime = cuda_of_tag(described.tag)
    told = _told_code(described)
    if described.framework and described.framework not in {"flash-attn"}:
        accelerator, runtime = described.accelerator(runtime)
        yield FrameworkBuild(
            name=described.framework,
            version=described.framework_version(),
            accelerator=accelerator,
            runtime=runtime,
            architectures=told or _jit_code(described),
            cudnn=described.number("cudnn_compiled"),
            compressed=bool(described.given.get("fatbin_compressed", False)),
            origin=SOURCE,
        )
        if (
            described.vendor == "amd"
            and "source" in described.get("build").lower()
            and described.number("rocm") is not None
        ):
            yield _rocblas(described)
    yield from _torch_below(described)
    if not described.framework or described.get("cuda_compiler") or described.get("cuda_toolkit_build"):
        yield from _unnamed_builds(described, told)


def _torch_below(described: Description) -> Iterator[FrameworkBuild]:
    """The PyTorch that an engine runs on, or that is named among the packages."""
    text = described.get("torch") or described.given.get("packages", {}).get("torch", "")
    if described.vendor != "nvidia" or described.framework in {"torch", "torch-npu"} or not re.match(r"\d", text):
        return
    tag = text.partition("+")[2] or (described.tag if described.get("torch") else "")
    plain = text.partition("+")[0]
    if tag in {"", "cpu"} or cuda_of_tag(tag) is not None:
        yield FrameworkBuild(
            name="torch",
            version=version(f"{plain}+{tag}" if tag else plain),
            accelerator="cpu" if tag == "cpu" else "cuda",
            runtime=cuda_of_tag(tag),
            origin=SOURCE,
        )


def _rocblas(described: Description) -> FrameworkBuild:
    """ROCm's own libraries have their list of targets, whatever the framework was compiled for."""
    rocm = described.number("rocm") or Version("0")
    code = KNOWN.rocm_architectures(rocm)
    return FrameworkBuild(
        name="rocblas",
        version=rocm,
        accelerator="rocm",
        runtime=rocm,
        # For a version newer than the table nothing is claimed: the check is then skipped.
        architectures=() if code.is_newest_row else code.value or (),
        origin=SOURCE,
    )


def _told_code(described: Description) -> tuple[str, ...]:
    """The device code that was given; what is known in part decides only where it is enough."""
    listed = tuple(_code(each) for each in described.given.get("build_arch_list", ()))
    if listed:
        return listed
    least = described.number("build_min_cc")
    if least is not None:
        return (f"compute_{least.major}{least.minor}",)
    part = described.get("build_arch_list_has")
    if part and described.architecture and KNOWN.runs_on(_code(part), described.architecture):
        return (_code(part),)
    build = described.get("build")
    named = re.findall(r"gfx[0-9a-f]{3,5}", build) or re.findall(r"sm_\d{2,3}[af]?", build)
    return tuple(dict.fromkeys(named))


def _jit_code(described: Description) -> tuple[str, ...]:
    """What `needs_ptx_jit` says of the code: for this device there is PTX only, or there is machine code."""
    jit = described.given.get("needs_ptx_jit")
    if jit and not described.architecture:
        return ("compute_any",)
    if jit is None or not described.architecture.startswith("sm_"):
        return ()
    return (described.architecture.replace("sm_", "compute_"),) if jit else (described.architecture,)


def _unnamed_builds(described: Description, told: tuple[str, ...]) -> Iterator[FrameworkBuild]:
    flags = described.get("nvcc_flags")
    for key in ("cuda_toolkit_build", "cuda_compiler", "cuda_runtime"):
        toolkit = described.number(key)
        if toolkit is None:
            continue
        code = told or _jit_code(described) or _code_of_flags(flags)
        if not code and flags:
            code = KNOWN.compiler_default(toolkit)
        if not code and key == "cuda_runtime" and _older_than_default(described, toolkit):
            code = KNOWN.compiler_default(toolkit)
        name = {"cuda_compiler": say("the CUDA compiler")}.get(key, PROGRAM)
        yield FrameworkBuild(
            name=name,
            version=toolkit,
            accelerator="cuda",
            runtime=toolkit,
            architectures=code,
            compressed=bool(described.given.get("fatbin_compressed", False)),
            origin=SOURCE,
        )
        return


def _older_than_default(described: Description, toolkit: Version) -> bool:
    default = KNOWN.compiler_default(toolkit)
    return bool(default and described.architecture) and not any(
        KNOWN.runs_on(code, described.architecture) for code in default
    )


def _code(text: str) -> str:
    """Device code as compilers name it: `8.0`, `80` and `sm_80` are one; `9.0+PTX` is PTX too."""
    if text.startswith(("sm_", "compute_", "gfx")):
        return text
    digits = re.fullmatch(r"(\d{1,2})\.?(\d)([af]?)(\+PTX)?", text)
    return f"{'compute' if digits[4] else 'sm'}_{digits[1]}{digits[2]}{digits[3]}" if digits else text


def _code_of_flags(flags: str) -> tuple[str, ...]:
    """The device code that nvcc's options ask for."""
    found = re.findall(r"code=\[?([\w,]+)", flags) or re.findall(r"-arch[= ]([\w]+)", flags)
    return tuple(
        dict.fromkeys(code for each in found for code in each.split(",") if code.startswith(("sm_", "compute_")))
    )

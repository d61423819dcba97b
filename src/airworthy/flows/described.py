"""The facts of a described machine: what was said, and what the tables add to it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from airworthy.core import keys
from airworthy.core.facts import Absent, Fact, Facts, Known
from airworthy.core.keys import Key
from airworthy.core.messages import say
from airworthy.core.values import (
    Binary,
    Device,
    Distribution,
    FormatVersion,
    FrameworkBuild,
    NumpyUse,
    SharedLibrary,
)
from airworthy.core.version import Version
from airworthy.flows.given import GivenInvalid
from airworthy.knowledge import Knowledge
from airworthy.knowledge.devices import Model, memory_in
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
_X86_64_V4 = (
    *("sse3", "ssse3", "sse4_1", "sse4_2", "popcnt", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt", "movbe"),
    *("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
)
_WITHOUT_CUDA = frozenset({"onnxruntime", "tensorflow-cpu"})
_LOOK_FOR_CUDA = frozenset({"onnxruntime-gpu", "tensorflow", "tensorflow-gpu", "vllm"})
"""Frameworks that take CUDA from the system, so that `cuda_runtime` is what is there and not what they bring."""
_NONE = frozenset({"", "none", "missing", "absent", "no", "false", "null", "not installed", "off"})


def facts_of(given: Mapping[str, Any]) -> Facts:
    """The facts of a normalised description.

    Raises:
        GivenInvalid: two things that were given contradict each other.
    """
    described = _Described(given)
    described.refuse_contradictions()
    return Facts({key.name: fact for key, fact in described.facts()})


def version(text: str) -> Version:
    """A version of which people write only a part: `2.x` is `2`."""
    return Version(re.sub(r"(?<=\d)\.[xX*].*$", "", text.lstrip("vV=~<>^ ")) or text)


class _Described:
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
        return str(self.given.get(key, ""))

    def number(self, key: str) -> Version | None:
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
        """Two answers to one question are an error of whoever asks."""
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

    def facts(self) -> Iterator[tuple[Key[Any], Fact]]:
        yield from self._system_facts()
        yield from self._device_facts()
        yield from self._driver_facts()
        yield from self._container_facts()
        builds = tuple(self._builds())
        if builds:
            yield keys.FRAMEWORKS, Known(builds, SOURCE)
        packages = tuple(self._packages())
        if packages or self.framework:
            yield keys.DISTRIBUTIONS, Known(packages, SOURCE)
            yield (
                keys.NUMPY_USES,
                Known(tuple(self._numpy_uses(packages)), say("given, and the table of NumPy 2 releases")),
            )
        binaries = tuple(self._binaries(packages))
        if binaries:
            yield keys.BINARIES, Known(binaries, say("given, and the table of what published builds look for"))
        libraries = tuple(self._libraries())
        if libraries:
            yield keys.LIBRARIES, Known(libraries, SOURCE)
        if "model_ir" in self.given:
            yield (
                keys.MODEL_FORMAT_VERSIONS,
                Known((FormatVersion(kind="onnx-ir", version=self.given["model_ir"]),), SOURCE),
            )
        yield from self._other_vendors()
        yield from self._plan(packages)

    def _system_facts(self) -> Iterator[tuple[Key[Any], Fact]]:
        name = self.get("os")
        kernel = {"linux": "Linux", "windows": "Windows", "macos": "Darwin"}.get(self.os)
        if kernel:
            wsl = " microsoft-standard-WSL2" if "wsl" in name.lower() else ""
            yield keys.OS_KERNEL, Known(kernel + wsl, SOURCE)
            yield keys.OS_NAME, Known(name, SOURCE)
        if self.get("arch"):
            machine = (
                self.get("arch").lower().replace("amd64", "x86_64").replace("x64", "x86_64").replace("arm64", "aarch64")
            )
            yield keys.CPU_ARCHITECTURE, Known(machine, SOURCE)
        if self.get("python"):
            yield keys.PYTHON_VERSION, Known(version(self.get("python")), SOURCE)
        release = KNOWN.glibc_of(name) if name else None
        if self.get("glibc"):
            yield keys.LIBC_NAME, Known("glibc", SOURCE)
            yield keys.LIBC_VERSION, Known(version(self.get("glibc")), SOURCE)
        elif release is not None:
            yield keys.LIBC_NAME, Known("glibc", say("{release} has it", release=release.name))
            yield keys.LIBC_VERSION, Known(release.glibc, release.source)
        elif "alpine" in name.lower():
            yield keys.LIBC_NAME, Known("musl", say("{release} has it", release=name))
        yield from self._cpp_library(name)
        if self.get("cpu"):
            yield keys.CPU_MODEL, Known(self.get("cpu"), SOURCE)
        missing = tuple(flag.lower().replace(".", "_") for flag in self.given.get("cpu_flags_missing", ()))
        if missing:
            # What is missing was said; the rest of a present-day processor is taken to be there.
            gone = {each for each in _X86_64_V4 if any(each.startswith(flag) for flag in missing)} | set(missing)
            if "avx" in gone:
                gone |= {"f16c", "fma"}
            there = tuple(each for each in _X86_64_V4 if each not in gone)
            yield keys.CPU_INSTRUCTIONS, Known(there, say("given: all but {flags}", flags=missing))
            yield keys.CPU_ARCHITECTURE, Known(self.get("arch") or "x86_64", say("given: cpu_flags_missing"))

    def _cpp_library(self, system: str) -> Iterator[tuple[Key[Any], Fact]]:
        """The newest symbols of the C++ library: as told, else the distribution's, which a conda environment hides."""
        told = re.search(r"3\.4\.\d{1,2}", self.get("libstdcxx"))
        if told:
            yield keys.LIBSTDCXX, Known(Version(told[0]), SOURCE)
            return
        row = KNOWN.glibcxx_of_system(system) if system else None
        if row is not None and "conda" not in self.get("env_manager").lower():
            yield keys.LIBSTDCXX, Known(row.glibcxx, row.source)
            yield keys.LIBSTDCXX_ABI, Known(row.cxxabi, row.source)

    def _device_facts(self) -> Iterator[tuple[Key[Any], Fact]]:
        name = self._device_name() or {"nvidia": say("the GPU"), "amd": say("the AMD GPU")}.get(
            self.vendor, self.vendor
        )
        device = Device(
            vendor=self.vendor, name=name, memory=memory_in(self.get("gpu")), architecture=self.architecture
        )
        asked = any(self.get(key) for key in ("gpu", "compute_capability", "gfx", "accelerator", "rocm"))
        asked = asked or self.given.get("needs_ptx_jit") is True
        if not asked:
            return
        source = self._named(self.models) if self.models and not self.get("compute_capability") else SOURCE
        key = {"nvidia": keys.NVIDIA_DEVICES, "amd": keys.AMD_DEVICES, "ascend": keys.ASCEND_DEVICES}.get(self.vendor)
        if key is not None:
            yield key, Known((device,), source)
        visible = self.given.get("visible", self.given.get("env", {}).get("CUDA_VISIBLE_DEVICES"))
        if visible is not None and self.vendor == "nvidia":
            yield keys.CUDA_VISIBLE, Known(str(visible), SOURCE)

    def _device_name(self) -> str:
        """The name as the maker's tools tell it, with the class that people leave out."""
        name = self.get("gpu")
        geforce = {model.kind for model in self.models} == {"geforce"} or self.get("gpu_class").lower() == "geforce"
        return f"NVIDIA GeForce {name}" if name and geforce and "geforce" not in name.lower() else name

    def _named(self, models: tuple[Model, ...]) -> str:
        return say("given, and {source}", source=models[0].source)

    def _driver_facts(self) -> Iterator[tuple[Key[Any], Fact]]:
        speaks = self.number("driver_cuda")
        if self.get("driver") and self.vendor in {"nvidia", ""}:
            yield keys.NVIDIA_DRIVER, Known(version(self.get("driver")), SOURCE)
        elif speaks is not None:
            branch = KNOWN.driver_that_speaks(speaks)
            if branch is not None:
                source = say("given: a driver that speaks CUDA {cuda} is of this branch", cuda=speaks)
                yield keys.NVIDIA_DRIVER, Known(branch, source)
        lent = self._lent_cuda()
        if lent is not None:
            yield keys.NVIDIA_CUDA, Known(lent, say("given: the forward-compatibility package lends it"))
        elif speaks is not None:
            yield keys.NVIDIA_CUDA, Known(speaks, SOURCE)

    def _lent_cuda(self) -> Version | None:
        """The CUDA that a forward-compatibility package lends: only where the device is one that it is made for."""
        package = self.get("cuda_compat_package")
        kinds = {model.kind for model in self.models} | {self.get("gpu_class").lower()}
        if re.match(r"\d", package) and "datacentre" in kinds and self.get("driver"):
            return version(package)
        return None

    def _container_facts(self) -> Iterator[tuple[Key[Any], Fact]]:
        require = self.get("nvidia_require_cuda")
        if require:
            yield keys.CONTAINER_REQUIRE, Known(require, SOURCE)
        elif "container" in self.given:
            yield keys.CONTAINER_REQUIRE, Absent(say("given without nvidia_require_cuda"))
        if self.given.get("container"):
            yield keys.CONTAINER_ENGINE, Known("docker", SOURCE)
        if "nvidia_container_toolkit" in self.given:
            gone = self.get("nvidia_container_toolkit").lower() in _NONE
            yield keys.CONTAINER_GPU_SUPPORT, Known(() if gone else ("nvidia-container-toolkit",), SOURCE)
            if gone and self.given.get("container"):
                yield keys.ACCESS_DEVICES, Known((), say("given: nothing hands devices to the container"))
                yield keys.CONTAINER_VISIBLE, Known("all", SOURCE)

    def _builds(self) -> Iterator[FrameworkBuild]:
        runtime = cuda_of_tag(self.tag)
        told = self._told_code()
        if self.framework and self.framework not in {"flash-attn"}:
            accelerator, runtime = self._accelerator(runtime)
            yield FrameworkBuild(
                name=self.framework,
                version=self._framework_version(),
                accelerator=accelerator,
                runtime=runtime,
                architectures=told or self._jit_code(),
                cudnn=self.number("cudnn_compiled"),
                compressed=bool(self.given.get("fatbin_compressed", False)),
                origin=SOURCE,
            )
            if self.vendor == "amd" and "source" in self.get("build").lower() and self.number("rocm") is not None:
                yield self._rocblas()
        yield from self._torch_below()
        if not self.framework or self.get("cuda_compiler") or self.get("cuda_toolkit_build"):
            yield from self._unnamed_builds(told)

    def _torch_below(self) -> Iterator[FrameworkBuild]:
        """The PyTorch that an engine runs on, or that is named among the packages."""
        text = self.get("torch") or self.given.get("packages", {}).get("torch", "")
        if self.vendor != "nvidia" or self.framework in {"torch", "torch-npu"} or not re.match(r"\d", text):
            return
        tag = text.partition("+")[2] or (self.tag if self.get("torch") else "")
        plain = text.partition("+")[0]
        if tag in {"", "cpu"} or cuda_of_tag(tag) is not None:
            yield FrameworkBuild(
                name="torch",
                version=version(f"{plain}+{tag}" if tag else plain),
                accelerator="cpu" if tag == "cpu" else "cuda",
                runtime=cuda_of_tag(tag),
                origin=SOURCE,
            )

    def _rocblas(self) -> FrameworkBuild:
        """ROCm's own libraries have their list of targets, whatever the framework was compiled for."""
        rocm = self.number("rocm") or Version("0")
        return FrameworkBuild(
            name="rocblas",
            version=rocm,
            accelerator="rocm",
            runtime=rocm,
            architectures=KNOWN.rocm_architectures(rocm),
            origin=SOURCE,
        )

    def _framework_version(self) -> Version:
        text = self.get("framework_version")
        local = f"+{self.tag}" if self.tag and "+" not in text else ""
        return version(f"{text or '0'}{local}") if text or self.tag else Version("0")

    def _accelerator(self, runtime: Version | None) -> tuple[str, Version | None]:
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
        need = KNOWN.gpu_need(self.framework, self._framework_version(), self.get("index"))
        if runtime is None and need is not None and self.framework in _LOOK_FOR_CUDA:
            there = self.number("cuda_runtime")
            same = there is not None and there.major == need.cuda and "needs_ptx_jit" in self.given
            runtime = there if same else Version(str(need.cuda))
        return "cuda" if self.vendor == "nvidia" or runtime is not None else "", runtime

    def _is_cpu_build(self) -> bool:
        machine = self.get("arch").lower().replace("arm64", "aarch64")
        row = KNOWN.cpu_build(self.framework, self._framework_version(), self.os, machine)
        if row is None or (self.vendor != "nvidia" and not self.get("cuda_runtime")):
            return False
        usual = not self.tag and self.get("index").lower() in {"", "pypi", "https://pypi.org/simple"}
        return row.all or usual

    def _told_code(self) -> tuple[str, ...]:
        """The device code that was told; what is known in part decides only where it is enough."""
        listed = tuple(_code(each) for each in self.given.get("build_arch_list", ()))
        if listed:
            return listed
        least = self.number("build_min_cc")
        if least is not None:
            return (f"compute_{least.major}{least.minor}",)
        part = self.get("build_arch_list_has")
        if part and self.architecture and KNOWN.runs_on(_code(part), self.architecture):
            return (_code(part),)
        build = self.get("build")
        named = re.findall(r"gfx[0-9a-f]{3,5}", build) or re.findall(r"sm_\d{2,3}[af]?", build)
        return tuple(dict.fromkeys(named))

    def _jit_code(self) -> tuple[str, ...]:
        """What `needs_ptx_jit` says of the code: for this device there is PTX only, or there is machine code."""
        jit = self.given.get("needs_ptx_jit")
        if jit and not self.architecture:
            return ("compute_any",)
        if jit is None or not self.architecture.startswith("sm_"):
            return ()
        return (self.architecture.replace("sm_", "compute_"),) if jit else (self.architecture,)

    def _unnamed_builds(self, told: tuple[str, ...]) -> Iterator[FrameworkBuild]:
        flags = self.get("nvcc_flags")
        for key in ("cuda_toolkit_build", "cuda_compiler", "cuda_runtime"):
            toolkit = self.number(key)
            if toolkit is None:
                continue
            code = told or self._jit_code() or _code_of_flags(flags)
            if not code and flags:
                code = KNOWN.compiler_default(toolkit)
            if not code and key == "cuda_runtime" and self._older_than_default(toolkit):
                code = KNOWN.compiler_default(toolkit)
            name = {"cuda_compiler": say("the CUDA compiler")}.get(key, PROGRAM)
            yield FrameworkBuild(
                name=name,
                version=toolkit,
                accelerator="cuda",
                runtime=toolkit,
                architectures=code,
                compressed=bool(self.given.get("fatbin_compressed", False)),
                origin=SOURCE,
            )
            return

    def _older_than_default(self, toolkit: Version) -> bool:
        default = KNOWN.compiler_default(toolkit)
        return bool(default and self.architecture) and not any(
            KNOWN.runs_on(code, self.architecture) for code in default
        )

    def _packages(self) -> Iterator[Distribution]:
        seen = set()
        if self.framework:
            seen.add(self.framework)
            yield Distribution(name=self.framework, version=self._framework_version(), tags=self._tags())
        if self.get("torch") and "torch" not in seen:
            seen.add("torch")
            yield Distribution(name="torch", version=version(self.get("torch")))
        for name, text in self.given.get("packages", {}).items():
            normal = re.sub(r"[-_.]+", "-", name).lower()
            if normal in seen or not re.search(r"\d", text):
                continue
            seen.add(normal)
            yield Distribution(name=normal, version=version(text), tags=self._tags() if not self.framework else ())
        if not seen and self._tags():
            yield Distribution(name=PROGRAM, version=Version("0"), tags=self._tags())
        cudnn = self.number("cudnn")
        if cudnn is not None:
            major = (self.number("cuda_runtime") or cuda_of_tag(self.tag) or Version("12")).major
            yield Distribution(name=f"nvidia-cudnn-cu{major}", version=cudnn)

    def _tags(self) -> tuple[str, ...]:
        tag = self.get("wheel_tag")
        if not tag:
            return ()
        return (tag if tag.count("-") >= 2 else f"py3-none-{tag}",)

    def _numpy_uses(self, packages: tuple[Distribution, ...]) -> Iterator[NumpyUse]:
        for package in packages:
            first = KNOWN.numpy2_release(package.name, windows=self.os == "windows")
            if first is not None and package.version.text != "0":
                built = "1" if package.version < first else "any"
                yield NumpyUse(distribution=package.name, version=package.version, built_for=built, origin=SOURCE)

    def _binaries(self, packages: tuple[Distribution, ...]) -> Iterator[Binary]:
        required = self.number("built_for_glibc")
        owner = self.framework or next(iter(self.given.get("packages", {})), "") or PROGRAM
        if required is not None:
            yield Binary(path=say("its shared objects"), distribution=owner, glibc=required)
        yield from self._compiled_here()
        for package in packages:
            yield from self._published(package)
        need = KNOWN.gpu_need(self.framework, self._framework_version(), self.get("index")) if self.framework else None
        if need is None or self._accelerator(None)[0] != "cuda":
            return
        missing: list[str] = []
        there = self.number("cuda_runtime")
        if there is not None and there.major != need.cuda:
            missing += [_cudart(need.cuda), f"libcublasLt.so.{need.cuda}"]
        cudnn = self.number("cudnn")
        if cudnn is not None and need.cudnn is not None and cudnn.major != need.cudnn:
            missing.append(f"libcudnn.so.{need.cudnn}")
        if there is not None or cudnn is not None:
            yield Binary(
                path=say("its CUDA part"),
                distribution=self.framework,
                needed=(_cudart(need.cuda), *((f"libcudnn.so.{need.cudnn}",) if need.cudnn else ())),
                missing=tuple(missing),
            )

    def _compiled_here(self) -> Iterator[Binary]:
        """What a compiler on the machine makes of packages from source: it may ask for its own C++ library's newest."""
        gcc = re.search(r"\d{1,2}(?:\.\d{1,2}){0,2}", self.get("gcc"))
        row = KNOWN.glibcxx_of_compiler(Version(gcc[0])) if gcc else None
        if row is None:
            return
        for name, text in self.given.get("packages", {}).items():
            if "source" in text.lower():
                path = say("what GCC {gcc} made of it", gcc=gcc[0] if gcc else "")
                yield Binary(path=path, distribution=name, glibcxx=row.glibcxx)

    def _published(self, package: Distribution) -> Iterator[Binary]:
        """What the shared objects of a published wheel ask for, beyond what its tag says."""
        if self.os not in {"linux", ""} or "source" in self.get("install").lower():
            return
        for need in KNOWN.binary_needs(package.name, package.version):
            if not (need.cpu_only and self.vendor):
                yield Binary(
                    path=say("its shared objects"),
                    distribution=package.name,
                    glibc=need.glibc,
                    glibcxx=need.glibcxx,
                )

    def _libraries(self) -> Iterator[SharedLibrary]:
        package = self.get("cuda_compat_package")
        if package.lower() not in _NONE:
            folder = f"cuda-{package}" if re.match(r"\d", package) else "cuda"
            path = f"/usr/local/{folder}/compat/libcuda.so.1"
            yield SharedLibrary(soname="libcuda.so.1", path=path, found_by="LD_LIBRARY_PATH")

    def _other_vendors(self) -> Iterator[tuple[Key[Any], Fact]]:
        env = self.given.get("env", {})
        override = env.get("HSA_OVERRIDE_GFX_VERSION")
        if override:
            yield keys.AMD_GFX_OVERRIDE, Known(override, SOURCE)
        elif self.vendor == "amd":
            yield keys.AMD_GFX_OVERRIDE, Absent(SOURCE)
        user = self.number("rocm_user") or self.number("rocm")
        if user is not None:
            yield keys.ROCM_VERSION, Known(user, SOURCE)
        if self.get("rocm_kmd"):
            yield keys.AMD_DRIVER, Known(version(self.get("rocm_kmd")), SOURCE)
            yield keys.PLAN_ROCM_DRIVER, Known(version(self.get("rocm_kmd")), SOURCE)
        if self.get("cann"):
            yield keys.ASCEND_CANN, Known(Version(self.get("cann")), SOURCE)
        if self.vendor == "ascend" and self.get("driver"):
            yield keys.ASCEND_DRIVER, Known(version(self.get("driver")), SOURCE)
        abi = re.search(r"[01]\b", self.get("nnal_cxx_abi"))
        if abi:
            yield keys.ASCEND_NNAL_ABI, Known(int(abi[0]), SOURCE)

    def _plan(self, packages: tuple[Distribution, ...]) -> Iterator[tuple[Key[Any], Fact]]:
        texts = (
            ("dtype", keys.PLAN_DTYPE),
            ("quant", keys.PLAN_QUANTIZATION),
            ("attn", keys.PLAN_ATTENTION),
            ("model", keys.PLAN_MODEL),
            ("env_manager", keys.PLAN_ENVIRONMENT_MANAGER),
        )
        for name, key in texts:
            if self.get(name):
                yield key, Known(self.get(name).lower() if name != "model" else self.get(name), SOURCE)
        if packages:
            yield keys.PLAN_PACKAGES, Known(packages, SOURCE)
        if self.os:
            yield keys.PLAN_SYSTEM, Known(self.os, SOURCE)
        indexes = (*self.given.get("indexes", ()), *((self.get("index"),) if self.get("index") else ()))
        if indexes:
            yield keys.PLAN_INDEXES, Known(indexes, SOURCE)
        if self.given.get("groups"):
            yield keys.PLAN_GROUPS, Known(self.given["groups"], SOURCE)
        if "weights_only" in self.given:
            yield keys.PLAN_WEIGHTS_ONLY, Known(self.given["weights_only"], SOURCE)
        built = self.number("engine_built_with") if re.search(r"\d", self.get("engine_built_with")) else None
        if built is not None:
            yield keys.PLAN_ENGINE_BUILT_WITH, Known(built, SOURCE)
        accelerator = {"nvidia": "cuda", "amd": "rocm", "ascend": "npu"}.get(self.vendor)
        if accelerator:
            yield keys.PLAN_ACCELERATOR, Known(accelerator, SOURCE)
        path = self.given.get("env", {}).get("LD_LIBRARY_PATH")
        if path:
            yield keys.PLAN_LOADER_PATH, Known(path, SOURCE)
        for name, toolkit in (
            ("cuda_toolkit_system", keys.PLAN_SYSTEM_TOOLKIT),
            ("cuda_toolkit_build", keys.PLAN_EXTENSION_TOOLKIT),
        ):
            number = self.number(name)
            if number is None and name == "cuda_toolkit_system":
                number = _toolkit_in(path or "")
            if number is not None and self.framework:
                yield toolkit, Known(number, SOURCE)


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


def _toolkit_in(path: str) -> Version | None:
    """The CUDA toolkit that `LD_LIBRARY_PATH` names first, `/usr/local/cuda-12.1/lib64`."""
    found = re.search(r"\bcuda-(\d{1,2}\.\d{1,2})/", path)
    return Version(found[1]) if found else None


def _cudart(major: int) -> str:
    return "libcudart.so.11.0" if major == 11 else f"libcudart.so.{major}"


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

"""A machine that isn't there, as people describe it: `gpu=RTX 5090 driver=570 framework=torch build=cu128`, as facts.

Pure: it reads no host and no file. What is derived from a table says so in the fact's source, so that a finding shows
what decided.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say

LONGEST = 2000
"""Characters of a value."""


class GivenInvalid(AirworthyError):
    """A description of a machine with a key that doesn't exist, a value of the wrong kind, or a contradiction."""

    code = "given-invalid"
    message = "--given: {problem}"
    hint = "{suggestion}"


TEXTS = (
    "gpu",
    "accelerator",
    "gfx",
    "gpu_class",
    "visible",
    "framework",
    "build",
    "os",
    "arch",
    "gcc",
    "libstdcxx",
    "wheel_tag",
    "index",
    "installer",
    "install",
    "env_manager",
    "image",
    "nvidia_require_cuda",
    "cuda_compat_package",
    "nvidia_container_toolkit",
    "cpu",
    "dtype",
    "quant",
    "attn",
    "model",
    "nvcc_flags",
    "build_arch_list_has",
    "engine_built_with",
    "nnal_cxx_abi",
)
VERSIONS = (
    "compute_capability",
    "driver",
    "driver_cuda",
    "cuda_runtime",
    "cuda_toolkit_system",
    "cuda_toolkit_build",
    "cuda_compiler",
    "cudnn",
    "cudnn_compiled",
    "framework_version",
    "build_min_cc",
    "torch",
    "cann",
    "rocm",
    "rocm_kmd",
    "rocm_user",
    "python",
    "glibc",
    "built_for_glibc",
    "image_cuda",
)
FLAGS = ("needs_ptx_jit", "fatbin_compressed", "container", "weights_only")
NUMBERS = ("model_ir",)
LISTS = ("build_arch_list", "indexes", "groups", "cpu_flags_missing")
TABLES = ("packages", "env")
KEYS = (*TEXTS, *VERSIONS, *FLAGS, *NUMBERS, *LISTS, *TABLES)
"""All keys of a description."""
ALIASES = {
    "cc": "compute_capability",
    "sm": "compute_capability",
    "nvidia_driver": "driver",
    "cuda": "cuda_runtime",
    "machine": "arch",
    "architecture": "arch",
    "platform": "os",
    "version": "framework_version",
    "quantization": "quant",
    "attention": "attn",
    "python_version": "python",
}
"""Other names that people use."""


def parse_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """`key=value` as a description; `packages.numpy=2.0` and `env.NAME=value` name a member of a table.

    Raises:
        GivenInvalid: not a pair, or a key twice.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            problem = say("{pair!r} is not key=value", pair=pair[:80])
            raise GivenInvalid(problem=problem, suggestion=say("write for example --given gpu='RTX 5090' driver=570"))
        key, dot, member = name.strip().partition(".")
        if dot:
            table = found.setdefault(_key(key), {})
            if not isinstance(table, dict):
                raise _twice(_key(key))
            table[member] = value
        elif _key(key) in found:
            raise _twice(_key(key))
        else:
            found[_key(key)] = value
    return found


def _twice(key: str) -> GivenInvalid:
    return GivenInvalid(problem=say("{key} is given twice", key=key), suggestion=say("give each key once"))


def parse_document(data: bytes, source: str) -> dict[str, Any]:
    """A description in JSON: an object of keys.

    Raises:
        GivenInvalid: it is not one.
    """
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = say("{source} is not JSON: {reason}", source=source, reason=error)
        raise GivenInvalid(problem=problem, suggestion=say('write one object, {{"gpu": "RTX 5090"}}')) from None
    if not isinstance(document, dict):
        problem = say("{source} holds no object", source=source)
        raise GivenInvalid(problem=problem, suggestion=say('write one object, {{"gpu": "RTX 5090"}}'))
    return document


def normalise(description: Mapping[str, Any]) -> dict[str, Any]:
    """A description with its keys and values in one spelling. A null, and an empty value, is as good as not given.

    Raises:
        GivenInvalid: an unknown key, or a value of the wrong kind.
    """
    found: dict[str, Any] = {}
    for name, value in description.items():
        key = _key(str(name))
        if key in found:
            raise _twice(key)
        if value is None and key != "cuda_compat_package":
            continue
        found[key] = _READERS[key](key, value)
    # That no device is visible is something that was given.
    return {key: value for key, value in found.items() if value not in ("", (), {}) or key == "visible"}


def _key(name: str) -> str:
    key = name.strip().lower().replace("-", "_")
    key = ALIASES.get(key, key)
    if key not in KEYS:
        near = difflib.get_close_matches(key, (*KEYS, *ALIASES), n=1, cutoff=0.5)
        suggestion = say("did you mean `{near}`?", near=near[0]) if near else say("keys: {keys}", keys=KEYS)
        raise GivenInvalid(problem=say("there is no key {name!r}", name=name[:60]), suggestion=suggestion)
    return key


def _wrong(key: str, value: Any, wanted: str) -> GivenInvalid:
    problem = say("{key} is {value!r}, and {wanted} is wanted", key=key, value=str(value)[:60], wanted=wanted)
    return GivenInvalid(problem=problem, suggestion=say("see `airworthy check --help`"))


def _text(key: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or len(str(value)) > LONGEST:
        raise _wrong(key, value, say("text"))
    return " ".join(str(value).split())


def _version(key: str, value: Any) -> str:
    text = _text(key, value)
    if text and not re.search(r"\d", text):
        raise _wrong(key, value, say("a version"))
    return text


def _flag(key: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    told = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(str(value).lower())
    if told is None:
        raise _wrong(key, value, say("true or false"))
    return told


def _number(key: str, value: Any) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,9}", str(value).strip()):
        raise _wrong(key, value, say("a number"))
    return int(value)


def _list(key: str, value: Any) -> tuple[str, ...]:
    items = re.split(r"[\s,;]+", value.strip("[] ")) if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or len(items) > 200:
        raise _wrong(key, value, say("a list"))
    return tuple(text for item in items if (text := _text(key, item).strip("\"'")))


def _table(key: str, value: Any) -> dict[str, str]:
    if isinstance(value, str):
        pieces = [re.split(r"={1,2}", piece, maxsplit=1) for piece in re.split(r"[\s,;]+", value) if piece]
        if any(len(piece) != 2 for piece in pieces):
            raise _wrong(key, value, say("name=value, separated by commas"))
        value = dict(pieces)
    if not isinstance(value, Mapping) or len(value) > 500:
        raise _wrong(key, value, say("a table of names and values"))
    return {str(name).strip(): _text(key, item) for name, item in value.items()}


_READERS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(TEXTS, _text),
    **dict.fromkeys(VERSIONS, _version),
    **dict.fromkeys(FLAGS, _flag),
    **dict.fromkeys(NUMBERS, _number),
    **dict.fromkeys(LISTS, _list),
    **dict.fromkeys(TABLES, _table),
}

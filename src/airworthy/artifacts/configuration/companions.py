"""The files beside a model's weights that say how it is used: `config.json`, `tokenizer.json`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from airworthy.artifacts.configuration.chat_templates import judge
from airworthy.artifacts.configuration.named_code import auto_map
from airworthy.artifacts.configuration.sentence_modules import MODULES, SentenceModules, read_modules
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.inspection import files_of
from airworthy.artifacts.placeholders import defect_in, pointer_in
from airworthy.core.messages import say
from airworthy.core.model import FileInfo
from airworthy.core.values import Defect, EmbeddedCode, LfsPointer, ModelConfiguration
from airworthy.core.version import Version

CONFIG_LIMIT = 4 * 1024 * 1024
"""Bytes of a configuration that are read; a larger one is reported as damaged."""
_END = 4096
_LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx")


class Companions(msgspec.Struct, frozen=True):
    """What lies beside a model's weights."""

    architecture: str = ""
    """What `config.json` calls the model, `BertModel`."""
    max_length: int | None = None
    """The longest input in tokens: the smallest number that a configuration gives."""
    chat_template: str = ""
    """The template that makes a prompt of a conversation."""
    license: str = ""
    """The licence that the model card names."""
    quantization: str = ""
    """How the configuration says that weights are quantised, `gptq, 4 bits`."""
    code: tuple[EmbeddedCode, ...] = ()
    """Python that the configuration makes a loader import, and templates that ask for too much."""
    dimensions: tuple[int, ...] = ()
    """Sizes that embeddings may be cut to, smallest first; `(-1,)` for any."""
    tokenizer: str = ""
    """The path of `tokenizer.json`, or empty."""
    configuration: ModelConfiguration | None = None
    """What `config.json` asks for; None where there is none that can be read."""
    sentence: SentenceModules | None = None
    """What sentence-transformers' files say; None where there are none."""
    labels: tuple[str, ...] = ()
    """The names of a classifier's classes, in order."""
    multi_label: bool = False
    """Whether a text may have several of them."""
    paths: tuple[Path, ...] = ()
    """The files that were found."""
    defects: tuple[Defect, ...] = ()
    """What is wrong with them."""
    pointers: tuple[LfsPointer, ...] = ()
    """Those that are Git LFS pointers."""

    def files(self, folder: Path) -> tuple[FileInfo, ...]:
        """Those of them that lie in a folder or below it."""
        return files_of(folder, [(path, "") for path in self.paths if path.is_relative_to(folder)])


def find_companions(entry: Path) -> Companions:
    """The companions of a weights file: those in its folder, or one above where that folder is named `onnx`."""
    folder, above = entry.parent, entry.absolute().parent.parent
    if entry.absolute().parent.name != "onnx":
        return read_companions(folder)
    if not (folder / "config.json").exists():
        return read_companions(above)
    found = read_companions(folder)
    # An export has a configuration of its own; how its vectors are pooled is described where the model came from.
    return found if found.sentence is not None else msgspec.structs.replace(found, sentence=read_sentence(above))


def read_sentence(folder: Path) -> SentenceModules | None:
    """What sentence-transformers' files in a folder say; None where there are none."""
    reader = _ConfigReader(folder)
    return read_modules(folder, reader.config, reader.listed(MODULES))


def read_companions(folder: Path) -> Companions:
    """The companions in a folder."""
    reader = _ConfigReader(folder)
    config = reader.config("config.json")
    sentence = reader.config("sentence_bert_config.json")
    settings = reader.config("tokenizer_config.json")
    tokenizer = reader.tokenizer("tokenizer.json")
    lengths = [config.get(name) for name in _LENGTHS]
    lengths += [sentence.get("max_seq_length"), settings.get("model_max_length")]
    # A tokenizer without a limit says so by a number beyond any memory.
    usable = [length for length in lengths if isinstance(length, int) and 0 < length < 1 << 40]
    named = config.get("architectures")
    architecture = named[0] if isinstance(named, list) and named and isinstance(named[0], str) else ""
    if not architecture and isinstance(config.get("model_type"), str):
        architecture = config["model_type"]
    template, member = reader.template(settings)
    code = [*auto_map("config.json", config), *auto_map("tokenizer_config.json", settings)]
    for name in ("processor_config.json", "preprocessor_config.json"):
        if (folder / name).is_file():
            code += auto_map(name, reader.config(name))
    return Companions(
        chat_template=template,
        license=reader.license(),
        quantization=_quantised(config),
        code=(*dict.fromkeys(code), *judge(template, member)),
        architecture=architecture[:200],
        max_length=min(usable, default=None),
        dimensions=_dimensions(config),
        tokenizer=tokenizer,
        configuration=read_configuration(folder, config, settings) if config else None,
        sentence=read_modules(folder, reader.config, reader.listed(MODULES)),
        labels=_labels(config),
        multi_label=config.get("problem_type") == "multi_label_classification",
        paths=tuple(reader.paths),
        defects=tuple(reader.defects),
        pointers=tuple(reader.pointers),
    )


def _quantised(config: dict[str, Any]) -> str:
    settings = config.get("quantization_config")
    if not isinstance(settings, dict):
        return ""
    method = settings.get("quant_method")
    bits = settings.get("bits", settings.get("w_bit"))
    if bits is None:
        bits = 4 if settings.get("load_in_4bit") is True else 8 if settings.get("load_in_8bit") is True else None
    told = method[:50] if isinstance(method, str) else say("quantised")
    return say("{method}, {bits} bits", method=told, bits=bits) if isinstance(bits, int) else told


MOST_LABELS = 10_000
"""Classes of a classifier that are kept."""


def _labels(config: dict[str, Any]) -> tuple[str, ...]:
    """The names of classes 0, 1, 2 … in `id2label`; none where a number is missing."""
    named = config.get("id2label")
    if not isinstance(named, dict) or not 0 < len(named) <= MOST_LABELS:
        return ()
    found = [named.get(str(number)) for number in range(len(named))]
    return tuple(name[:200] for name in found if isinstance(name, str)) if all(found) else ()


def _dimensions(config: dict[str, Any]) -> tuple[int, ...]:
    """What a configuration says of Matryoshka embeddings, by the names that vLLM reads."""
    listed = config.get("matryoshka_dimensions")
    if isinstance(listed, list):
        return tuple(sorted({size for size in listed[:100] if type(size) is int and 0 < size < 1 << 20}))
    return (-1,) if config.get("is_matryoshka") is True else ()


_TOKENIZERS = re.compile(
    r"tokenizer\.(?:json|model|tiktoken)|tekken\.json|vocab\.(?:txt|json|model)|merges\.txt|spiece\.model"
    r"|(?:source|target)\.spm|sentencepiece\.[\w.-]{0,40}model|[\w.-]{1,60}\.(?:tiktoken|spm|bpe|vocab)"
    r"|tokenization_\w{1,80}\.py|bpe\.codes|added_tokens\.json"
)
_QUANTISED_BY_FLAGS = ("load_in_8bit", "load_in_4bit", "_load_in_8bit", "_load_in_4bit")
_LONGEST = 200
_MAX_NAMES = 20


def read_configuration(folder: Path, config: dict[str, Any], settings: dict[str, Any]) -> ModelConfiguration:
    """What a `config.json` asks of its loader.

    Args:
        folder: where it lies.
        config: its content.
        settings: the content of `tokenizer_config.json`, or nothing.
    """
    try:
        writer = Version(_text(config.get("transformers_version")))
    except ValueError:
        writer = None
    # `add_prefix--module.Class`: code in another repository.
    code = [name for part in (config, settings) for name in _names(part.get("auto_map")) if "." in name]
    return ModelConfiguration(
        model_type=_text(config.get("model_type")),
        architectures=tuple(_names(config.get("architectures"))),
        transformers=writer,
        remote_code=tuple(dict.fromkeys(code))[:_MAX_NAMES],
        quantization=_quantization(config),
        tokenizer_files=_tokenizer_files(folder),
    )


def _text(value: Any) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _names(value: Any) -> list[str]:
    """The texts in a value: in a list, in a list of a list, in the values of an object."""
    found = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(found, list):
        return []
    flat = [name for each in found[:_MAX_NAMES] for name in (each if isinstance(each, list) else [each])]
    return [name[:_LONGEST] for name in flat[:_MAX_NAMES] if isinstance(name, str)]


def _quantization(config: dict[str, Any]) -> str:
    """The method in `quantization_config`, or in `compression_config` as older releases of one library wrote it."""
    for name in ("quantization_config", "compression_config"):
        asked = config.get(name)
        if isinstance(asked, dict):
            method = _text(asked.get("quant_method")).lower()
            if not method and any(asked.get(flag) is True for flag in _QUANTISED_BY_FLAGS):
                return "bitsandbytes"
            if method:
                return method
    return ""


def _tokenizer_files(folder: Path) -> tuple[str, ...]:
    try:
        names = sorted(name for name in os.listdir(folder) if _TOKENIZERS.fullmatch(name))  # noqa: PTH208 - names only
    except OSError:
        return ()
    return tuple(names[:_MAX_NAMES])


class _ConfigReader:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: list[Path] = []
        self.defects: list[Defect] = []
        self.pointers: list[LfsPointer] = []
        self._read: dict[str, Any] = {}

    def config(self, name: str) -> dict[str, Any]:
        if name not in self._read:
            self._read[name] = self.document(name, dict[str, Any])
        return self._read[name] or {}

    def listed(self, name: str) -> list[Any] | None:
        """A JSON list; None where there is no such file, or no list in it."""
        found: list[Any] | None = self.document(name, list[Any])
        return found

    def document(self, name: str, kind: Any) -> Any:
        text = self.head(name, CONFIG_LIMIT + 1)
        if text is None:
            return None
        try:
            if len(text) > CONFIG_LIMIT:
                raise ValueError(say("it is larger than {limit:bytes}", limit=CONFIG_LIMIT))
            return msgspec.json.decode(text, type=kind)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            self.damaged(name, "structure", say("it is not a JSON object: {problem}", problem=error))
            return None

    def template(self, settings: dict[str, Any]) -> tuple[str, str]:
        """The chat template and the file that holds it."""
        path = self.folder / "chat_template.jinja"
        if path.is_file() and (text := self.head(path.name, CONFIG_LIMIT)) is not None:
            return text.decode("utf-8", "replace"), path.name
        found = settings.get("chat_template")
        member = "tokenizer_config.json"
        if found is None and (self.folder / "chat_template.json").is_file():
            found, member = self.config("chat_template.json").get("chat_template"), "chat_template.json"
        if isinstance(found, list):  # several by name, the one named `default` first
            named = [each for each in found if isinstance(each, dict) and isinstance(each.get("template"), str)]
            found = "\n".join(
                each["template"] for each in sorted(named, key=lambda each: each.get("name") != "default")
            )
        return (found, member) if isinstance(found, str) else ("", member)

    def license(self) -> str:
        """The licence in the model card's front matter."""
        path = self.folder / "README.md"
        if not path.is_file():
            return ""
        try:
            with Source(path) as source:
                text = source.read(0, 16 * 1024).decode("utf-8", "replace")
        except OSError:
            return ""
        match = re.match(r"\A---\s*\n(.*?)\n---", text, re.DOTALL)
        named = re.search(r"^license:\s*['\"]?([\w.+-]{1,100})", match[1], re.MULTILINE) if match else None
        return named[1] if named else ""

    def tokenizer(self, name: str) -> str:
        start = self.head(name, _END)
        if start is None:
            return ""
        with Source(self.folder / name) as source:
            end, size = source.read(max(0, source.size - _END), _END), source.size
        if not start.lstrip().startswith(b"{"):
            self.damaged(name, "structure", say("it is not a JSON object"), 0)
        elif not end.rstrip().endswith(b"}"):
            self.damaged(name, "truncated", say("it ends at {size} without its closing brace", size=size), size)
        return str((self.folder / name).absolute())

    def head(self, name: str, limit: int) -> bytes | None:
        """The file's first bytes; None where there is no such file or something else lies in its place."""
        path = self.folder / name
        if not path.is_file():
            return None
        self.paths.append(path)
        try:
            with Source(path) as source:
                text = source.read(0, limit)
        except OSError as error:
            self.damaged(name, "missing", say("it cannot be read: {problem}", problem=error.strerror))
            return None
        if pointer := pointer_in(path.absolute(), text):
            self.pointers.append(pointer)
            return None
        if defect := defect_in(name, text):
            self.defects.append(defect)
            return None
        return text

    def damaged(self, name: str, kind: str, detail: str, offset: int | None = None) -> None:
        self.defects.append(Defect(member=name, kind=kind, detail=detail, offset=offset))

"""A folder as Hugging Face lays it out: weights in one of several formats, configuration and tokenizer beside them."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from airworthy.artifacts.configuration.companions import CONFIG_LIMIT, Companions, read_companions
from airworthy.artifacts.configuration.text_generation import facts_of
from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.folders import links_out, names
from airworthy.artifacts.formats.interface import Format
from airworthy.artifacts.formats.registry import FORMATS
from airworthy.artifacts.inspection import build_inspection, files_of, name_of
from airworthy.artifacts.placeholders import POINTER_LIMIT, defect_in, pointer_in
from airworthy.core import keys
from airworthy.core.facts import Known, Unknown
from airworthy.core.messages import say
from airworthy.core.model import FileInfo, Inspection, ModelInfo
from airworthy.core.values import Defect, LfsPointer, ModelConfiguration

MOST_SHARDS = 2_000
"""Files that an index may name."""
_ONNX_FIRST = ("model.onnx", "onnx/model.onnx")
_SAFETENSORS = "safetensors"
_INDEXES = (("model.safetensors.index.json", _SAFETENSORS), ("pytorch_model.bin.index.json", "pytorch"))
# Readers are named and fetched where a folder has their files: importing all of them takes longer than the rest.
_OTHER_FOLDERS = ("lora", "saved-model", "coreml-package")
_READERS = ("onnx", _SAFETENSORS, "gguf", "pytorch")
_LAST = (".bin", ".pt", ".pth", ".ckpt")
# Written by trainers beside the weights, and no weights themselves.
_NO_WEIGHTS = ("training_args.bin", "optimizer.pt", "optimizer.bin", "scheduler.pt", "scheduler.bin", "rng_state.pth")


class HuggingFace:
    """The format."""

    name = "huggingface"
    suffixes: tuple[str, ...] = ()
    folder = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it is a folder that holds one model: weights beside a `config.json`, or a single file."""
        if head or not path.is_dir() or any(FORMATS.get(each).recognises(path, head) for each in _OTHER_FOLDERS):
            return False
        try:
            candidates = entries(path)
        except OSError:
            return False
        return len(candidates) == 1 or (bool(candidates) and _is_clear(path, candidates))

    def inspect(self, path: Path) -> Inspection:
        """Inspect the weights that an engine loads, with what lies beside them.

        Facts are about the files that an engine needs. Other weights in the folder are listed and not judged.
        """
        candidates = entries(path)
        if not candidates:
            raise FileNotFoundError(say("there are no weights in {path}", path=path))
        entry = candidates[0]
        for name, format_ in _INDEXES:
            if entry == path / name:
                return _join_shards(path, entry, format_)
        reader = next(f for f in map(FORMATS.get, _READERS) if entry.name.lower().endswith(f.suffixes))
        return _merge(path, reader.inspect(entry))


def entries(folder: Path) -> list[Path]:
    """The files of a folder that could be its weights, the one that an engine would load first.

    Raises:
        OSError: the folder can't be listed.
    """
    suffixes = (".onnx", ".safetensors", ".gguf", ".json", *_LAST)
    # Of thousands of files few can be weights: only those are made paths.
    files = {name: folder / name for name in names(folder) if name.lower().endswith(suffixes)}
    found = [files[name] for name in _ONNX_FIRST if name in files]
    graphs = [p for n, p in files.items() if n.lower().endswith(".onnx") and n.count("/") <= 1]
    found += sorted(graphs, key=lambda p: (len(p.parts), p.name))
    top = {name: path for name, path in files.items() if "/" not in name}
    safetensors = sorted(p for n, p in top.items() if n.lower().endswith(".safetensors"))
    if "model.safetensors" in top:
        safetensors.insert(0, top["model.safetensors"])
    for index, format_ in _INDEXES:
        if format_ == _SAFETENSORS and index in top:
            safetensors = [top[index]]
    found += safetensors
    ggufs = sorted(p for n, p in top.items() if n.lower().endswith(".gguf"))
    # Of a split model the first file stands for all.
    if ggufs:
        from airworthy.artifacts.formats.gguf import SPLIT

        found += [p for p in ggufs if not (match := SPLIT.match(p.name)) or match["number"] == "00001"]
    others = sorted(p for n, p in top.items() if n.lower().endswith(_LAST) and n not in _NO_WEIGHTS)
    if "pytorch_model.bin" in top:
        others.insert(0, top["pytorch_model.bin"])
    elif "pytorch_model.bin.index.json" in top:
        others = [top["pytorch_model.bin.index.json"]]
    return list(dict.fromkeys(found + others))


def _is_clear(folder: Path, candidates: list[Path]) -> bool:
    """Whether the first of several candidates is the one by the layout, and not by chance."""
    names = {path.relative_to(folder).as_posix() for path in candidates}
    layout = {*_ONNX_FIRST, "model.safetensors", "pytorch_model.bin", *(name for name, _ in _INDEXES)}
    return (folder / "config.json").exists() or bool(names & layout)


def _merge(folder: Path, found: Inspection) -> Inspection:
    """The inspection of the weights, reported about the folder."""
    entry = Path(found.model.entry)
    companions = read_companions(folder)
    model = found.model
    # Beside an ONNX graph the companions were read with it; reading them again must not report them twice.
    defects = found.facts.value(keys.MODEL_DEFECTS)
    pointers = found.facts.value(keys.MODEL_LFS_POINTERS)
    defects += tuple(defect for defect in companions.defects if defect not in defects)
    pointers += tuple(pointer for pointer in companions.pointers if pointer not in pointers)
    formats = {(entry.parent / file.path).absolute(): file.format for file in model.files}
    model = msgspec.structs.replace(
        model,
        # A folder that only happens to hold one model file does not name it.
        name=name_of(folder) if (folder / "config.json").exists() else model.name,
        path=str(folder.absolute()),
        format=HuggingFace.name,
        files=_files(folder, formats),
        architecture=companions.architecture or model.architecture,
        tokenizer=companions.tokenizer or model.tokenizer,
        max_length=companions.max_length or model.max_length,
        chat_template=companions.chat_template or model.chat_template,
        license=companions.license or model.license,
        quantization=companions.quantization or model.quantization,
        dimensions=companions.dimensions,
    )
    defects += tuple(links_out(folder))
    code = found.facts.get_value(keys.MODEL_CODE, ())
    code += tuple(each for each in companions.code if each not in code)
    imports, versions = found.facts.fact(keys.MODEL_PICKLE_IMPORTS), found.facts.fact(keys.MODEL_FORMAT_VERSIONS)
    inspection = build_inspection(
        model,
        defects=defects,
        pointers=pointers,
        imports=imports.value if isinstance(imports, Known) else _unknown(imports),
        versions=versions.value if isinstance(versions, Known) else _unknown(versions),
        code=code,
        configuration=_configuration(folder, companions),
    )
    own = {key.name: found.facts.fact(key) for key in (keys.MODEL_CACHE, keys.MODEL_SHAPE)}
    return msgspec.structs.replace(inspection, facts=inspection.facts.merged({**own, **facts_of(folder)}))


def _configuration(folder: Path, companions: Companions) -> ModelConfiguration | Unknown | None:
    if companions.configuration is None and (folder / "config.json").exists():
        return Unknown(say("config.json cannot be read"))
    return companions.configuration


def _unknown(fact: Any) -> Unknown:
    return fact if isinstance(fact, Unknown) else Unknown(say("it was not read"))


def _files(folder: Path, formats: dict[Path, str]) -> tuple[FileInfo, ...]:
    base = folder.absolute()
    by_name = {path.relative_to(base).as_posix(): format_ for path, format_ in formats.items() if base in path.parents}
    found = []
    for name in names(folder):
        try:
            size = os.stat(f"{folder}/{name}").st_size  # noqa: PTH116 - there may be thousands
        except OSError:
            size = 0
        found.append(FileInfo(name, size, by_name.get(name, "")))
    return tuple(found)


def _join_shards(folder: Path, index: Path, format_: str) -> Inspection:
    """The inspection of weights in several files, by the index that names them."""
    defects: list[Defect] = []
    pointers: list[LfsPointer] = []
    parts: list[Inspection] = []
    names, problem, pointer = _shard_names(index)
    if problem is not None:
        defects.append(problem)
    if pointer is not None:
        pointers.append(pointer)
    reader = FORMATS.get(format_)
    for name in names:
        part = _inspect_shard(folder / name, reader)
        if part is not None:
            parts.append(part)
        else:
            detail = say("{index} names {name}, which is not there", index=index.name, name=name)
            defects.append(Defect(member=name, kind="missing", detail=detail))
    weights: Counter[str] = Counter()
    for part in parts:
        weights.update(part.model.datatypes)
        found, misplaced = part.facts.value(keys.MODEL_DEFECTS), part.facts.value(keys.MODEL_LFS_POINTERS)
        defects += found
        pointers += misplaced
    counts = [part.model.parameters for part in parts]
    known = [number for number in counts if number is not None]
    imports = [part.facts.fact(keys.MODEL_PICKLE_IMPORTS) for part in parts]
    unread = next((fact for fact in imports if isinstance(fact, Unknown)), None)
    joined = tuple(name for fact in imports if isinstance(fact, Known) for name in fact.value)
    refused = any(not name.allowed for name in joined)
    model = ModelInfo(
        name=name_of(folder),
        path=str(folder.absolute()),
        format=format_,
        entry=str(index.absolute()),
        files=files_of(folder, [(folder / name, format_) for name in names] + [(index, format_)]),
        tensors=sum(part.model.tensors or 0 for part in parts) or None,
        parameters=sum(known) if known and len(known) == len(counts) == len(names) else None,
        datatypes=dict(weights),
        metadata=dict(parts[0].model.metadata) if parts else {},
    )
    # One shard that can't be read leaves the names open, unless another one already decides.
    return _merge(
        folder,
        build_inspection(
            model, defects=defects, pointers=pointers, imports=unread if unread and not refused else joined
        ),
    )


def _inspect_shard(path: Path, reader: Format) -> Inspection | None:
    try:
        return reader.inspect(path)
    except OSError:
        return None


def _shard_names(index: Path) -> tuple[list[str], Defect | None, LfsPointer | None]:
    """The files that an index names, and what is wrong with it."""

    def broken(kind: str, detail: str) -> tuple[list[str], Defect | None, LfsPointer | None]:
        return [], Defect(member=index.name, kind=kind, detail=detail, offset=0), None

    with Source(index) as source:
        if source.size > CONFIG_LIMIT * 16:
            return broken("bounds", say("the index is larger than {limit:bytes}", limit=CONFIG_LIMIT * 16))
        text = source.read(0, source.size)
    if pointer := pointer_in(index.absolute(), text[:POINTER_LIMIT]):
        return [], None, pointer
    if defect := defect_in(index.name, text):
        return [], defect, None
    try:
        names = sorted(set(msgspec.json.decode(text, type=_Index).weight_map.values()))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return broken("structure", say("the index is not what an index is: {problem}", problem=error))
    if not names or len(names) > MOST_SHARDS:
        return broken("structure", say("the index names {count} files", count=len(names)))
    bad = next((name for name in names if "/" in name or "\\" in name or "\0" in name or name in ("", "..")), None)
    if bad is not None:
        return broken("path", say("the index names {name!r}, which is not a file beside it", name=bad[:200]))
    return names, None, None


class _Index(msgspec.Struct):
    weight_map: dict[str, str]


FORMAT = HuggingFace()

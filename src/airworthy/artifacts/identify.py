"""The entry to the room: what a path holds, by content, and its inspection."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.encodings.zips import LOCAL_MAGIC
from airworthy.artifacts.formats.interface import HEAD, Format
from airworthy.artifacts.formats.registry import FORMATS
from airworthy.artifacts.placeholders import defect_in, inspect_stand_in, pointer_in
from airworthy.artifacts.remote_names import not_found
from airworthy.artifacts.wrong_suffix import content_of, with_names
from airworthy.core.errors import InputUnreadable, NotAModel
from airworthy.core.facts import Known
from airworthy.core.keys import MODEL_LFS_POINTERS, MODEL_MISNAMED
from airworthy.core.messages import say
from airworthy.core.model import Inspection
from airworthy.core.values import Misnamed

# What people take for a model here and other programs load: first bytes, where they stand, name.
_OTHERS = (
    (b"tjgg", 0, "GGJT, the format before GGUF"),
    (b"lmgg", 0, "GGML, the format before GGUF"),
    (b"ORTM", 4, "ONNX Runtime's own ORT format"),
    (LOCAL_MAGIC, 0, "a ZIP archive without a model"),
    (b"\x1f\x8b", 0, "gzip: unpack it first"),
    (b"\xfd7zXZ\x00", 0, "xz: unpack it first"),
    (b"(\xb5/\xfd", 0, "Zstandard: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", 0, "7-Zip: unpack it first"),
    (b"ustar", 257, "a tar archive: unpack it first"),
    (b"%PDF", 0, "a PDF document"),
    (b"\x7fELF", 0, "a program or shared library"),
    (b"\x89PNG", 0, "an image"),
    (b"\xba\x16\x4f\x2f", 0, "a fastText model"),
    (b"SR\x00\x04", 0, "variables that IDL saved"),
)
# Suffixes by which many programs name their own files; of these some are known to be PyTorch's.
_ANYBODYS = (".bin", ".sav")
# PyTorch's, and Python's: lines of paths, and of imports, that it reads at its start.
_PATHS = ".pth"
_TORCH_NAMES = re.compile(
    r"(?:diffusion_)?pytorch_model.*|adapter_model|pytorch_lora_weights|training_args|optimizer|scheduler|gptq_model.*"
)
_WORD_VECTORS = re.compile(rb"[1-9]\d{0,9} [1-9]\d{0,4}\n")


def identify(path: str | Path) -> Format:
    """The format of a model file or folder, by its content.

    Raises:
        InputNotFound: the path leads nowhere.
        InputUnreadable: it may not be read, or is neither a file nor a folder.
        NotAModel: no format recognises it.
    """
    where = Path(path)
    head = _head(where)
    found = _recognise(where, head)
    if found is None:
        raise NotAModel(path=where, reason=_reason(where, head), formats=FORMATS.names())
    return found


def inspect(path: str | Path) -> Inspection:
    """What a model file or folder is, with the facts that checks decide from.

    A file that was meant to be a model, by its suffix, and is damaged or is a stand-in (a Git LFS pointer, a saved
    error page) is an inspection too: its facts say what is wrong.

    Raises:
        InputNotFound: the path leads nowhere.
        InputUnreadable: it may not be read, or is neither a file nor a folder.
        NotAModel: it is none, and nothing says that it was meant to be one.
    """
    where = Path(path)
    head = _head(where)
    found = _recognise(where, head) or _meant(where, head)
    try:
        if found is not None:
            inspection = found.inspect(where)
            if found.folder:
                from airworthy.artifacts.folder_scan import with_folder

                inspection = with_folder(where, inspection)
            return _judge_name(where, found, with_names(where, inspection))
        if pointer_in(where, head) is not None and (stand_in := inspect_stand_in(where, head, "")) is not None:
            return stand_in
    except OSError as error:
        # Of a folder it is one of its files.
        raise InputUnreadable(path=error.filename or where, reason=error.strerror or str(error)) from None
    raise NotAModel(path=where, reason=_reason(where, head), formats=FORMATS.names())


# Archives; suffixes that say nothing; and what people name so although the suffix has another owner.
_ZIPPED = ("pytorch", "keras", "numpy")
_VAGUE = (".bin", ".ckpt", ".model", ".mar", ".engine", ".sav")
_USUAL = {(".pt", "pickle"), (".pth", "pickle"), (".pkl", "pytorch"), (".pickle", "pytorch"), (".npy", "pickle")}


def _judge_name(path: Path, found: Format, inspection: Inspection) -> Inspection:
    """The inspection, with what a suffix claims that is not so."""
    facts = inspection.facts
    # A stand-in has been recognised by its own name already.
    if not _claims_another(path, found) or facts.get_value(MODEL_MISNAMED, ()) or facts.value(MODEL_LFS_POINTERS):
        return inspection
    told = Misnamed(member=path.name, suffix=path.suffix, content=found.name)
    return Inspection(inspection.model, facts.merged({MODEL_MISNAMED.name: Known((told,), str(path))}))


def _head(path: Path) -> bytes:
    """A file's first bytes; none for a folder."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            next(path.iterdir(), None)  # shows now whether it may be listed
            return b""
        if not stat.S_ISREG(mode):
            raise InputUnreadable(path=path, reason=say("it is neither a file nor a folder"))
        with Source(path) as source:
            return source.read(0, HEAD)
    except (FileNotFoundError, NotADirectoryError):
        raise not_found(path) from None
    except OSError as error:
        raise InputUnreadable(path=path, reason=error.strerror or str(error)) from None
    except ValueError as error:  # a path with a NUL character
        raise InputUnreadable(path=repr(str(path)), reason=str(error)) from None


def _recognise(path: Path, head: bytes) -> Format | None:
    folder = path.is_dir()
    return next((f for f in FORMATS if f.folder == folder and f.recognises(path, head)), None)


def _meant(path: Path, head: bytes) -> Format | None:
    """The format that a file's suffix names, unless its content is surely something whole of another kind."""
    if path.is_dir():
        return None
    suffix = path.suffix.lower()
    meant = next((f for f in FORMATS if suffix in f.suffixes), None)
    if suffix in _ANYBODYS and not _is_torchs(path, head):
        return None
    if suffix == _PATHS and _is_text(path, head):
        return None
    # Some formats are ZIP archives or packed: a damaged one begins as any other does.
    own = meant is not None and (head[:4] == LOCAL_MAGIC and meant.name in _ZIPPED)
    own = own or (meant is not None and meant.name == "pickle" and head[:2] in (b"\x1f\x8b", b"\xfd7"))
    return None if _other(head) and not own else meant


def _is_text(path: Path, head: bytes) -> bool:
    """Whether a file begins as text, and is no stand-in."""
    if not head or pointer_in(path, head) is not None or defect_in(path.name, head) is not None:
        return False
    return not head[:1024].translate(None, bytes(range(32, 127)) + b"\t\r\n")


def _is_torchs(path: Path, head: bytes) -> bool:
    """Whether a file with a suffix of many programs is by its name or its first bytes one of PyTorch's or a pickle."""
    from airworthy.artifacts.formats.pickle_files import packing

    if pointer_in(path, head) is not None or defect_in(path.name, head) is not None or packing(head):
        return True
    return bool(content_of(head) or _TORCH_NAMES.fullmatch(path.stem.lower()))


def _claims_another(path: Path, found: Format) -> bool:
    """Whether a file's suffix claims it to be of another format than its content is, and is not a vague one."""
    suffix = path.suffix.lower()
    if suffix in found.suffixes or suffix in _VAGUE or (suffix, found.name) in _USUAL or path.is_dir():
        return False
    return any(suffix in each.suffixes for each in FORMATS)


def _other(head: bytes) -> str:
    return next((name for magic, at, name in _OTHERS if head[at : at + len(magic)] == magic), "")


def _reason(path: Path, head: bytes) -> str:
    if path.is_dir():
        return _folder_reason(path)
    if other := _other(head):
        return say("it is {other}", other=other)
    if path.name == "saved_model.pb":
        return say("it is the graph of a SavedModel, which is a folder: name {folder}", folder=path.parent)
    if path.suffix.lower() == ".bin" and path.with_suffix(".xml").is_file():
        return say("it is the weights of an OpenVINO model: name {graph}", graph=path.with_suffix(".xml").name)
    if path.suffix.lower() == _PATHS and _is_text(path, head):
        return say("it is a list of paths, which Python reads at its start")
    if _WORD_VECTORS.match(head):
        return say("it is a table of word vectors, as word2vec writes them")
    if defect := defect_in(path.name, head):
        return defect.detail
    return say("it begins with {start}", start=head[:8].hex(" "))


def _folder_reason(path: Path) -> str:
    from airworthy.artifacts.formats.huggingface import entries

    found = entries(path)
    if found:
        names = tuple(entry.relative_to(path).as_posix() for entry in found[:5])
        return say("it holds several and nothing says which is meant: {names}; name one", names=names)
    return say("there are no weights in it")

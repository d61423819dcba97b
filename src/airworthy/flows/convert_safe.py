"""The tensors of a pickle checkpoint rewritten as safetensors, by a confined child that executes nothing of it."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airworthy.core.errors import AirworthyError
from airworthy.core.keys import MODEL_PICKLE_IMPORTS
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo
from airworthy.core.progress import SILENT, Progress
from airworthy.flows import files

_JOB = "airworthy.artifacts.conversion.to_safetensors:job"
_SUFFIX = ".safetensors"
_INDEX = "model.safetensors.index.json"


class ConversionRefused(AirworthyError):
    """A checkpoint whose tensors can't be rewritten faithfully."""

    code = "conversion-refused"
    message = "{path} is not converted: {reason}"
    hint = "save the tensors again where the checkpoint came from, with safetensors.torch.save_file"


class WouldOverwrite(AirworthyError):
    """An output that is there already."""

    code = "would-overwrite"
    message = "{path} is there already"
    hint = "choose another name, or give --force to replace it"


def convert_safe(inspection: Inspection, target: str, *, force: bool, progress: Progress = SILENT) -> dict[str, Any]:
    """Rewrite a checkpoint's tensors.

    Args:
        inspection: of a PyTorch file, or of a folder with such shards.
        target: the file that is written, or a folder for it.
        force: whether what is there is replaced.
        progress: receives the stages.

    Returns:
        What was written, or why nothing was: a pickle that imports what a tensor file never does is only reported.

    Raises:
        ConversionRefused: it is of another format, or has what safetensors can't hold.
        WouldOverwrite: the output is there, and force was not given.
        OutputFailed: it could not be written.
    """
    model = inspection.model
    imports = inspection.facts.get_value(MODEL_PICKLE_IMPORTS, ())
    # Files beside the weights are not rewritten.
    bad = next((each for each in imports if not each.allowed and not each.loader), None)
    if bad is not None:
        reason = say("its pickle imports {name} in {member}", name=bad.name, member=bad.member)
        if bad.reason:
            reason = say(
                "what its pickle imports in {member} is unknown: {reason}", member=bad.member, reason=bad.reason
            )
        return {"refused": reason, "written": []}
    sources = _sources(model)
    if not sources:
        reason = say("it is {format}, and only PyTorch files are converted", format=model.format)
        raise ConversionRefused(path=model.path, reason=reason)
    outputs = _outputs(sources, Path(target), folder=Path(model.path).is_dir())
    index = Path(target) / _INDEX if len(sources) > 1 else None
    for each in (*outputs, *([index] if index else [])):
        if each.exists() and not force:
            raise WouldOverwrite(path=each)
    written = []
    for source, output in zip(sources, outputs, strict=True):
        progress.stage(say("converting {path}", path=source.name))
        written.append(_convert(source, output, force=force))
    if index is not None:
        weight_map = {name: Path(each["path"]).name for each in written for name in _names(Path(each["path"]))}
        total = sum(each["bytes"] for each in written)
        content = json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=2).encode()
        files.write_private(index, content)
    return {"refused": "", "written": written}


def _sources(model: ModelInfo) -> list[Path]:
    if model.format == "pytorch":
        return [Path(model.entry)]
    root = Path(model.path)
    shards = [root / file.path for file in model.files if file.format == "pytorch" and not file.path.endswith(".json")]
    return [path for path in shards if path.is_file()]


def _outputs(sources: list[Path], target: Path, *, folder: bool) -> list[Path]:
    if not folder and not target.is_dir():
        return [target]
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.OutputFailed(path=target, reason=files.reason(error)) from None
    return [target / (each.stem.replace("pytorch_model", "model") + _SUFFIX) for each in sources]


def _convert(source: Path, output: Path, *, force: bool) -> dict[str, Any]:
    from airworthy.artifacts.conversion import sandbox

    try:
        with _part(output) as (handle, temporary), source.open("rb", buffering=0) as file:
            with os.fdopen(handle, "wb", buffering=0) as stream:
                size = os.fstat(file.fileno()).st_size
                # The stream and the file are the same: what the child writes is what the rename puts in place.
                answer = sandbox.run(_JOB, file, stream, source.name, 8 * size + (128 << 20))
                os.fsync(stream.fileno())
            if answer.refused:
                raise ConversionRefused(path=source, reason=answer.refused)
            _verify(source, temporary, answer.done)
            _put(temporary, output, force=force)
    except OSError as error:
        raise files.OutputFailed(path=output, reason=files.reason(error)) from None
    return {"path": str(output), "given_up": list(answer.given_up), **answer.done}


@contextlib.contextmanager
def _part(output: Path) -> Iterator[tuple[int, Path]]:
    """A new file beside the output, which is gone at the end if it was not put in its place."""
    handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.", suffix=".part")
    try:
        yield handle, Path(name)
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()


def _put(temporary: Path, output: Path, *, force: bool) -> None:
    if force:
        temporary.replace(output)
        return
    try:
        os.link(temporary, output)  # fails where another process was quicker, which a rename does not
    except FileExistsError:
        raise WouldOverwrite(path=output) from None
    except OSError:  # a file system without links
        temporary.replace(output)


def _verify(source: Path, written: Path, told: dict[str, Any]) -> None:
    """Read what the child wrote with our own reader: it was made by an untrusted process."""
    from airworthy.artifacts.encodings.source import Source
    from airworthy.artifacts.formats.safetensors import read_header

    with Source(written) as file:
        header = read_header(file)
    if header.defects or len(header.tensors) != told.get("tensors"):
        detail = header.defects[0].detail if header.defects else say("the number of tensors differs")
        reason = say("what was written is not whole: {detail}", detail=detail)
        raise ConversionRefused(path=source, reason=reason)


def _names(path: Path) -> Iterator[str]:
    from airworthy.artifacts.encodings.source import Source
    from airworthy.artifacts.formats.safetensors import read_header

    with Source(path) as file:
        yield from (tensor.name for tensor in read_header(file).tensors)

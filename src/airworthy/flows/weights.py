"""What `inspect` does with the bytes of a model's files: hashes, manifests, the health of weights, differences."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from airworthy.core.errors import AirworthyError, ExtraMissing, InputUnreadable
from airworthy.core.facts import Known
from airworthy.core.keys import MODEL_DEFECTS, WEIGHT_FAULTS
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo
from airworthy.core.progress import SILENT, Progress
from airworthy.core.values import Defect, WeightFault
from airworthy.flows import files
from airworthy.report.plain import builtins

HUB = "hub"
"""The manifest that a hub's own cache keeps."""


class FileUnreadable(AirworthyError):
    """A file of a model that could not be read to its end."""

    code = "model-file-unreadable"
    message = "{path} cannot be read: {reason}"
    hint = "check that nothing writes to it, that this user may read it, and that its disk is sound"


class NothingToFit(AirworthyError):
    """A model without a list of the tensors that it should have."""

    code = "nothing-to-fit"
    message = "the names in {path} cannot be compared: {reason}"
    hint = "give a model that loads: --compare REFERENCE"


@dataclass(frozen=True)
class Depth:
    """How deep to look; nothing of it by default."""

    algorithms: tuple[str, ...] = ()
    """What files are hashed with, names that `hashing.new_hash` knows."""
    health: bool = False
    """Whether weights are measured."""
    manifest: str = ""
    """A list of hashes that files are compared with; `hub` for what a hub's cache says."""
    write_manifest: str = ""
    """A file that is written with the hashes; `-` is no such file."""
    compare: str = ""
    """A model whose weights these are compared with."""
    keys: bool = False
    """Whether names and sizes of tensors are compared with those that the configuration asks for."""

    @property
    def reads_weights(self) -> bool:
        """Whether tensors are read."""
        return self.health or self.keys or bool(self.compare)

    @property
    def any(self) -> bool:
        """Whether anything beyond headers is read."""
        return bool(self.algorithms or self.manifest or self.write_manifest or self.reads_weights)


def look_deeper(inspection: Inspection, depth: Depth, progress: Progress = SILENT) -> tuple[Inspection, dict[str, Any]]:
    """An inspection with what the bytes show, and the parts of the answer that report it.

    Raises:
        ExtraMissing: NumPy or BLAKE3 is needed and not installed.
        ManifestUnreadable: the manifest is none.
        FileUnreadable: a file could not be read to its end.
    """
    from airworthy.artifacts.weights import hashing

    model = inspection.model
    root = Path(model.path) if Path(model.path).is_dir() else Path(model.path).parent
    paths = _paths(model, root)
    listed = _listed(depth, root, paths)
    algorithms = list(depth.algorithms)
    if depth.write_manifest and not algorithms:
        algorithms.append("sha256")
    kept: dict[str, dict[str, Any]] = {}
    needed = {name: {each.algorithm for each in listed if each.path == name} for name in paths}

    def digests(path: Path) -> Sequence[Any]:
        name = path.relative_to(root).as_posix()
        size = path.stat().st_size
        alone = not depth.health
        kept[name] = {
            each: hashing.new_hash(each, size, alone=alone) for each in dict.fromkeys([*algorithms, *needed[name]])
        }
        return list(kept[name].values())

    answer: dict[str, Any] = {}
    defects: list[Defect] = []
    faults: list[WeightFault] = []
    begun = time.perf_counter()
    try:
        if algorithms or listed or depth.health:
            wanted = [path for name, path in paths.items() if algorithms or needed[name]]
            progress.stage(say("reading {size:bytes}", size=model.size))
            health = _read(model, wanted, digests, depth.health, progress)
            if depth.health:
                faults += health.faults
                answer["health"] = {
                    "tensors": builtins(health.tensors),
                    "bytes": health.bytes,
                    "seconds": time.perf_counter() - begun,
                }
        if depth.compare:
            answer["differences"], answer["keys"], found = _compare(model, depth.compare, progress)
            faults += found
        elif depth.keys:
            answer["keys"], found = _fit(model)
            faults += found
    except OSError as error:
        raise FileUnreadable(path=error.filename or model.path, reason=files.reason(error)) from None
    told = {name: {each: made.hexdigest() for each, made in hashes.items()} for name, hashes in kept.items()}
    defects += hashing.compare(listed, told)
    if told:
        answer["digests"] = [{"path": name, **told[name]} for name in told]
    if depth.manifest:
        answer["manifest"] = {"path": depth.manifest, "files": len(listed), "differ": len(defects)}
    if depth.write_manifest:
        content = hashing.write_manifest({name: hashes[algorithms[0]] for name, hashes in told.items()})
        files.write_private(Path(depth.write_manifest), content)
    facts = inspection.facts
    if depth.manifest:
        whole = facts.value(MODEL_DEFECTS) + tuple(defects)
        facts = facts.merged({MODEL_DEFECTS.name: Known(whole, facts.source(MODEL_DEFECTS))})
    if depth.reads_weights:
        facts = facts.merged({WEIGHT_FAULTS.name: Known(tuple(faults), model.entry)})
    return Inspection(model, facts), answer


def _paths(model: ModelInfo, root: Path) -> dict[str, Path]:
    """The model's files that are there, by their path in its folder."""
    return {file.path: root / file.path for file in model.files if (root / file.path).is_file()}


def _listed(depth: Depth, root: Path, paths: dict[str, Path]) -> Sequence[Any]:
    from airworthy.artifacts.weights import hashing

    if not depth.manifest:
        return []
    if depth.manifest == HUB:
        return hashing.listed_by_hub(root, paths.values())
    return hashing.read_manifest(files.read(depth.manifest, hashing.MOST_MANIFEST), depth.manifest)


def _read(model: ModelInfo, wanted: list[Path], digests: Any, health: bool, progress: Progress) -> Any:
    try:
        from airworthy.artifacts.weights.health import look, stored_in
    except ImportError:
        job = say("reading weights") if health else say("hashing")
        raise ExtraMissing(job=job, library="numpy", extra="health") from None
    return look(stored_in(model) if health else (), wanted, digests, progress)


def _compare(model: ModelInfo, reference: str, progress: Progress) -> tuple[list[Any], Any, list[WeightFault]]:
    from airworthy.artifacts.identify import inspect as identify

    try:
        from airworthy.artifacts.weights.differences import differ
        from airworthy.artifacts.weights.health import stored_in
    except ImportError:
        raise ExtraMissing(job=say("comparing weights"), library="numpy", extra="health") from None
    from airworthy.artifacts.weights.key_mapping import faults, fit

    with files.model_path(reference) as path:
        progress.stage(say("comparing with {path}", path=reference))
        ours, theirs = stored_in(model), stored_in(identify(path).model)
        fitted = fit({e.name: e.shape for e in ours}, {e.name: e.shape for e in theirs}, say("the reference"))
        differences, found = differ(ours, theirs, fitted.mapping)
    return builtins(differences), builtins(fitted), [*faults(fitted, Path(model.entry).name), *found]


def _fit(model: ModelInfo) -> tuple[Any, list[WeightFault]]:
    """Names and sizes against those of the configuration's architecture.

    Raises:
        NothingToFit: no table says which tensors the configuration asks for.
    """
    from airworthy.artifacts.weights.health import stored_in
    from airworthy.artifacts.weights.key_mapping import faults, fit
    from airworthy.knowledge.architecture_keys import expected

    root = Path(model.path) if Path(model.path).is_dir() else Path(model.path).parent
    path = root / "config.json"
    if not path.is_file():
        raise NothingToFit(path=model.path, reason=say("there is no config.json beside it"))
    try:
        config = msgspec.json.decode(files.read(str(path)))
    except msgspec.DecodeError as error:
        raise InputUnreadable(path=path, reason=str(error)) from None
    wanted = expected(config) if isinstance(config, dict) else None
    if wanted is None:
        raise NothingToFit(path=model.path, reason=say("its architecture or a setting of it is in no table"))
    shapes = {each.name: each.shape for each in stored_in(model)}
    against = say("the configuration")
    fitted = fit(shapes, wanted.shapes, against, optional=wanted.optional, tied=wanted.tied)
    return {**builtins(fitted), "source": wanted.source}, faults(fitted, Path(model.entry).name)

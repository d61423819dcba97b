"""Encrypted models as a format: what anybody can tell of one without a key."""

from __future__ import annotations

from pathlib import Path

from airworthy.artifacts.encryption.errors import EncryptionError, HeaderDamaged, NotEncrypted
from airworthy.artifacts.encryption.awenc.header import MAGIC, VERSION
from airworthy.artifacts.encryption.awenc.unseal import read_prefix
from airworthy.artifacts.inspection import conclude, files_of, name_of
from airworthy.artifacts.placeholders import POINTER_LIMIT, inspect_stand_in
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import Inspection, ModelInfo
from airworthy.core.values import Defect

SUFFIX = ".awenc"
"""What is added to a model's name."""


class Encrypted:
    """The format."""

    name = "encrypted"
    suffixes: tuple[str, ...] = (SUFFIX,)
    folder = False

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it begins as an encrypted model."""
        return head[: len(MAGIC)] == MAGIC

    def inspect(self, path: Path) -> Inspection:
        """Read the header; what the model is stands encrypted behind it."""
        with path.open("rb") as stream:
            head = stream.read(POINTER_LIMIT * 8)
        if (stand_in := inspect_stand_in(path, head, self.name)) is not None:
            return stand_in
        defects: list[Defect] = []
        metadata: dict[str, str] = {}
        try:
            prefix, size = read_prefix(path)
        except EncryptionError as error:
            cut = isinstance(error, (HeaderDamaged, NotEncrypted)) and len(head) < len(MAGIC) + 8
            defects.append(Defect(member=path.name, kind="truncated" if cut else "header", detail=error.text, offset=0))
        else:
            metadata = {"cipher": "AES-256-GCM", "recipients": ", ".join(prefix.header.ids)}
            least = prefix.end + prefix.header.manifest
            if size < least:
                detail = say("its list of files goes on to {least}, the file ends at {size}", least=least, size=size)
                defects.append(Defect(member=path.name, kind="truncated", detail=detail, offset=size))
        model = ModelInfo(
            name=name_of(path),
            path=str(path.absolute()),
            format=self.name,
            entry=str(path.absolute()),
            files=files_of(path.parent, [(path, self.name)]),
            versions={"airworthy-encryption": VERSION} if metadata else {},
            metadata=metadata,
        )
        hidden = Unknown(say("it is encrypted"))
        return conclude(
            model,
            defects=defects,
            imports=hidden,
            versions=hidden,
            code=hidden,
            configuration=hidden,
            by_content=self.recognises(path, head),
        )


FORMAT = Encrypted()

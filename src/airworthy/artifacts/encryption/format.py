"""Encrypted models as a format: what can be read of one without a key."""

from __future__ import annotations

from pathlib import Path

from airworthy.artifacts.encodings.source import Source
from airworthy.artifacts.encryption import age_header
from airworthy.artifacts.encryption.awenc import header as old_header
from airworthy.artifacts.encryption.awenc.unseal import read_prefix
from airworthy.artifacts.encryption.errors import EncryptionError, HeaderDamaged, NotEncrypted
from airworthy.artifacts.encryption.models import read_header
from airworthy.artifacts.formats.file_format import FileFormat
from airworthy.artifacts.inspection import build_inspection, name_of
from airworthy.core.facts import Unknown
from airworthy.core.messages import say
from airworthy.core.model import Inspection
from airworthy.core.values import Defect

SUFFIX = ".tar.age"
"""What is added to a model's name."""
OLD_SUFFIX = ".awenc"
"""What was added before age."""
OLD_NOTE = "the next release no longer reads this container: decrypt the model and encrypt it again"


class Encrypted(FileFormat):
    """The format."""

    name = "encrypted"
    suffixes: tuple[str, ...] = (".age", OLD_SUFFIX)

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether it begins as an encrypted model."""
        return age_header.is_age(head) or head.startswith(old_header.MAGIC)

    def read(self, path: Path, source: Source, head: bytes) -> Inspection:
        """Read the header; what the model is stands encrypted behind it."""
        old = head.startswith(old_header.MAGIC)
        versions: dict[str, int] = {}
        metadata: dict[str, str] = {}
        defects: list[Defect] = []
        try:
            defects, metadata = _old(path) if old else _age(path)
            versions = {"airworthy-encryption": old_header.VERSION} if old else {"age": 1}
        except EncryptionError as error:
            cut = isinstance(error, (HeaderDamaged, NotEncrypted)) and (
                not head.endswith(b"\n") if head.startswith(age_header.MAGIC) else len(head) < 16
            )
            defects.append(Defect(member=path.name, kind="truncated" if cut else "header", detail=error.text, offset=0))
        model = self.model(
            path,
            name=name_of(path.with_suffix("") if path.name.endswith(SUFFIX) else path),
            versions=versions,
            metadata=metadata,
        )
        hidden = Unknown(say("it is encrypted"))
        return build_inspection(
            model,
            defects=defects,
            imports=hidden,
            versions=hidden,
            code=hidden,
            configuration=hidden,
            by_content=self.recognises(path, head),
        )


def _age(path: Path) -> tuple[list[Defect], dict[str, str]]:
    header, size = read_header(path)
    opens = say("airworthy decrypt {path} --key KEY, or age -d -i KEY {path} | tar x", path=path.name)
    if not path.name.endswith(SUFFIX):
        opens = say("airworthy decrypt {path} --key KEY, or age -d -i KEY {path}", path=path.name)
    metadata = {"cipher": "ChaCha20-Poly1305", "recipients": header.summary, "opens": opens}
    least = header.end + 2 * age_header.TAG
    if not header.end or size >= least:
        return [], metadata
    detail = say("its first chunk goes on to {least} or farther, the file ends at {size}", least=least, size=size)
    return [Defect(member=path.name, kind="truncated", detail=detail, offset=size)], metadata


def _old(path: Path) -> tuple[list[Defect], dict[str, str]]:
    prefix, size = read_prefix(path)
    opens = say("airworthy decrypt {path} --key KEY; {note}", path=path.name, note=say(OLD_NOTE))
    metadata = {"cipher": "AES-256-GCM", "recipients": ", ".join(prefix.header.ids), "opens": opens}
    least = prefix.end + prefix.header.manifest
    if size >= least:
        return [], metadata
    detail = say("its list of files goes on to {least}, the file ends at {size}", least=least, size=size)
    return [Defect(member=path.name, kind="truncated", detail=detail, offset=size)], metadata


FORMAT = Encrypted()

"""Encrypting a model, decrypting one, and making keys: whole files or none, and plain ones only once proven."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from airworthy.core.errors import AirworthyError, InputNotFound, InputUnreadable
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.flows.files import (
    STANDARD_INPUT,
    OutputExists,
    OutputFailed,
    model_path,
    output_path,
    reason,
    write_private,
)

if TYPE_CHECKING:
    from airworthy.artifacts.encryption.awenc.unseal import Container


class NoStreams(AirworthyError):
    """Standard input or output where whole files are needed."""

    code = "no-streams"
    message = "{verb} takes files, not standard input or output: nothing may be given out before all of it is proven"
    hint = "name a file"


class InTheWay(AirworthyError):
    """An output that would be part of its own input."""

    code = "output-in-input"
    message = "{output} lies in {path}, which is being encrypted"
    hint = "choose an --output elsewhere"


class Written(NamedTuple):
    """What an encryption or decryption made."""

    path: Path
    """The file or folder."""
    plain: int
    """Plain bytes that it holds."""
    files: int
    """Its files."""


class NewKey(NamedTuple):
    """A key that was made."""

    private: Path
    """The file with the private key."""
    public: Path
    """The file with its public half."""
    id: str
    """The id by which encrypted models name it."""


def keygen(path: str | Path, *, force: bool = False) -> NewKey:
    """Make a key: the private half in a file that only its owner reads, the public one beside it.

    Raises:
        OutputExists: there is a file already.
        OutputFailed: it can't be written.
        ExtraMissing: the `crypt` extra is not installed.
    """
    from airworthy.artifacts.encryption.awenc import primitives

    private, public = output_path(path), output_path(f"{path}.pub")
    for each in (private, public):
        if os.path.lexists(each) and not force:
            raise OutputExists(path=each)
    with primitives.needed():
        made = primitives.new_private()
        shared = primitives.public_of(made)
        write_private(private, primitives.write_private(made))
        write_private(public, primitives.write_public(shared))
    public.chmod(0o644)
    return NewKey(private, public, primitives.key_id(shared))


def encrypt(
    path: str | Path,
    recipients: Sequence[str],
    *,
    output: str | Path | None = None,
    chunk: int | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> Written:
    """Encrypt a model into one file.

    Args:
        path: a file or a folder.
        recipients: keys of those who may decrypt: a file with a public key, `env:NAME`, `service:NAME:KEY`.
        output: the file to write; the model's name with `.awenc` by default.
        chunk: plain bytes that are encrypted and proven at a time; 1 MiB by default.
        force: whether a file that is there is replaced.
        progress: told the stages.

    Raises:
        InputNotFound: the path leads nowhere.
        OutputExists: there is a file already.
        CannotEncrypt: there is nothing to encrypt, or something that can't be.
        KeyUnreadable: a key can't be read.
        ExtraMissing: the `crypt` extra is not installed.
    """
    from airworthy.artifacts.encryption.format import SUFFIX
    from awenc_writer import CHUNK, seal

    if STANDARD_INPUT in (str(path), str(output)):
        raise NoStreams(verb="encrypt")
    with model_path(path) as model:
        place = (
            output_path(output) if output is not None else model.absolute().with_name(model.absolute().name + SUFFIX)
        )
        if os.path.lexists(place) and not force:
            raise OutputExists(path=place)
        if model.is_dir() and place.resolve().is_relative_to(model.resolve()):
            raise InTheWay(output=place, path=path)
        if place.is_dir():
            raise OutputFailed(path=place, reason=say("it is a folder"))
        progress.stage(say("encrypting {path}", path=path))
        with _written(place) as stream:
            plain = seal(model, stream, recipients, chunk=chunk or CHUNK)
    return Written(place, plain, 1)


def decrypt(
    path: str | Path,
    key: str,
    *,
    output: str | Path | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> Written:
    """Decrypt a model. Its files stand under their names only once all of them are proven.

    Args:
        path: the encrypted file.
        key: a file with the private key, `env:NAME` or `service:NAME:KEY`.
        output: the file or folder to write; the name that was encrypted, beside the encrypted file, by default.
        force: whether a file or folder that is there is replaced.
        progress: told the stages.

    Raises:
        InputNotFound: the path leads nowhere.
        OutputExists: there is a file or folder already.
        EncryptionError: it is not what was encrypted, or not for that key; the class tells in what.
        KeyUnreadable: the key can't be read.
        ServiceFailed: a key service refused.
        ExtraMissing: the `crypt` extra is not installed.
    """
    from airworthy.artifacts.encryption.awenc.unseal import Container

    if STANDARD_INPUT in (str(path), str(output)):
        raise NoStreams(verb="decrypt")
    where = Path(path)
    with contextlib.ExitStack() as stack:
        try:
            container = stack.enter_context(Container(where, key))
        except (FileNotFoundError, NotADirectoryError):
            raise InputNotFound(path=path, cwd=Path.cwd()) from None
        except (OSError, ValueError) as error:
            raise InputUnreadable(path=path, reason=reason(error)) from None
        place = output_path(output) if output is not None else where.absolute().parent / container.manifest.name
        if os.path.lexists(place) and not force:
            raise OutputExists(path=place)
        progress.stage(say("decrypting {path}", path=path))
        if container.manifest.folder:
            _decrypt_folder(container, place)
        else:
            member = container.manifest.files[0]
            if place.is_dir():
                raise OutputFailed(path=place, reason=say("it is a folder"))
            with _written(place) as stream:
                stream.writelines(_read(container, member.path))
    files = container.manifest.files
    return Written(place, sum(member.size for member in files), len(files))


def _decrypt_folder(container: Container, place: Path) -> None:
    made = ""
    try:
        # mkdtemp makes it 0700; beside its place, so that the rename stays within one file system.
        made = tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.", suffix=".part")
        for member in container.manifest.files:
            file = Path(made) / member.path
            file.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.writelines(_read(container, member.path))
        _put(Path(made), place)
    except BaseException as error:
        if made:
            shutil.rmtree(made, ignore_errors=True)
        if isinstance(error, OSError):
            raise OutputFailed(path=place, reason=reason(error)) from None
        raise


def _read(container: Container, name: str) -> Iterator[bytes]:
    try:
        yield from container.parts(name)
    except OSError as error:
        raise InputUnreadable(path=container.path, reason=reason(error)) from None


def _put(made: Path, place: Path) -> None:
    """Give a folder its name; what had it before is removed once the new one has it."""
    if not os.path.lexists(place):
        made.rename(place)
        return
    aside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.", suffix=".old"))
    place.rename(aside / "old")
    try:
        made.rename(place)
    except OSError:
        (aside / "old").rename(place)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _written(place: Path) -> Iterator[BinaryIO]:
    """A file of our own to write, which gets its name once the block has ended well and is gone otherwise."""
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.", suffix=".part")
        with os.fdopen(handle, "wb") as stream:
            yield stream
            os.fsync(stream.fileno())
        Path(temporary).replace(place)
    except BaseException as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        if isinstance(error, (OSError, ValueError)):
            raise OutputFailed(path=place, reason=reason(error)) from None
        raise

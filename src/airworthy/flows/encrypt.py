"""Encrypting a model, decrypting one, and making keys: whole files or none, and plain ones only once proven."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from airworthy.core.errors import AirworthyError, InputNotFound, InputUnreadable
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.flows.answers.encryption import DecryptedModel, EncryptedModel, NewKey
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
    from airworthy.artifacts.encryption.archive import Piece, Sink, TarMember
    from airworthy.artifacts.encryption.awenc.unseal import Container
    from airworthy.artifacts.encryption.models import AgeModel


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


def keygen(
    path: str | Path, *, password: str = "", service: str = "", signing: bool = False, force: bool = False
) -> NewKey:
    """Make a key: the private half in a file that only its owner reads, the public one beside it.

    Args:
        path: the file with the private key; the public one has `.pub` added.
        password: where a passphrase stands that protects the private key: a file or `env:NAME`.
        service: a key of a key service that wraps the private key instead: `service:NAME:KEY`.
        signing: whether it is a key to sign with, PEM on the curve P-256, in place of one to encrypt for.
        force: whether a key that is there is replaced.

    Raises:
        OutputExists: there is a file already.
        OutputFailed: it can't be written.
        KeyUnreadable: there is no such passphrase or service key.
        ServiceFailed: the key service refused.
        ExtraMissing: the `crypt` extra is not installed.
    """
    from airworthy.artifacts.encryption import age, keys

    private, public = output_path(path), output_path(f"{path}.pub")
    for each in (private, public):
        if os.path.lexists(each) and not force:
            raise OutputExists(path=each)
    if signing:
        return _signing_key(private, public, keys.secret(password) if password else "")
    with age.needed():
        made = age.new_secret()
        recipient = age.public_of(made)
        text = f"# public key: {recipient}\n{keys.wrapped(service, made) if service else made}\n".encode()
        write_private(private, age.protect(text, keys.secret(password)) if password else text)
        write_private(public, f"{recipient}\n".encode())
    public.chmod(0o644)
    return NewKey(private, public, recipient)


def _signing_key(private: Path, public: Path, password: str) -> NewKey:
    from airworthy.artifacts.signing.model_signing import new_key

    secret_half, public_half = new_key(password)
    write_private(private, secret_half)
    write_private(public, public_half)
    public.chmod(0o644)
    return NewKey(private, public, "")


def encrypt(
    path: str | Path,
    recipients: Sequence[str] = (),
    *,
    new_key: str | Path | None = None,
    output: str | Path | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> EncryptedModel:
    """Encrypt a model into one age file: a tar archive of it, encrypted.

    Args:
        path: a file or a folder.
        recipients: keys of those who may decrypt: a public key, a file with such, or `env:NAME`.
        new_key: a file for a key that is made now and may decrypt too; it is gone again where nothing was encrypted.
        output: the file to write; the model's name with `.tar.age` by default.
        force: whether a file that is there is replaced.
        progress: receives the stages.

    Raises:
        InputNotFound: the path leads nowhere.
        OutputExists: there is a file already.
        CannotEncrypt: there is nothing to encrypt, or something that can't be.
        KeyUnreadable: a key can't be read.
        ExtraMissing: the `crypt` extra is not installed.
    """
    if new_key is not None:
        with _made_key(new_key) as made:
            to = (*recipients, made.recipient)
            written = encrypt(path, to, output=output, force=force, progress=progress)
            return msgspec.structs.replace(written, new_key=made)
    from airworthy.artifacts.encryption.format import SUFFIX
    from airworthy.artifacts.encryption.models import seal

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
            plain = seal(model, stream, recipients)
    return EncryptedModel(place, plain, 1)


@contextlib.contextmanager
def _made_key(path: str | Path) -> Iterator[NewKey]:
    """A new key, which is removed where the block fails: it decrypts nothing."""
    made = keygen(path)
    try:
        yield made
    except BaseException:
        for each in (made.private, made.public):
            with contextlib.suppress(OSError):
                each.unlink()
        raise


def decrypt(
    path: str | Path,
    key: str,
    *,
    password: str = "",
    output: str | Path | None = None,
    force: bool = False,
    progress: Progress = SILENT,
) -> DecryptedModel:
    """Decrypt a model. Its files stand under their names only once all of them are proven.

    Args:
        path: the encrypted file.
        key: a file with the private key, or `env:NAME`; of an old container also `service:NAME:KEY`.
        password: where that key's passphrase stands, if it has one: a file or `env:NAME`.
        output: the file or folder to write; the name that was encrypted, beside the encrypted file, by default.
        force: whether a file or folder that is there is replaced.
        progress: receives the stages.

    Raises:
        InputNotFound: the path leads nowhere.
        OutputExists: there is a file or folder already.
        EncryptionError: it is not what was encrypted, or not for that key; the class says in what.
        KeyUnreadable: a key can't be read.
        ServiceFailed: a key service refused.
        ExtraMissing: the `crypt` extra is not installed.
    """
    from airworthy.artifacts.encryption.models import AgeModel, is_old

    if STANDARD_INPUT in (str(path), str(output)):
        raise NoStreams(verb="decrypt")
    where = Path(path)
    wanted = output_path(output) if output is not None else None
    try:
        if is_old(where):
            return _decrypt_old(where, key, wanted, force=force, progress=progress)
        model = AgeModel(where, key, password)
    except (FileNotFoundError, NotADirectoryError):
        raise InputNotFound(path=path, cwd=Path.cwd()) from None
    except (OSError, ValueError) as error:
        raise InputUnreadable(path=path, reason=reason(error)) from None
    if wanted is not None and os.path.lexists(wanted) and not force:
        raise OutputExists(path=wanted)
    progress.stage(say("decrypting {path}", path=path))
    return _Extraction(model, wanted, force).run()


class _Extraction:
    """The files of an age file, in a folder beside their place until the last of them is proven."""

    def __init__(self, model: AgeModel, wanted: Path | None, force: bool) -> None:
        self._model = model
        self._wanted = wanted
        self._force = force
        self._home = (wanted or model.path.absolute()).parent
        self._made = Path()
        self._stream: BinaryIO | None = None
        self._plain = 0
        self._files = 0

    def run(self) -> DecryptedModel:
        """Decrypt all of it."""
        try:
            # mkdtemp makes it 0700; beside its place, so that the rename stays within one file system.
            self._made = Path(tempfile.mkdtemp(dir=self._home, prefix=".airworthy.", suffix=".part"))
        except OSError as error:
            raise OutputFailed(path=self._wanted or self._home, reason=reason(error)) from None
        try:
            self._model.stream(self._begin)
            self._close()
            return DecryptedModel(self._put(), self._plain, self._files)
        except OSError as error:
            raise OutputFailed(path=self._wanted or self._home, reason=reason(error)) from None
        finally:
            self._close()
            shutil.rmtree(self._made, ignore_errors=True)

    def _begin(self, member: TarMember) -> Sink:
        name = member.path or self._model.path.name.removesuffix(".age")
        if not self._files:
            self._refuse_existing(name.split("/")[0])
        self._files += 1
        self._plain += member.size
        self._close()
        file = self._made / name
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._stream = os.fdopen(handle, "wb", buffering=1024 * 1024)
        return self._stream.write if member.path else self._take

    def _take(self, data: Piece) -> None:
        """Bytes of a file whose size was not known before."""
        assert self._stream is not None
        self._plain += len(data)
        self._stream.write(data)

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _refuse_existing(self, name: str) -> Path:
        place = self._wanted or self._home / name
        # Without a suffix the decrypted file would take the name of the encrypted one.
        if os.path.lexists(place) and not (self._force and not place.samefile(self._model.path)):
            raise OutputExists(path=place)
        return place

    def _put(self) -> Path:
        """Give what was decrypted its name: the one file or folder in the archive, or a folder for several."""
        inside = list(self._made.iterdir())
        if len(inside) == 1:
            made, name = inside[0], inside[0].name
        else:
            made, name = self._made, self._model.path.name.removesuffix(".age").removesuffix(".tar")
        place = self._refuse_existing(name)
        if made.is_file() and place.is_dir():
            raise OutputFailed(path=place, reason=say("it is a folder"))
        for folder, _, _ in os.walk(made):
            Path(folder).chmod(0o700)
        if made.is_file():
            made.replace(place)
        else:
            _put(made, place)
        return place


def _decrypt_old(path: Path, key: str, output: Path | None, *, force: bool, progress: Progress) -> DecryptedModel:
    """Decrypt a container that was written before age."""
    from airworthy.artifacts.encryption.awenc.unseal import Container

    with Container(path, key) as container:
        place = output or path.absolute().parent / container.manifest.name
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
    return DecryptedModel(place, sum(member.size for member in files), len(files), old=True)


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

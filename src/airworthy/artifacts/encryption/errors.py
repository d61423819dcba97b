"""What can be wrong with an encrypted model, or with a key: distinguished as far as that helps no attacker."""

from __future__ import annotations

from airworthy.core.errors import AirworthyError, Exit


class EncryptionError(AirworthyError):
    """The base of what is wrong with an encrypted model."""

    code = "encryption-error"
    hint = "take the file from where it was encrypted again"
    exit = Exit.FINDINGS


class NotEncrypted(EncryptionError):
    """A file that is no encrypted model."""

    code = "not-encrypted"
    message = "{path} is no model encrypted by airworthy: it begins with {start}"
    hint = "`airworthy inspect {path}` says what it is"
    exit = Exit.USAGE


class VersionUnknown(EncryptionError):
    """A container of a newer format."""

    code = "encryption-version"
    message = "{path} is of version {version} of the format; this airworthy reads version {known}"
    hint = "pip install --upgrade airworthy"


class HeaderDamaged(EncryptionError):
    """A header that can't be read."""

    code = "encryption-header-damaged"
    message = "the header of {path} cannot be read: {reason}"


class HeaderChanged(EncryptionError):
    """A header that is not what was written by who encrypted."""

    code = "encryption-header-changed"
    message = "the header of {path} was changed after it was written: {reason}"


class WrongKey(EncryptionError):
    """A key that the model was not encrypted for."""

    code = "wrong-key"
    message = "{path} was not encrypted for the key {key}, but for {recipients}"
    hint = "give a key of one of these ids; `airworthy inspect {path}` lists them"


class CutShort(EncryptionError):
    """A container that ends too early."""

    code = "encrypted-file-truncated"
    message = "{path} ends at {size}, and should at {wanted}"
    hint = "copy or download it again"


class Lengthened(EncryptionError):
    """A container with something after its end."""

    code = "encrypted-file-padded"
    message = "{path} should end at {wanted}, and goes on to {size}"
    hint = "copy or download it again"


class ChunkChanged(EncryptionError):
    """A chunk that is not what was encrypted."""

    code = "encrypted-chunk-changed"
    message = "{path}: chunk {chunk} of {member} was changed after it was encrypted"


class ChunkMoved(EncryptionError):
    """A chunk that belongs at another place."""

    code = "encrypted-chunk-moved"
    message = "{path}: where chunk {chunk} of {member} belongs lies chunk {found} of {other}"


class ListDamaged(EncryptionError):
    """A proven list of files that no decent program would have written."""

    code = "encrypted-list-damaged"
    message = "the list of files in {path} cannot be used: {reason}"
    hint = "don't trust who encrypted it"


class NoModelInside(EncryptionError):
    """An encrypted file or folder that was no model when it was encrypted."""

    code = "encrypted-no-model"
    message = "{path} holds no model that airworthy recognised when it was encrypted"
    hint = "see what it holds: `airworthy decrypt {path} --key KEY`, then `airworthy inspect`"


class KeyMissing(AirworthyError):
    """An encrypted model and no key to it."""

    code = "key-missing"
    message = "{path} is encrypted for {recipients}, and no key was given"
    hint = 'name the key: `[serve.decryption] key = "model.key"`, or the variable AIRWORTHY_SERVE_DECRYPTION_KEY'


class KeyUnreadable(AirworthyError):
    """A key that can't be read, or is of another kind."""

    code = "key-unreadable"
    message = "the key {source} cannot be used: {reason}"
    hint = "`airworthy keygen model.key` makes one"


class ServiceFailed(AirworthyError):
    """A key service that gave no key."""

    code = "key-service-failed"
    message = "the key service {service} did not serve key {key}: {reason}"
    hint = "see that it is reachable and that this user may use the key"
    exit = Exit.FINDINGS


class NotARecipient(WrongKey):
    """A key that an age file was not encrypted for."""

    message = "{path} was not encrypted for the key {key}; it has {recipients}"
    hint = "age files do not name their recipients: try another key, or ask who encrypted it"


class WithPassphrase(EncryptionError):
    """An age file that is encrypted with a passphrase and not for a key."""

    code = "encrypted-with-passphrase"
    message = "{path} is encrypted with a passphrase, and models are decrypted with keys only"
    hint = (
        "decrypt it with `age -d {path}`; a passphrase can protect the key instead: `airworthy keygen --password-file`"
    )


class ChunkRefused(ChunkChanged):
    """A chunk of an age file that is not the one that belongs there."""

    message = "{path}: chunk {chunk} does not decrypt: it was changed, or another was put in its place"


class EndRefused(CutShort):
    """An age file whose end is not the one that was written."""

    message = "{path} does not end as it was written: it was cut short, continued, or changed in its last chunk"


class ArchiveDamaged(EncryptionError):
    """A proven age file whose archive can't be read."""

    code = "encrypted-archive-damaged"
    message = "what is encrypted in {path} is no archive that can be read: {reason}"
    hint = "see what it is: `age -d -i KEY {path} | tar t`"


class KeyRefused(EncryptionError):
    """A key that the library or a plugin could not use."""

    code = "key-refused"
    message = "{path} cannot be decrypted with the key {key}: {reason}"
    hint = "see that the plugin and its device work: `age -d -i {key} {path}`"

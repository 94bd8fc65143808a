"""The object store: immutable bytes under keys, and references whose hash is checked on every read.

Owns the port and the folder adapter. Each prefix ("raw", "frames", "products" ...) has one owning service.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.contracts.common.v1 import DataRef

_CHUNK = 1 << 20


class ObjectMissing(PermanentError):
    """There is no object under the key."""


class ObjectDamaged(PermanentError):
    """The bytes are not those that the reference names: size or hash differ."""


class ObjectExists(PermanentError):
    """Another object stands under the key; keys are written once."""


class StoreUnavailable(TransientError):
    """The store cannot be read or written now: full, away. Nothing was left half-written."""


class ObjectStore(Protocol):
    """Where files lie that are too large for a message. Picklable, so that child processes can read."""

    def put_if_absent(self, key: str, file: Path, media_type: str) -> DataRef:
        """Store a file's bytes under a key and return the reference.

        Raises
        ------
        ObjectExists
            Other bytes stand under the key. The same bytes again are no change.
        StoreUnavailable
            The store is full or away.
        """
        ...

    def local_path(self, ref: DataRef) -> Path:
        """Return a local file with the bytes of a reference, after checking size and hash.

        Raises
        ------
        ObjectMissing
            Nothing is there.
        ObjectDamaged
            The bytes differ from the reference.
        """
        ...

    def exists(self, key: str) -> bool:
        """Tell whether an object stands under the key."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix, in order."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; only its prefix's owner does, for its own orphans. Nothing there is no error."""
        ...


@dataclass(frozen=True, slots=True)
class FolderStore:
    """An object store in a folder: temporary name, fsync, then a link that never replaces.

    Parameters
    ----------
    root : Path
        The folder; made when it is missing.
    """

    root: Path

    def put_if_absent(self, key: str, file: Path, media_type: str) -> DataRef:
        """Store a file's bytes under a key; see the port."""
        target = self._path(key)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            sha256, size = _copy(file, temporary)
            ref = DataRef(uri=f"objects:{key}", sha256=sha256, size_bytes=size, media_type=media_type)
            try:
                os.link(temporary, target)
            except FileExistsError:
                if file_hash(target) != (sha256, size):
                    raise ObjectExists(
                        f"object {key} exists with other bytes; keys are written once"
                    ) from None
            _sync_folder(target.parent)
        except OSError as error:
            raise StoreUnavailable(
                f"object store {self.root}: cannot store {key}: {error.strerror}. "
                "Free some space or mend the folder; the work goes on from where it is"
            ) from error
        finally:
            temporary.unlink(missing_ok=True)
        return ref

    def local_path(self, ref: DataRef) -> Path:
        """Return the file behind a reference after checking it; see the port."""
        path = self.path_of(ref.uri)
        try:
            found = file_hash(path)
        except FileNotFoundError:
            raise ObjectMissing(f"{ref.uri} is missing: no file {path}") from None
        except OSError as error:
            raise StoreUnavailable(f"{ref.uri}: cannot read {path}: {error.strerror}") from error
        if found != (ref.sha256, ref.size_bytes):
            raise ObjectDamaged(
                f"{ref.uri} is damaged: {path} has {found[1]} bytes with SHA-256 {found[0][:12]}..., "
                f"expected {ref.size_bytes} bytes with {ref.sha256[:12]}..."
            )
        return path

    def path_of(self, uri: str) -> Path:
        """Return the path behind ``objects:KEY`` or ``file:PATH``, unchecked.

        Raises
        ------
        PermanentError
            The address is of another kind or leaves the store.
        """
        scheme, _, rest = uri.partition(":")
        if scheme == "objects":
            return self._path(rest)
        if scheme == "file":
            return Path(rest)
        raise PermanentError(f"address {uri!r} is neither objects:KEY nor file:PATH")

    def exists(self, key: str) -> bool:
        """Tell whether an object stands under the key."""
        return self._path(key).is_file()

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix, in order."""
        top = self._path(prefix)
        for path in sorted(top.rglob("*")):
            if path.is_file() and not path.name.endswith(".part"):
                yield path.relative_to(self.root).as_posix()

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or any(part in ("..", "/") for part in parts) or key.startswith("/"):
            raise PermanentError(f"object key {key!r} leaves the store")
        return self.root.joinpath(*parts)


def file_hash(path: Path) -> tuple[str, int]:
    """Return SHA-256 (hexadecimal) and size in bytes of a file, by plain reads."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def _copy(source: Path, target: Path) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest(), size


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

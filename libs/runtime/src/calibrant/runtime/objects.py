"""The object store: immutable bytes under keys, and references whose hash is checked on every read.

Owns the port and the folder adapter. Each prefix ("raw", "frames", "products" ...) has one owning service.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.contracts.common.v1 import DataRef

_CHUNK = 1 << 20
_KEY_BYTES = 1000
_NAME_BYTES = 200  # a file name has at most 255, and a temporary one is longer by 38


class ObjectMissing(PermanentError):
    """There is no object under the key."""


class ObjectDamaged(PermanentError):
    """The bytes are not those that the reference names: size or hash differ."""


class ObjectExists(PermanentError):
    """Another object stands under the key; keys are written once."""


class KeyRefused(PermanentError):
    """A key or an address is none, or leads out of the store."""


class SourceUnreadable(PermanentError):
    """The file to be stored is not there or may not be read."""


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
        SourceUnreadable
            The file is not there or may not be read.
        KeyRefused
            The key is none.
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
            The bytes differ from the reference, or may not be read.
        KeyRefused
            The address is none.
        StoreUnavailable
            The store is away.
        """
        ...

    def exists(self, key: str) -> bool:
        """Tell whether an object stands under the key."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix (a folder: "raw", "raw/20260131"), sorted."""
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
        try:
            linked, found = (False, _digest(_source(file))) if target.exists() else _place(file, target)
            if not linked and (target.is_dir() or file_hash(target) != found):
                raise ObjectExists(f"object {key} exists with other bytes; keys are written once")
        except (FileExistsError, NotADirectoryError):
            raise ObjectExists(f"object {key}: a part of this key is an object by itself") from None
        except OSError as error:
            raise StoreUnavailable(
                f"object store {self.root}: cannot store {key}: {error.strerror}. "
                "Free some space or mend the folder; the work goes on from where it is"
            ) from error
        return DataRef(uri=f"objects:{key}", sha256=found[0], size_bytes=found[1], media_type=media_type)

    def local_path(self, ref: DataRef) -> Path:
        """Return the file behind a reference after checking it; see the port."""
        path = self.path_of(ref.uri)
        try:
            found = file_hash(path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise ObjectMissing(f"{ref.uri} is missing: no file {path}") from None
        except PermissionError:
            raise ObjectDamaged(f"{ref.uri}: {path} may not be read: check its permissions") from None
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
        KeyRefused
            The address is of another kind or leaves the store.
        """
        scheme, _, rest = uri.partition(":")
        if scheme == "objects":
            return self._path(rest)
        if scheme == "file" and rest and "\0" not in rest:
            return Path(rest)
        raise KeyRefused(f"address {uri!r} is neither objects:KEY nor file:PATH")

    def exists(self, key: str) -> bool:
        """Tell whether an object stands under the key."""
        return self._path(key).is_file()

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix, sorted."""
        files = (path for path in self._path(prefix).rglob("*") if path.is_file())
        yield from sorted(
            path.relative_to(self.root).as_posix() for path in files if not path.name.startswith(".")
        )

    def delete(self, key: str) -> None:
        """Remove an object."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(
                f"object store {self.root}: cannot delete {key}: {error.strerror}"
            ) from error

    def _path(self, key: str) -> Path:
        if why := _fault_of(key):
            raise KeyRefused(f"object key {key!r}: {why}")
        return self.root.joinpath(*key.split("/"))


def file_hash(path: Path) -> tuple[str, int]:
    """Return SHA-256 (hexadecimal) and size in bytes of a file, by plain reads."""
    return _digest(_chunks(path))


def _fault_of(key: str) -> str:
    """Tell what is wrong with a key; nothing when it is one."""
    names = key.split("/")
    if not key or "" in names:
        return "it needs names parted by single slashes, such as raw/2026/frame.fits"
    if any(name.startswith(".") for name in names):
        return "no part may begin with a dot"
    if "\\" in key or any(unicodedata.category(letter)[0] == "C" for letter in key):
        return "it holds a backslash or what cannot be printed"
    if len(key.encode()) > _KEY_BYTES or any(len(name.encode()) > _NAME_BYTES for name in names):
        return f"it is too long: at most {_KEY_BYTES} bytes, and {_NAME_BYTES} in each part"
    return ""


def _place(source: Path, target: Path) -> tuple[bool, tuple[str, int]]:
    """Copy to a temporary name, then link; tell whether it was linked, for an object that came first stays."""
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    made = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    linked = True
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as writer:
            found = _digest(_source(source), writer.write)
            writer.flush()
            os.fsync(writer.fileno())
        try:
            os.link(temporary, target)
        except FileExistsError:
            linked = False
        for folder in (target.parent, *(folder.parent for folder in made)):
            _sync_folder(folder)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return linked, found


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _source(path: Path) -> Iterator[bytes]:
    try:
        yield from _chunks(path)
    except OSError as error:
        raise SourceUnreadable(f"{path} cannot be read: {error.strerror}") from error


def _digest(chunks: Iterator[bytes], hear: Callable[[bytes], object] | None = None) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        if hear is not None:
            hear(chunk)
    return digest.hexdigest(), size


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

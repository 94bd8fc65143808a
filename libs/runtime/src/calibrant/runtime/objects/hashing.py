"""SHA-256 of files and streams, and local files checked by it. Plain reads: a file cut short meanwhile is told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.objects.port import ObjectDamaged, ObjectMissing, SourceUnreadable, StoreUnavailable

CHUNK = 1 << 20


def file_hash(path: Path) -> tuple[str, int]:
    """Return SHA-256 (hexadecimal) and size in bytes of a file, by plain reads."""
    return digest(chunks(path))


def checked_file(ref: DataRef, path: Path) -> Path:
    """Return a local file after checking that it holds the bytes of a reference.

    Raises
    ------
    ObjectMissing, ObjectDamaged, StoreUnavailable
        See `ObjectStore.local_path`.
    """
    try:
        found = file_hash(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise ObjectMissing(f"{ref.uri} is missing: no file {path}") from None
    except PermissionError:
        raise ObjectDamaged(f"{ref.uri}: {path} may not be read: check its permissions") from None
    except OSError as error:
        raise StoreUnavailable(f"{ref.uri}: cannot read {path}: {error.strerror}") from error
    check_found(ref, found, str(path))
    return path


def check_found(ref: DataRef, found: tuple[str, int], place: str) -> None:
    """Check hash and size of what was found at a place.

    Raises
    ------
    ObjectDamaged
        They are not those of the reference.
    """
    if found != (ref.sha256, ref.size_bytes):
        raise ObjectDamaged(
            f"{ref.uri} is damaged: {place} has {found[1]} bytes with SHA-256 {found[0][:12]}..., "
            f"expected {ref.size_bytes} bytes with {ref.sha256[:12]}..."
        )


def chunks(path: Path, size: int = CHUNK) -> Iterator[bytes]:
    """Yield the bytes of a file."""
    with path.open("rb", buffering=0) as stream:
        while chunk := stream.read(size):
            yield chunk


def source(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file that is to be stored.

    Raises
    ------
    SourceUnreadable
        It is not there or may not be read.
    """
    try:
        yield from chunks(path)
    except OSError as error:
        raise SourceUnreadable(f"{path} cannot be read: {error.strerror}") from error


def digest(pieces: Iterable[bytes], hear: Callable[[bytes], object] | None = None) -> tuple[str, int]:
    """Return SHA-256 (hexadecimal) and count of bytes; ``hear`` is given each piece on the way."""
    sha256 = hashlib.sha256()
    size = 0
    for piece in pieces:
        sha256.update(piece)
        size += len(piece)
        if hear is not None:
            hear(piece)
    return sha256.hexdigest(), size

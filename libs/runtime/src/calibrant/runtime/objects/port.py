"""The port of the object store and the errors of every adapter. Must not know any adapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.contracts.common.v1 import DataRef

if TYPE_CHECKING:
    from calibrant.runtime.objects.outside import FrameFolders


class ObjectMissing(PermanentError):
    """There is no object under the key."""


class ObjectDamaged(PermanentError):
    """The bytes are not those that the reference names: size or hash differ."""


class ObjectExists(PermanentError):
    """Another object stands under the key; keys are written once."""


class KeyRefused(PermanentError):
    """A key or an address is none, or leads out of the store."""


class FileForbidden(PermanentError):
    """A file outside the store lies where none may be read."""


class SourceUnreadable(PermanentError):
    """The file to be stored is not there, may not be read, or changed while it was stored."""


class StoreRefused(PermanentError):
    """The store will not do it, now or later: no such bucket, no right to, no such ability."""


class StoreUnavailable(TransientError):
    """The store cannot be read or written now: full, away. Nothing was left half-written."""


class ObjectStore(Protocol):
    """Where files lie that are too large for a message. Picklable, so that child processes can read.

    Every call but `locate` may raise ``StoreUnavailable``: the store is full or away; and ``StoreRefused``.
    """

    @property
    def outside(self) -> FrameFolders:
        """Where files outside the store may be read."""
        ...

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
        """
        ...

    def local_path(self, ref: DataRef) -> Path:
        """Return a local file with the bytes of a reference, after checking size and hash.

        Open it within ten minutes; what is open stays readable. Not to be written to. Bytes that were fetched
        before may be answered from here again, checked again, although the object is gone.

        Raises
        ------
        ObjectMissing
            Nothing is there.
        ObjectDamaged
            The bytes differ from the reference, or may not be read.
        KeyRefused
            The address is none.
        FileForbidden
            It is that of a file outside the store which may not be read.
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

    def discard(self, beginning: str) -> None:
        """Remove what of one folder has keys that begin so, and what was left of writes that were cut off.

        Only the prefix's owner does, and not while it writes there. Nothing there is no error.

        Parameters
        ----------
        beginning : str
            A folder and the beginning of names, such as ``raw/20260131/MC_O_20260131_000007_``.
        """
        ...

    def locate(self, uri: str) -> str:
        """Tell a person where ``objects:KEY`` or ``file:PATH`` is: a path or an s3:// address, unchecked.

        Raises
        ------
        KeyRefused
            The address is of another kind or leaves the store.
        """
        ...

    def check(self) -> None:
        """Make sure, at the start of a process, that the store is there and may be written."""
        ...

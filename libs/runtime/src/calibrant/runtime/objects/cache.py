"""Local copies of objects that lie elsewhere: a bounded folder that several processes may share.

Owns the folder's files: one a hash, fetched under a temporary name and renamed, so that a name always has whole
bytes. When they are too many, those used longest ago go; but none that was handed out a short while ago, for its
reader may not have opened it yet. (An open file stays readable after it is removed.) Must not know where from.
"""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.objects.hashing import check_found, checked_file, digest
from calibrant.runtime.objects.port import ObjectDamaged, ObjectMissing, StoreUnavailable

_UNFINISHED = ".part"
_LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Cache:
    """Local copies, by hash.

    Parameters
    ----------
    folder
        Where they lie; made when it is needed.
    limit_bytes
        How much may lie there, beside what was handed out less than `hold_s` ago.
    hold_s
        Unit: s. For how long a file stays, at least, after it was last handed out.
    """

    folder: Path
    limit_bytes: int
    hold_s: float = 600.0

    def find(self, ref: DataRef) -> Path | None:
        """Return the local copy after checking it again; None when there is none, or no good one."""
        path = self._path(ref)
        try:
            with self._alone():
                os.utime(path)  # from here on nobody removes it
            return checked_file(ref, path)
        except (OSError, ObjectMissing, ObjectDamaged):
            return None

    def keep(self, ref: DataRef, pieces: Iterable[bytes], place: str) -> Path:
        """Keep the bytes of an object while they come, then make room.

        Parameters
        ----------
        ref : DataRef
            What they should be.
        pieces : iterable of bytes
            What comes.
        place : str
            Where from, for the text of an error.

        Raises
        ------
        ObjectDamaged
            They are something else.
        StoreUnavailable
            The folder is full or cannot be written.
        """
        temporary = self.folder / f".{uuid.uuid4().hex}{_UNFINISHED}"
        path = self._path(ref)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as writer:
                found = digest(pieces, writer.write)
            check_found(ref, found, place)
            temporary.rename(path)
        except OSError as error:
            raise StoreUnavailable(
                f"local copies in {self.folder}: cannot keep {ref.uri}: {error.strerror}. Free some space"
            ) from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        with suppress(OSError), self._alone():  # whoever fetches the next one tries again
            self._make_room()
        return path

    def _path(self, ref: DataRef) -> Path:
        return self.folder / f"{ref.sha256[:32]}-{ref.uri.rpartition('/')[2]}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from making room between a look at the times of use and what follows from it."""
        handle = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _make_room(self) -> None:
        """Remove the files used longest ago until the rest fits, and what a process that died left unfinished."""
        files = []
        for path in self.folder.iterdir():
            if path.name == _LOCK:
                continue
            with suppress(FileNotFoundError):  # another process has renamed it
                state = path.stat()
                files.append((state.st_mtime, state.st_size, path))
        total = sum(size for _, size, _ in files)
        newest = time.time() - self.hold_s
        for used, size, path in sorted(files):
            if used > newest:
                return
            if total > self.limit_bytes or path.name.endswith(_UNFINISHED):
                path.unlink(missing_ok=True)
                total -= size

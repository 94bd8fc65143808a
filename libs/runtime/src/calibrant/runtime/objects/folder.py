"""The object store in a folder: temporary name, fsync, then a link that never replaces.

Owns what lies below its root. Names that begin with a dot are writes under way, or cut off.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.objects.hashing import checked_file, digest, file_hash, source
from calibrant.runtime.objects.keys import checked, split
from calibrant.runtime.objects.outside import ANYWHERE, FrameFolders
from calibrant.runtime.objects.port import ObjectExists, StoreRefused, StoreUnavailable


@dataclass(frozen=True, slots=True)
class FolderStore:
    """An object store in a folder.

    Parameters
    ----------
    root : Path
        The folder; made when it is missing.
    outside : FrameFolders
        Where files outside the store may be read.
    """

    root: Path
    outside: FrameFolders = ANYWHERE

    def put_if_absent(self, key: str, file: Path, media_type: str) -> DataRef:
        """Store a file's bytes under a key; see the port."""
        target = self._path(key)
        try:
            linked, found = (False, digest(source(file))) if target.exists() else _place(file, target)
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
        kind, rest = split(ref.uri)
        return (
            checked_file(ref, self._path(rest))
            if kind == "objects"
            else self.outside.local_path(ref, Path(rest))
        )

    def path_of(self, uri: str) -> Path:
        """Return the path behind ``objects:KEY`` or ``file:PATH``, unchecked.

        Raises
        ------
        KeyRefused
            The address is of another kind or leaves the store.
        """
        kind, rest = split(uri)
        return self._path(rest) if kind == "objects" else Path(rest)

    def locate(self, uri: str) -> str:
        """Return the path behind an address, for people."""
        return str(self.path_of(uri))

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

    def discard(self, beginning: str) -> None:
        """Remove objects whose keys begin so, and the temporary files of their writes; see the port."""
        start = self._path(beginning)
        try:
            for path in start.parent.iterdir() if start.parent.is_dir() else ():
                if path.name.removeprefix(".").startswith(start.name) and path.is_file():
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(
                f"object store {self.root}: cannot discard {beginning}: {error.strerror}"
            ) from error

    def check(self) -> None:
        """Make the folder, and make sure that it may be written."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"object store {self.root}: cannot be made: {error.strerror}") from error
        if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
            raise StoreRefused(f"object store {self.root}: this process may not write there")

    def _path(self, key: str) -> Path:
        return self.root.joinpath(*checked(key).split("/"))


def _place(file: Path, target: Path) -> tuple[bool, tuple[str, int]]:
    """Copy to a temporary name, then link; tell whether it was linked, for an object that came first stays."""
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    made = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    linked = True
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as writer:
            found = digest(source(file), writer.write)
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


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

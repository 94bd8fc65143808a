"""Files outside the object store: in which folders they may lie. Must not know settings, nor what the files hold."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.objects.hashing import checked_file
from calibrant.runtime.objects.port import FileForbidden


@dataclass(frozen=True, slots=True)
class FrameFolders:
    """Folders below which files outside the store may be read.

    Parameters
    ----------
    folders : tuple of Path or None
        Full paths; None: any file may be read.
    """

    folders: tuple[Path, ...] | None = None

    def refusal(self, path: Path) -> str:
        """Tell why a file or folder may not be read; empty when it may. Links are followed first."""
        if self.folders is None or any(_below(path, folder) for folder in self.folders):
            return ""
        allowed = os.pathsep.join(map(str, self.folders)) or "none"
        return (
            f"{str(path)!r} lies outside the folders that frames are taken in from (setting frame_folders: {allowed}); "
            "move it below one of them, or have its folder added to the setting"
        )

    def local_path(self, ref: DataRef, path: Path) -> Path:
        """Return a file outside the store after checking where it lies, its size and hash.

        Raises
        ------
        FileForbidden
            It lies in none of the folders.
        ObjectMissing, ObjectDamaged, StoreUnavailable
            See `ObjectStore.local_path`.
        """
        if refusal := self.refusal(path):
            raise FileForbidden(refusal)
        return checked_file(ref, path)


ANYWHERE = FrameFolders()
"""Any file may be read."""


def _below(path: Path, folder: Path) -> bool:
    try:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
    except ValueError:  # no path at all: it holds a NUL
        return False

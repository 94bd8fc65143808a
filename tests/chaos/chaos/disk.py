"""A small disk that can be full: a file system in memory, mounted for the data folders of all services.

Owns the mount, which only root can make. Where it cannot be made the folder is a plain one, and cannot be filled.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

SIZE_MB = 512
_PIECE = b"\0" * (1 << 20)


class SmallDisk:
    """A disk at a folder; a context manager.

    Parameters
    ----------
    folder : Path
        Where it is mounted; made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.small = False
        self._filler = folder / "filler"

    def __enter__(self) -> Self:
        """Mount it, if we may."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "calibrant-chaos", str(self.folder)]
        if os.geteuid() == 0:
            self.small = subprocess.run(command, capture_output=True, check=False).returncode == 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it off again, with all that is on it; whoever still has a file open keeps that."""
        if self.small:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def fill(self) -> None:
        """Write until nothing more can be written, until ``free``."""
        assert self.small, f"{self.folder} is no small disk: only root can make one"
        with self._filler.open("wb", buffering=0) as filler:
            try:
                while filler.write(_PIECE) == len(_PIECE):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        """Make room again."""
        with contextlib.suppress(FileNotFoundError):
            self._filler.unlink()

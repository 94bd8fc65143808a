"""Temporary files of tests in memory: databases and logs wait for no disk there.

Owns the choice of the folder, nothing that is in it.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108  the system's own file system in memory
ROOM_BYTES: Final = 8 << 30


def lie_in_memory() -> None:
    """Let temporary files of this process and its children lie in memory where there is room; TMPDIR says otherwise."""
    if "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _has_room(folder: Path) -> bool:
    """Tell whether a folder takes what tests leave, libraries that they compile among it."""
    return (
        folder.is_dir()
        and shutil.disk_usage(folder).free >= ROOM_BYTES
        and not os.statvfs(folder).f_flag & os.ST_NOEXEC
    )

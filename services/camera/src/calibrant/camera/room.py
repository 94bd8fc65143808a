"""Whether there is room for more images: free space on the disk, and an outbox that is sent.

Owns the limits and the words. What follows from a lack of room is ``service``'s and ``executor``'s.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session, func, select

from calibrant.runtime.tables import OutboxRow


@dataclass(frozen=True, slots=True)
class Room:
    """The limits past which no image is begun.

    Parameters
    ----------
    folder : Path
        A folder on the disk that images are written to.
    free_bytes : int
        So much of the disk stays free, in bytes.
    outbox_rows : int
        So many events may wait to be sent; 0: any number.
    """

    folder: Path
    free_bytes: int
    outbox_rows: int

    def lacking(self, session: Session) -> str:
        """Say what there is no room for, and what to do; empty when there is room."""
        if why := self._disk():
            return why
        if self.outbox_rows and (rows := self._waiting(session)) > self.outbox_rows:
            return (
                f"{rows} events wait to be sent, more than {self.outbox_rows} (CALIBRANT_STALL_OUTBOX_ROWS): "
                "see why the log does not take them"
            )
        return ""

    def _disk(self) -> str:
        if not self.free_bytes:
            return ""
        try:
            left = shutil.disk_usage(self.folder).free
        except OSError as error:
            return f"the disk of {self.folder} cannot be looked at: {error.strerror}. Make the folder again, or mount its disk"
        if left >= self.free_bytes:
            return ""
        return (
            f"the disk of {self.folder} has {_gib(left)} free, less than {_gib(self.free_bytes)} "
            "(CALIBRANT_STALL_FREE_BYTES): free some space"
        )

    def _waiting(self, session: Session) -> int:
        return session.exec(select(func.count()).select_from(OutboxRow)).one()


def _gib(count: int) -> str:
    return f"{count / 2**30:.2f} GiB"

"""Owns the bytes of one file, held in memory or read where they lie; must not know FITS.

A file is read by plain reads, never mapped: one that is cut short meanwhile is an error here, not the end of the
process.
"""

import os
from dataclasses import dataclass
from typing import Protocol

from calibrant.frames.reading.rejection import FrameRejected, RejectionReason

_AGAIN = "leave raw files alone once they are written, and read it again"


class ContentLost(FrameRejected):
    """Bytes that were there are there no longer, or cannot be read.

    Parameters
    ----------
    reason : RejectionReason
        CHANGED or UNREADABLE.
    detail : str
        What was found, and what to do.
    done : int
        How many of the bytes that were asked for came before.
    """

    def __init__(self, reason: RejectionReason, detail: str, done: int = 0) -> None:
        super().__init__(reason, detail)
        self.done = done


class Descriptor(Protocol):
    """An open file."""

    def fileno(self) -> int:
        """Return its number."""
        ...


class Content(Protocol):
    """The bytes of a file; several threads may read at once."""

    @property
    def size(self) -> int:
        """Number of bytes."""
        ...

    def read(self, offset: int, count: int) -> bytes:
        """Return so many bytes from an offset; fewer where the content ends."""
        ...

    def fill(self, offset: int, into: memoryview) -> None:
        """Fill a buffer of bytes from an offset on, all of it.

        Raises
        ------
        ContentLost
            If there are not that many, any more.
        """
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """Content in memory."""

    held: bytes

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.held)

    def read(self, offset: int, count: int) -> bytes:
        """Return so many bytes from an offset; fewer where the content ends."""
        return self.held[offset : offset + count]

    def fill(self, offset: int, into: memoryview) -> None:
        """Fill a buffer of bytes from an offset on; see `Content`."""
        into[:] = memoryview(self.held)[offset : offset + len(into)]


class OpenFile:
    """Content of an open file, which must stay as it is.

    Parameters
    ----------
    file : Descriptor
        The file, open for reading. Whoever opened it closes it, once nobody reads any more.
    """

    def __init__(self, file: Descriptor) -> None:
        self._file = file
        self._state = self._look()

    @property
    def size(self) -> int:
        """Number of bytes, when it was opened."""
        return self._state[0]

    def read(self, offset: int, count: int) -> bytes:
        """Return so many bytes from an offset; fewer where the content ends."""
        found = bytearray(max(0, min(count, self.size - offset)))
        self.fill(offset, memoryview(found))
        return bytes(found)

    def fill(self, offset: int, into: memoryview) -> None:
        """Fill a buffer of bytes from an offset on; see `Content`."""
        done = 0
        try:
            while done < len(into):
                got = os.preadv(self._file.fileno(), [into[done:]], offset + done)
                if got == 0:
                    raise ContentLost(
                        RejectionReason.CHANGED,
                        f"the file ends at byte {offset + done} of {self.size}: it was cut while it was read; "
                        f"{_AGAIN}",
                        done,
                    )
                done += got
        except OSError as problem:
            detail = f"cannot be read at byte {offset + done}: {problem.strerror}; check the disk"
            raise ContentLost(RejectionReason.UNREADABLE, detail, done) from problem
        if self._look() != self._state:
            raise ContentLost(RejectionReason.CHANGED, f"the file was written to while it was read; {_AGAIN}")

    def _look(self) -> tuple[int, int]:
        """Return size and time of the last writing (ns)."""
        found = os.fstat(self._file.fileno())
        return found.st_size, found.st_mtime_ns

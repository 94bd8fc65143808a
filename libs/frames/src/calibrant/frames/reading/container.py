"""Owns getting a file's bytes, unpacked and bounded; must not know FITS."""

import gzip
import os
import stat
import zlib
from io import BytesIO
from pathlib import Path
from typing import Protocol

from calibrant.frames.reading.rejection import FrameRejected, RejectionReason

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def load(path: Path, limit: int) -> bytes:
    """Return the content of a file, gunzipped where its first bytes say gzip (whatever its name says).

    Parameters
    ----------
    path : Path
        The file.
    limit : int
        Most bytes that the content may have; nothing beyond it is unpacked.

    Raises
    ------
    FrameRejected
        Unreadable, empty, truncated, corrupt or too large.
    """
    try:
        with open(path, "rb", opener=_regular) as file:
            start = file.read(2)
            file.seek(0)
            raw = _bounded(file, limit, "the file")
    except OSError as problem:
        raise FrameRejected(
            RejectionReason.UNREADABLE, f"cannot be read: {problem.strerror}; check path and permissions"
        ) from problem
    content = _gunzip(raw, limit) if start == _GZIP else raw
    if not content:
        raise FrameRejected(RejectionReason.EMPTY, "has no bytes; copy or fetch the file again")
    return content


def _regular(path: str, flags: int) -> int:
    """Open a regular file; of a pipe, a device or a folder nobody knows when it ends."""
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FrameRejected(RejectionReason.UNREADABLE, "is no regular file; give the file itself")
    return handle


def _gunzip(packed: bytes, limit: int) -> bytes:
    try:
        with gzip.open(BytesIO(packed)) as stream:
            return _bounded(stream, limit, "what the gzip file unpacks to")
    except EOFError as problem:
        raise FrameRejected(
            RejectionReason.TRUNCATED,
            f"the gzip stream ends at byte {len(packed)} before its data do; copy or fetch the file again",
        ) from problem
    except (OSError, zlib.error) as problem:
        raise FrameRejected(
            RejectionReason.CORRUPT, f"does not gunzip ({problem}); copy or fetch the file again"
        ) from problem


def _bounded(stream: _Readable, limit: int, what: str) -> bytes:
    content = bytearray()
    while chunk := stream.read(min(_CHUNK, limit + 1 - len(content))):
        content += chunk
        if len(content) > limit:
            raise FrameRejected(
                RejectionReason.TOO_LARGE,
                f"{what} has more than {limit} bytes, the most that a file of this instrument can have; "
                "check that the instrument is the right one",
            )
    return bytes(content)

"""Owns getting at a file's bytes, unpacked and bounded; must not know FITS."""

import errno
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from typing import Final

from isal import igzip, isal_zlib

from calibrant.frames.reading.content import Content, OpenFile
from calibrant.frames.reading.keeping import Keep
from calibrant.frames.reading.rejection import FrameRejected, RejectionReason

_CHUNK: Final = 1 << 17  # it is written out while the processor's cache has it
_GZIP: Final = b"\x1f\x8b"


def open_content(path: Path, limit: int, keep: Keep, opened: ExitStack) -> Content:
    """Return the content of a file, gunzipped where its first bytes say gzip (whatever its name says).

    Parameters
    ----------
    path : Path
        The file.
    limit : int
        Most bytes that the content may have; nothing beyond it is unpacked.
    keep : Keep
        What keeps the content of a gzipped file. Another is read where it lies.
    opened : ExitStack
        What closes the file.

    Raises
    ------
    FrameRejected
        Unreadable, empty, truncated, corrupt or too large.
    OSError
        If the unpacked content cannot be kept, or too many files are open.
    """
    try:
        file = opened.enter_context(FileIO(os.fspath(path), opener=_regular))
    except OSError as problem:
        if problem.errno in (errno.EMFILE, errno.ENFILE):  # which says nothing of this file
            raise OSError(problem.errno, _too_many_files(), os.fspath(path)) from problem
        raise FrameRejected(
            RejectionReason.UNREADABLE, f"cannot be read: {problem.strerror}; check path and permissions"
        ) from problem
    content: Content = OpenFile(file)
    if content.size > limit:
        raise _too_large("the file", limit)
    if content.read(0, len(_GZIP)) == _GZIP:
        content = keep(_gunzipped(file, content.size, limit))
        file.close()  # of many frames only one file each is open
    if not content.size:
        raise FrameRejected(RejectionReason.EMPTY, "has no bytes; copy or fetch the file again")
    return content


def _regular(path: str, flags: int) -> int:
    """Open a regular file; of a pipe, a device or a folder nobody knows when it ends."""
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FrameRejected(RejectionReason.UNREADABLE, "is no regular file; give the file itself")
    return handle


def _gunzipped(file: FileIO, size: int, limit: int) -> Iterator[bytes]:
    """Yield what a gzip file unpacks to, up to a limit."""
    left = limit
    stream = igzip.IGzipFile(fileobj=file, mode="rb")
    while True:
        try:
            chunk = stream.read(min(_CHUNK, left + 1))
        except EOFError as problem:
            raise FrameRejected(
                RejectionReason.TRUNCATED,
                f"the gzip stream ends at byte {size} before its data do; copy or fetch the file again",
            ) from problem
        except (OSError, isal_zlib.error) as problem:
            raise FrameRejected(
                RejectionReason.CORRUPT, f"does not gunzip ({problem}); copy or fetch the file again"
            ) from problem
        left -= len(chunk)
        if left < 0:
            raise _too_large("what the gzip file unpacks to", limit)
        if not chunk:
            return
        yield chunk


def _too_many_files() -> str:
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return f"too many files are open, a process may have {most}; raise the limit (ulimit -n), or read fewer at a time"


def _too_large(what: str, limit: int) -> FrameRejected:
    return FrameRejected(
        RejectionReason.TOO_LARGE,
        f"{what} has more than {limit} bytes, the most that a file of this instrument can have; "
        "check that the instrument is the right one",
    )

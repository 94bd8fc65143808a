"""Owns where unpacked bytes are kept: in memory, or in scratch files that no crash leaves behind. Must not know FITS."""

import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from calibrant.frames.reading.content import Content, Held, OpenFile

Keep = Callable[[Iterable[bytes | memoryview]], Content]
"""Takes pieces, each before it asks for the next, and keeps them joined."""


def in_memory(pieces: Iterable[bytes | memoryview]) -> Content:
    """Keep pieces in memory."""
    return Held(b"".join(map(bytes, pieces)))


def in_folder(folder: Path, opened: ExitStack) -> Keep:
    """Return what keeps pieces in files of a folder, without a name and gone when they are closed.

    Parameters
    ----------
    folder : Path
        Where there is room for the uncompressed frames that are open at a time.
    opened : ExitStack
        What closes the files.

    Returns
    -------
    callable
        It raises OSError where the folder has no room, say.
    """

    def keep(pieces: Iterable[bytes | memoryview]) -> Content:
        file = opened.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115  (the stack closes it)
        for piece in pieces:
            file.write(piece)
        file.flush()
        return OpenFile(file)

    return keep

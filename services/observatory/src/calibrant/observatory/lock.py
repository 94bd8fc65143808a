"""One observatory per data folder: a lock that the kernel frees when its holder dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calibrant.bus.errors import CalibrantError
from calibrant.runtime import data_folder
from calibrant.runtime.data_folder import DataFolderUnusable
from calibrant.runtime.sole import taken


class DataFolderBusy(CalibrantError):
    """Another process works in the data folder."""


@contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for this process.

    Raises
    ------
    DataFolderBusy
        Another process holds it; the text names it.
    DataFolderUnusable
        The folder cannot be made or written.
    """
    data_folder.make(data_dir)
    path = data_dir / "observatory.lock"
    try:
        stream = path.open("a+")
    except OSError as error:
        raise DataFolderUnusable(
            f"data folder {data_dir}: {error.strerror}. Choose another with --data-dir"
        ) from None
    with stream:
        if holder := taken(stream):
            raise DataFolderBusy(
                f"data folder {data_dir} is in use by process {holder}. "
                "Wait for it, stop it, or choose another folder with --data-dir"
            )
        yield

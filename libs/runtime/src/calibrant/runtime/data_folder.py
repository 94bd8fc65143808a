"""The data folder of a process: there and writable before anything is put into it.

Owns its making and the words for one that cannot be had. Must not know what lies in it.
"""

from __future__ import annotations

import os
from pathlib import Path

from calibrant.runtime.settings import WrongSetting


class DataFolderUnusable(WrongSetting):
    """The data folder cannot be made or written."""


def usable(data_dir: Path) -> None:
    """Look, without touching anything, whether a data folder is there or can be made.

    Raises
    ------
    DataFolderUnusable
        It cannot be.
    """
    wanted = data_dir.absolute()
    there = next(place for place in (wanted, *wanted.parents) if place.exists())
    if not there.is_dir():
        raise _unusable(wanted, f"{there} is no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise _unusable(wanted, f"{there} may not be written: check its permissions")


def make(data_dir: Path) -> None:
    """Make a data folder where there is none.

    Raises
    ------
    DataFolderUnusable
        It cannot be made or written.
    """
    try:
        usable(data_dir)
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(data_dir.absolute(), str(error.strerror)) from None


def _unusable(wanted: Path, why: str) -> DataFolderUnusable:
    return DataFolderUnusable(f"data folder {wanted}: {why}. Choose another with --data-dir")

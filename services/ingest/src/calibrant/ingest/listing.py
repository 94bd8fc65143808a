"""Which files of a folder are frames by their names, in a stable order. Opens none of them."""

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)
FRAME_NAME = re.compile(r"\.(fits|fit|fts)(\.(gz|fz))?$", re.IGNORECASE)
"""How the name of a frame's file ends."""
_STAMPS_NAME = re.compile(r"_guider\.(fits|fit|fts)(\.(gz|fz))?$", re.IGNORECASE)
"""How the name of a file with a guide sensor's stamps ends: nothing is calibrated of them."""
_NAMES = "*.fits, *.fit or *.fts (also with .gz or .fz)"


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file to take in.

    Parameters
    ----------
    name : str
        Its path below the folder, with ``/``.
    path : Path
        The file itself, links resolved.
    """

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds.

    Parameters
    ----------
    files : tuple of ListedFile
        Those whose names are frames' names, sorted by folder and name. A folder below that cannot be
        listed is among them, so that reading it tells why.
    passed_over : int
        Other files, and links that lead out of the folder. Hidden files and folders are not counted.
    problem : str
        Why there is nothing to take in; empty when there is.
    """

    files: tuple[ListedFile, ...] = ()
    passed_over: int = 0
    problem: str = ""


def list_folder(folder: str) -> Listing:
    """List the frames' files of a folder and the folders below.

    Parameters
    ----------
    folder : str
        Full path of the folder.

    Returns
    -------
    Listing
        With ``problem`` set when the folder is missing, no folder, unreadable or without frames.
    """
    given = Path(folder)
    problem = _unfit(given)
    if problem:
        return Listing(problem=problem)
    walk = _Walk(Path(os.path.realpath(given)))
    files = tuple(sorted(walk.files(), key=lambda file: file.name.split("/")))
    if not files:
        return Listing((), walk.passed_over, _nothing(folder, walk.passed_over))
    return Listing(files, walk.passed_over)


def _unfit(folder: Path) -> str:
    if not folder.is_absolute():
        return f"folder {str(folder)!r} is not a full path; give one that begins with /"
    try:
        if not folder.exists():
            return f"there is no folder {folder}; check the path"
        if not folder.is_dir():
            return f"{folder} is a file, not a folder; give the folder that it lies in"
        with os.scandir(folder):
            return ""
    except OSError as problem:
        return f"folder {folder} cannot be read: {problem.strerror}; check its permissions"


def _nothing(folder: str, passed_over: int) -> str:
    if passed_over == 0:
        return f"folder {folder} is empty; give one with files {_NAMES}"
    return f"folder {folder} holds no frames: none of its {passed_over} files is a file of its own named {_NAMES}"


@dataclass(slots=True)
class _Walk:
    """One walk over a folder whose own links are resolved; it stays below ``root``."""

    root: Path
    passed_over: int = 0
    _closed: list[Path] = field(default_factory=list)

    def files(self) -> Iterator[ListedFile]:
        for place, folders, names in os.walk(self.root, onerror=self._cannot_list):
            folders[:] = [name for name in folders if self._enters(Path(place, name))]
            for name in names:
                if not name.startswith("."):
                    yield from self._file(Path(place, name))
        for path in self._closed:
            yield ListedFile(path.relative_to(self.root).as_posix(), path)

    def _enters(self, folder: Path) -> bool:
        if folder.name.startswith("."):
            return False
        if folder.is_symlink():
            self._pass_over(folder, "is a link to a folder")
            return False
        return True

    def _file(self, path: Path) -> Iterator[ListedFile]:
        target = Path(os.path.realpath(path))
        if FRAME_NAME.search(path.name) is None:
            self.passed_over += 1
        elif _STAMPS_NAME.search(path.name):
            self._pass_over(path, "has stamps of a guide sensor, and no frame")
        elif not target.is_relative_to(self.root):
            self._pass_over(path, "is a link that leads out of the folder")
        elif not target.is_file():
            self._pass_over(path, "is no regular file")
        elif not _is_text(str(target)) or not _is_text(str(path)):
            self._pass_over(path, "has a name that is not UTF-8")
        else:
            yield ListedFile(path.relative_to(self.root).as_posix(), target)

    def _pass_over(self, path: Path, why: str) -> None:
        self.passed_over += 1
        log.warning("%r %s: passed over", os.fspath(path), why)

    def _cannot_list(self, error: OSError) -> None:
        path = Path(error.filename)
        if path != self.root and _is_text(str(path)):
            self._closed.append(path)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True

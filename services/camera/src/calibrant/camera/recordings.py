"""Recorded images in a folder: which there are, and their pixels. Runs in a child process.

Owns how a folder's files become images. Must not know commands, tables or clocks.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from calibrant.bus.errors import PermanentError
from calibrant.frames.instrument import Instrument
from calibrant.frames.reading import FrameRejected, OpenFrame, open_frames, read_frames

MOST_IMAGES = 10_000
"""Images that one playlist may have."""
MOST_FRAMES = 100_000
"""Frames that the images of one playlist may have: the list is read whenever an image is played."""
_NAMED = 5
"""So many images of a folder are named where one is not in it."""
_FRAME = re.compile(r"\.(fits|fit|fts)(\.(gz|fz))?$", re.IGNORECASE)


class NoRecording(PermanentError):
    """A folder, an image in it or one of its frames cannot be played; the text says why and what to do."""


class NoFolder(NoRecording):
    """A list cannot be made of a folder; the camera is well."""


class Recording(BaseModel):
    """One recorded image: its name, when it began (TAI), and the file of each detector."""

    model_config = ConfigDict(frozen=True)

    name: str
    begin_tai_ns: int
    files: dict[int, str]


def recordings(canonical: str, folder: str, images: Sequence[str]) -> list[Recording]:
    """Return the images of a folder that are asked for, in that order; all of it, by their times, where none is.

    Parameters
    ----------
    canonical
        The instrument whose frames they are, as canonical JSON.
    folder
        The folder; folders below it are not looked into, and links that lead out of it are not followed.
    images
        Names of images: an exposure's own, or how the names of its files begin, up to an underscore or the extension.

    Raises
    ------
    NoFolder
        The folder cannot be read, has no frames of the instrument, or lacks an image; or there are too many.
    """
    found = _found(Instrument.model_validate_json(canonical), Path(folder))
    if images:
        chosen = [_named(name, found, folder) for name in images]
    else:
        chosen = sorted(found.values(), key=lambda one: (one.begin_tai_ns, one.name))
    frames = sum(len(one.files) for one in chosen)
    if len(chosen) > MOST_IMAGES or frames > MOST_FRAMES:
        raise NoFolder(
            f"{len(chosen)} images of {frames} frames are too many for a list; name {MOST_IMAGES} of {MOST_FRAMES} at most"
        )
    return chosen


def recorded_pixels(instrument: Instrument, file: Path, detector: int) -> NDArray[Any]:
    """Return the raw pixels of a detector, in ADU, (rows, columns).

    Raises
    ------
    NoRecording
        The file is gone, or is another one than it was.
    """
    try:
        frames = {frame.detector: frame.array for frame in read_frames(file, instrument)}
    except FrameRejected as error:
        raise NoRecording(f"a recorded frame cannot be played any more: {error}") from None
    if detector not in frames:
        raise NoRecording(
            f"a recorded frame cannot be played any more: {file.name} has no detector {detector}"
        )
    if frames[detector].dtype != np.uint16:
        raise NoRecording(
            f"a recorded frame cannot be played any more: {file.name} has pixels of {frames[detector].dtype}"
        )
    return frames[detector]


def _found(instrument: Instrument, folder: Path) -> dict[str, Recording]:
    """Read the headers of a folder's frames, and put together what is one exposure; what cannot be played is passed over."""
    found: dict[str, Recording] = {}
    refused = ""
    with tempfile.TemporaryDirectory(prefix="calibrant-recordings-") as scratch:
        for path in _frame_files(folder):
            try:
                with open_frames(path, instrument, Path(scratch)) as frames:
                    for frame in frames:
                        if not (odd := _unplayable(frame, path)):
                            _add(found, frame, path)
                        refused = refused or odd
            except FrameRejected as error:
                refused = refused or str(error)
    if not found:
        why = f": {refused}" if refused else ""
        raise NoFolder(f"folder {folder} has no frames of {instrument.name}{why}")
    return found


def _unplayable(frame: OpenFrame, path: Path) -> str:
    """Return why a frame cannot be played; an empty text when it can."""
    playable = frame.value_type == np.uint16
    return "" if playable else f"{path.name} has pixels of {frame.value_type}, not unsigned 16 bits"


def _add(found: dict[str, Recording], frame: OpenFrame, path: Path) -> None:
    facts = frame.facts
    known = found.get(facts.exposure_id)
    found[facts.exposure_id] = Recording(
        name=facts.exposure_id,
        begin_tai_ns=facts.begin_tai_ns,
        files=(known.files if known else {}) | {frame.detector: str(path)},
    )


def _frame_files(folder: Path) -> Iterator[Path]:
    if not folder.is_absolute():
        raise NoFolder(f"folder {str(folder)!r} is not a full path; give one that begins with /")
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise NoFolder(f"folder {folder} cannot be read: {error.strerror}; check the path") from None
    root = os.path.realpath(folder)
    return (path for path in inside if _FRAME.search(path.name) and _lies_in(path, root))


def _lies_in(path: Path, root: str) -> bool:
    """Tell whether a path is a file of a folder, and no link that leads out of it; one that no text can name is none."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return Path(os.path.realpath(path)).is_relative_to(root) and path.is_file()


def _named(name: str, found: dict[str, Recording], folder: str) -> Recording:
    """Return the image of a name; it keeps that name."""
    begins = re.compile(rf"{re.escape(name)}(_|\.)")
    for one in found.values():
        if name == one.name or any(begins.match(Path(file).name) for file in one.files.values()):
            return one.model_copy(update={"name": name})
    inside = [_file_name(found[one]) for one in sorted(found)]
    more = f" and {len(inside) - _NAMED} more" if len(inside) > _NAMED else ""
    raise NoFolder(f"image {name!r} is not in folder {folder}, which has {', '.join(inside[:_NAMED])}{more}")


def _file_name(image: Recording) -> str:
    """Return a name by which an image can be asked for: how the names of all its files begin."""
    words = [Path(file).name.partition(".")[0].split("_") for file in image.files.values()]
    same = takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False))
    return "_".join(column[0] for column in same) or image.name

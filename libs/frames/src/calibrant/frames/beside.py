"""Owns frames of other detectors that were read at the same time as one: found in their files, and as they were read.

Must not know jobs, stores, or how much leaks.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from calibrant.frames.correcting import Choices, correction
from calibrant.frames.instrument import Instrument
from calibrant.frames.reading import OpenFrame, open_frames
from calibrant.frames.reading.identity import frame_id
from calibrant.pixels import Geometry, Others, RowSource, Signature, correct_frame
from calibrant.pixels.crosstalk import ReadoutPlane, readout_planes
from calibrant.pixels.image import Unit
from calibrant.pixels.rows import load, working_type


@dataclass(frozen=True, eq=False, slots=True)
class SourceFrame:
    """A raw frame of another detector, read at the same time as a frame that it may leak into.

    Parameters
    ----------
    detector : int
        Its detector.
    exposure_id : str
        Its exposure.
    name : str
        What to call it in a message.
    rows : RowSource
        Its pixels, of that detector's raw shape, in ADU.
    geometry : Geometry
        That detector, with its nominal gains.
    corrected : Signature
        What is removed from it: its electronic level.
    """

    detector: int
    exposure_id: str
    name: str
    rows: RowSource
    geometry: Geometry
    corrected: Signature

    def planes(self) -> dict[str, ReadoutPlane]:
        """Read it, and return what its amplifiers read, by the names of their channels.

        Raises
        ------
        ValueError
            It does not fit its detector; the text names it.
        """
        shape = self.rows.shape
        raw = load([self.rows], slice(0, shape[0]), working_type([self.rows])).reshape(shape)
        try:
            image = correct_frame(raw, self.geometry, self.corrected)
        except ValueError as problem:
            raise ValueError(f"{self.name}, of detector {self.detector}: {problem}") from problem
        return readout_planes(image, self.geometry, str(self.detector))


def source_frame(
    opened: OpenFrame, instrument: Instrument, choices: Choices, unit: Unit, name: str
) -> SourceFrame:
    """Return an open frame of another detector as what leaks.

    Parameters
    ----------
    opened : OpenFrame
        The frame; it is read as long as it is open.
    instrument : Instrument
        Describes its detector.
    choices : Choices
        How the overscans are removed. Signals are left as they are, linear or not: so they are when they leak.
    unit : {'electron', 'adu'}
        Of its planes: electrons by nominal gains.
    name : str
        What to call it in a message.

    Raises
    ------
    ValueError
        A method does not fit its detector, or leaves its electronic level in.
    """
    as_read = choices.model_copy(update={"linearity": False})
    geometry, corrected = correction(instrument, opened.detector, as_read, unit)
    if not corrected.removes_level(geometry):
        raise ValueError(
            "the frames keep their electronic level, which would leak as if it were signal; choose an overscan method that "
            "every amplifier of the detector has a region for, or take it out of the instrument file's crosstalk_groups"
        )
    return SourceFrame(opened.detector, opened.facts.exposure_id, name, opened.rows, geometry, corrected)


def others_of(sources: Iterable[SourceFrame], exposure_id: str, detectors: Collection[int]) -> Others:
    """Return what gives the planes of other detectors of an exposure; none of those that have no frame of it.

    Parameters
    ----------
    sources : iterable of SourceFrame
        Of all exposures.
    exposure_id : str
        The exposure.
    detectors : collection of int
        Those that are wanted.

    Raises
    ------
    ValueError
        There are two of one detector: what leaks would be taken out twice.
    """
    mine = [one for one in sources if one.exposure_id == exposure_id and one.detector in detectors]
    first: dict[int, str] = {}
    for one in mine:
        if one.detector in first:
            raise ValueError(
                f"exposure {exposure_id} has two frames of detector {one.detector}, {first[one.detector]} and {one.name}; "
                "what leaks would be taken out twice: give one of them"
            )
        first[one.detector] = one.name
    return lambda: (one.planes() for one in mine)


@contextmanager
def open_source(
    path: Path,
    instrument: Instrument,
    scratch: Path,
    *,
    named: str,
    detector: int,
    file_name: str,
) -> Iterator[OpenFrame]:
    """Open a frame of a detector that may leak into another one.

    Parameters
    ----------
    path, instrument, scratch, file_name
        As for `calibrant.frames.reading.open_frames`.
    named : str
        The frame's id.
    detector : int
        The detector that it may leak into.

    Raises
    ------
    FrameRejected
        Its file is damaged or refused.
    ValueError
        It holds no such frame.
    """
    others = instrument.leaking_into(detector)
    with open_frames(path, instrument, scratch, file_name=file_name, unpack=True) as inside:
        candidates = (one for one in inside if one.detector in others)
        found = next(
            (one for one in candidates if frame_id(one.content_sha256(), one.detector) == named), None
        )
        if found is None:
            told = ", ".join(map(str, others)) or "none"
            raise ValueError(
                f"{file_name}: does not hold frame {named} of a detector that may leak into detector {detector} ({told}); "
                "ingest it again, or plan again with the instrument description in force"
            )
        yield found

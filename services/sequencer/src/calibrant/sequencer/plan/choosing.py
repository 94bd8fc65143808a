"""Which frames of a run count: those that were asked for, in their order. Knows neither sets nor rules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from calibrant.contracts.ingest.v1 import Frame
from calibrant.contracts.sequencer.v1 import ExposureRequest
from calibrant.rules.association import TIME_TOLERANCE_S

UNTIMED = "bias"
"""Image type whose exposure times say nothing."""


@dataclass(slots=True)
class _Place:
    """One exposure that was asked for, and the one that was taken for it."""

    image_type: str
    time_s: float
    filter: str
    discarded: bool
    exposure_id: str = ""

    def fits(self, frame: Frame) -> bool:
        """Tell whether a frame may be of the exposure that was asked for."""
        if self.exposure_id or self.image_type != frame.image_type:
            return False
        if self.filter and frame.filter is not None and self.filter != frame.filter:
            return False
        time_s = frame.exposure_time_s
        return self.image_type == UNTIMED or time_s is None or abs(time_s - self.time_s) <= TIME_TOLERANCE_S


def discarded(frames: Mapping[str, Frame], asked: Sequence[ExposureRequest]) -> frozenset[str]:
    """Return the frames that are left out because the first exposures are to be discarded.

    Parameters
    ----------
    frames : mapping of str to Frame
        Frames that are there, by id.
    asked : sequence of ExposureRequest
        Exposures that were asked for. In order of time, each that is there takes the first place that is free and
        fits it: where the first one failed, the next one is discarded.
    """
    if not any(one.discard for one in asked):
        return frozenset()
    places = list(_places(asked))
    by_exposure: dict[str, list[str]] = {}
    for frame_id, frame in sorted(frames.items(), key=lambda item: (item[1].begin.ns, item[0])):
        by_exposure.setdefault(frame.exposure_id, []).append(frame_id)
    for exposure_id, ids in by_exposure.items():
        place = next((place for place in places if place.fits(frames[ids[0]])), None)
        if place is not None:
            place.exposure_id = exposure_id
    gone = {place.exposure_id for place in places if place.discarded}
    return frozenset(frame_id for frame_id, frame in frames.items() if frame.exposure_id in gone)


def _places(asked: Iterable[ExposureRequest]) -> Iterable[_Place]:
    for one in asked:
        for number, time_s in enumerate(one.exposure_times_s):
            yield _Place(one.image_type.lower(), time_s, one.filter, number < (one.discard or 0))

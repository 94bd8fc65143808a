"""Which frames of a run count: those that were asked for, in their order. Knows neither sets nor rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from calibrant.contracts.ingest.v1 import Frame
from calibrant.contracts.sequencer.v1 import ExposureRequest, RunRequested
from calibrant.rules.association import TIME_TOLERANCE_S

UNTIMED = "bias"
"""Image type whose exposure times say nothing."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a run's frames does not count, by id, and what was asked for and is not there, in words."""

    discarded: frozenset[str] = frozenset()
    not_asked: frozenset[str] = frozenset()
    told: tuple[str, ...] = ()


@dataclass(slots=True)
class _Place:
    """One exposure that was asked for, and the one that was taken for it."""

    time_s: float
    discarded: bool
    exposure_id: str = ""
    other_time_s: float | None = None

    def fits(self, frame: Frame) -> bool:
        """Tell whether an exposure has the time that was asked for, or nobody knows."""
        time_s = frame.exposure_time_s
        return time_s is None or abs(time_s - self.time_s) <= TIME_TOLERANCE_S


@dataclass(slots=True)
class _Asked:
    """Exposures of one type that were asked for."""

    image_type: str
    filter: str
    places: list[_Place] = field(default_factory=list)

    def wants(self, frame: Frame) -> bool:
        """Tell whether a frame is of the type, and of the filter where both say one."""
        same = not self.filter or frame.filter is None or self.filter == frame.filter
        return same and self.image_type == frame.image_type

    def take(self, frame: Frame, *, any_time: bool) -> bool:
        """Let an exposure have the first free place that it fits; tell whether there was one."""
        free = (place for place in self.places if not place.exposure_id)
        untimed = self.image_type == UNTIMED
        place = next((one for one in free if any_time or untimed or one.fits(frame)), None)
        if place is None:
            return False
        place.exposure_id = frame.exposure_id
        place.other_time_s = frame.exposure_time_s if any_time else None
        return True

    def told(self) -> Iterable[str]:
        """Say which counts and times are not there as they were asked for."""
        name = " ".join(part for part in (self.image_type.upper(), self.filter) if part)
        there = sum(bool(place.exposure_id) for place in self.places)
        if there < len(self.places):
            yield f"{name}: {there} of {len(self.places)} exposures are there"
        others = [place for place in self.places if place.other_time_s is not None]
        if others:
            have, asked = _times(one.other_time_s for one in others), _times(one.time_s for one in others)
            yield f"{name}: {len(others)} exposures have {have} in place of the {asked} asked for"


def _times(times_s: Iterable[float | None]) -> str:
    return f"{', '.join(f'{time_s:g}' for time_s in sorted({t for t in times_s if t is not None}))} s"


def choose(frames: Mapping[str, Frame], request: RunRequested) -> Choice:
    """Return which frames do not count.

    Parameters
    ----------
    frames : mapping of str to Frame
        Frames that are there, by id.
    request : RunRequested
        In order of time, each exposure that is there takes the first place that is free among those asked for and
        has its exposure time: where the first one failed, the next one is discarded. Of a folder, what is left fills
        up the free places, and what has none does not count.
    """
    discards = any(one.discard for one in request.exposures)
    if not (request.exposures and (request.folder or discards)):
        return Choice()
    asked = [_asked(one) for one in request.exposures]
    ordered = sorted(frames.values(), key=lambda frame: (frame.begin.ns, frame.frame_id))
    first = {frame.exposure_id: frame for frame in reversed(ordered)}
    left = [one for one in reversed(first.values()) if not _placed(asked, one, any_time=False)]
    if request.folder:
        left = [one for one in left if not _placed(asked, one, any_time=True)]
    places = [place for one in asked for place in one.places]
    gone = {place.exposure_id for place in places if place.discarded}
    beyond = {frame.exposure_id for frame in left} if request.folder else set()
    return Choice(
        discarded=frozenset(frame_id for frame_id, frame in frames.items() if frame.exposure_id in gone),
        not_asked=frozenset(frame_id for frame_id, frame in frames.items() if frame.exposure_id in beyond),
        told=tuple(text for one in asked for text in one.told()) if request.folder else (),
    )


def _placed(asked: Iterable[_Asked], frame: Frame, *, any_time: bool) -> bool:
    return any(one.wants(frame) and one.take(frame, any_time=any_time) for one in asked)


def _asked(one: ExposureRequest) -> _Asked:
    places = [
        _Place(time_s, number < (one.discard or 0)) for number, time_s in enumerate(one.exposure_times_s)
    ]
    return _Asked(one.image_type.lower(), one.filter, places)

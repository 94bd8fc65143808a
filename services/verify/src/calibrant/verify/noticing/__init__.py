"""What a careful astronomer would notice in a set beside its verdicts, in words. Decides nothing.

Each finding is one sentence on the worst place, with how many more there are. Numbers are in electrons.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from calibrant.verify.noticing.light import course
from calibrant.verify.noticing.mixtures import gains, temperatures
from calibrant.verify.noticing.nominal import claimed_gain, claimed_read_noise, gain, read_noise
from calibrant.verify.noticing.places import Place, Said, places_of
from calibrant.verify.noticing.shapes import shape
from calibrant.verify.reports import MeasurementReport

__all__ = ["findings"]

Say = Callable[[Place], Said | None]
OF_AMPLIFIERS: Final[Mapping[str, Sequence[Say]]] = MappingProxyType(
    {
        "bias": (read_noise, claimed_read_noise, claimed_gain),
        "dark": (claimed_read_noise, claimed_gain),
        "flat": (gain, claimed_gain, shape, course),
    }
)
OF_DETECTORS: Final[Sequence[Callable[[MeasurementReport], Said | None]]] = (temperatures, gains)


def findings(kind: str, measured: Mapping[int, MeasurementReport]) -> tuple[str, ...]:
    """Say what is noticed in the measurements of a set.

    Parameters
    ----------
    kind : str
        Kind of calibration.
    measured : mapping of int to MeasurementReport
        The measurements, by detector.

    Returns
    -------
    tuple of str
        At most one sentence a thing that can be noticed.
    """
    reports = list(measured.values())
    places = [place for report in reports for place in places_of(report)]
    told = [
        *(_worst((say(place) for place in places), "amplifier") for say in OF_AMPLIFIERS.get(kind, ())),
        *(_worst((say(report) for report in reports), "detector") for say in OF_DETECTORS),
    ]
    return tuple(words for words in told if words)


def _worst(found: Iterable[Said | None], noun: str) -> str:
    said = [one for one in found if one is not None]
    if not said:
        return ""
    more = len(said) - 1
    words = max(said, key=lambda one: one.how_bad).words
    return f"{words}; {more} more {noun}{'s' if more > 1 else ''} like it" if more else words

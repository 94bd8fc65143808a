"""What a careful astronomer would notice in a set beside its verdicts, in words. Decides nothing.

Each finding is one sentence on the worst place, with how many more there are. Numbers are in electrons. One that cannot be
made by a fault of this program is told as that, and logged: a decision does not depend on it.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from calibrant.verify.noticing.exceptions import odd_bias, odd_dark, odd_flat
from calibrant.verify.noticing.light import course, course_of_level
from calibrant.verify.noticing.mixtures import gains, temperatures
from calibrant.verify.noticing.nominal import claimed_gain, claimed_read_noise, gain, read_noise
from calibrant.verify.noticing.places import Place, Said, places_of
from calibrant.verify.noticing.shapes import shape
from calibrant.verify.noticing.types import (
    brightness_of_dark,
    charge_in_bias,
    exposed_biases,
    faintness_of_flat,
    lines_of_flat,
    unexposed_frames,
)
from calibrant.verify.reports import MeasurementReport

__all__ = ["findings"]

log = logging.getLogger(__name__)

Say = Callable[[Place], Said | None]
OF_AMPLIFIERS: Final[Mapping[str, Sequence[Say]]] = MappingProxyType(
    {
        "bias": (
            odd_bias,
            charge_in_bias,
            course_of_level,
            read_noise,
            claimed_read_noise,
            claimed_gain,
        ),
        "dark": (
            odd_dark,
            brightness_of_dark,
            course_of_level,
            claimed_read_noise,
            claimed_gain,
        ),
        "flat": (
            odd_flat,
            faintness_of_flat,
            lines_of_flat,
            gain,
            claimed_gain,
            shape,
            course,
        ),
    }
)
OF_DETECTORS: Final[Mapping[str, Sequence[Callable[[MeasurementReport], Said | None]]]] = MappingProxyType(
    {
        "bias": (exposed_biases, temperatures, gains),
        "dark": (unexposed_frames, temperatures, gains),
        "flat": (unexposed_frames, temperatures, gains),
    }
)


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
        At most one sentence a thing that can be noticed, and one where that could not be found out.
    """
    places = {place.where: place for report in measured.values() for place in places_of(report)}
    reports = {f"detector {detector}": report for detector, report in measured.items()}
    told: list[str] = []
    for say in OF_AMPLIFIERS.get(kind, ()):
        told += _worst(say, places, "amplifier")
    for look in OF_DETECTORS.get(kind, ()):
        told += _worst(look, reports, "detector")
    return tuple(told)


def _worst(say: Callable[[Any], Said | None], looked_at: Mapping[str, Any], noun: str) -> Iterator[str]:
    """Yield the sentence on the worst of what is looked at, and the one on the first where there was a fault."""
    what = say.__name__.replace("_", " ")
    said: list[Said] = []
    faults: list[str] = []
    for where, one in looked_at.items():
        try:
            found = say(one)
        except Exception as fault:
            if not faults:
                log.exception("%s: nothing can be said of the %s", where, what)
            why = f"{type(fault).__name__}: {fault}"
            faults.append(f"{where}: nothing can be said of the {what}, by a fault of this program: {why}")
        else:
            said += [] if found is None else [found]
    if said:
        yield _and_more(max(said, key=lambda one: one.how_bad).words, len(said) - 1, noun)
    if faults:
        yield _and_more(faults[0], len(faults) - 1, noun)


def _and_more(words: str, more: int, noun: str) -> str:
    return f"{words}; {more} more {noun}{'s' if more > 1 else ''} like it" if more else words

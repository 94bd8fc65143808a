"""The form of a figure that a kind of calibration has, of the series in its reports. Must not know any kind, nor HTML."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from calibrant.verify.reports import SeriesRecord


@dataclass(frozen=True, slots=True)
class KindFigure:
    """What a section of the page shows: one figure a detector, with all its amplifiers.

    Parameters
    ----------
    title : str
        Heading of the section.
    note : str
        What is to be seen, in one or two sentences.
    draw : callable
        ``draw(series)``: the figure of a detector as a ``data:`` address (see `drawing`).
    alt : callable
        ``alt(name, series)``: the same in words, with the detector's name.
    """

    title: str
    note: str
    draw: Callable[[Sequence[SeriesRecord]], str]
    alt: Callable[[str, Sequence[SeriesRecord]], str]

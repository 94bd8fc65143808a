"""Where something is noticed: an amplifier with its numbers over the exposures. Must not know what is notable."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from calibrant.verify.reports import AmplifierRecord, FrameRecord, MeasurementReport, MeasurementRow

LEVEL: Final = "LEVEL"
"""Light of a flat; of other kinds the mean of what is left."""
RATE: Final = "RATE"
"""Level over exposure time, electron/s: that of a lamp is the same in flats of any exposure time."""


NOISE_RATIO: Final = "NOISE_RATIO"
ILLUMINATION: Final = "ILLUMINATION"
N_GOOD: Final = "N_GOOD"
MANY: Final = 1000


class Number(NamedTuple):
    """A number of an amplifier in one exposure."""

    exposure_id: str
    value: float


def values_of(numbers: Sequence[Number]) -> list[float]:
    """Return the values alone."""
    return [one.value for one in numbers]


def in_words(value: float) -> str:
    """Write a number for people: three digits, or whole."""
    return f"{value:.3g}" if abs(value) < MANY else f"{value:.0f}"


@dataclass(frozen=True, slots=True)
class Place:
    """An amplifier of a set, with its numbers in the order of the exposures.

    Parameters
    ----------
    detector : int
        The detector.
    amplifier : AmplifierRecord
        The amplifier, with the numbers that its frames were corrected by.
    frames : sequence of FrameRecord
        The frames of the detector, with what their headers claim.
    numbers : mapping of str to list of Number
        By name (LEVEL, RATE, NOISE_RATIO, ILLUMINATION, N_GOOD), those that could be had.
    product : mapping of str to float or None
        What the product shows there by itself.
    told_by : str
        Who says the amplifier's gain and read noise, for people.
    """

    detector: int
    amplifier: AmplifierRecord
    frames: Sequence[FrameRecord]
    numbers: Mapping[str, list[Number]]
    product: Mapping[str, float | None]
    told_by: str = "the instrument file"

    @property
    def where(self) -> str:
        """Its name for people."""
        return f"detector {self.detector}, amplifier {self.amplifier.name}"

    def series(self, name: str) -> list[Number]:
        """Return a number in every exposure that has it, in their order."""
        return self.numbers.get(name, [])

    def values(self, name: str) -> list[float]:
        """Return the values of a number, in the order of the exposures."""
        return values_of(self.series(name))

    def claimed(self, name: str) -> list[float]:
        """Return what the headers claim by the name of a field of `FrameRecord`."""
        return [value for frame in self.frames if (value := getattr(frame, name)) is not None]


class Said(NamedTuple):
    """A sentence on a place, and how bad it is beside others of its sort."""

    how_bad: float
    words: str


def places_of(report: MeasurementReport) -> Iterator[Place]:
    """Yield each amplifier with its numbers over the exposures."""
    times_s = {frame.exposure_id: frame.exposure_time_s for frame in report.frames}
    found: dict[str, dict[str, list[Number]]] = {one.name: {} for one in report.amplifiers}
    for row in report.measurements:
        if row.amplifier in found:
            for name, value in _numbers(row, times_s.get(row.exposure_id)):
                found[row.amplifier].setdefault(name, []).append(Number(row.exposure_id, value))
    for one in report.amplifiers:
        yield Place(
            report.detector,
            one,
            report.frames,
            found[one.name],
            report.product_values.get(one.name, {}),
            _told_by(report),
        )


def _told_by(report: MeasurementReport) -> str:
    """Name what says gains and read noises: the last product that does, or the instrument file."""
    used = {one.role: one.product_id for one in report.products} if report.correction.measured_gain else {}
    return next((used[kind] for kind in ("ptc", "gain") if kind in used), "the instrument file")


def _numbers(row: MeasurementRow, time_s: float | None) -> Iterator[tuple[str, float]]:
    """Yield what is looked at of a row: of a large camera there are millions of other numbers."""
    for name in (NOISE_RATIO, ILLUMINATION, N_GOOD):
        value = row.values.get(name)
        if value is not None:
            yield name, value
    level = row.values.get(LEVEL, row.values.get("MEAN"))
    if level is not None:
        yield LEVEL, level
        if time_s:
            yield RATE, level / time_s

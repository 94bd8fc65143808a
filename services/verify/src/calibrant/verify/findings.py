"""What a careful astronomer would notice in a set beside its verdicts, in words. Decides nothing.

Each finding is one sentence on the worst place, with how many more there are. Numbers are in electrons.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from statistics import mean, median, pstdev
from typing import Final

from calibrant.verify.reports import AmplifierRecord, MeasurementReport, MeasurementRow

GAIN_TOLERANCE: Final = 0.05
"""Relative; a pair of flats gives a gain to better than that."""
READ_NOISE_TOLERANCE: Final = 0.1
ALTERNATES: Final = 0.001
"""Relative difference of odd and even exposures that is told, where it is also three times their scatter."""
DRIFTS: Final = 0.05
"""Relative difference of the darkest and the brightest flat that is told."""
SHAPES: Final = 0.1
"""Relative difference of the least and the greatest noise ratio from which flats are not alike."""
PHOTON_LIMITED: Final = 10.0
"""Level over the variance of the readout from which the noise tells the gain."""
FEWEST: Final = 4
RATE: Final = "RATE"
"""Level over exposure time: that of a lamp is the same in flats of any exposure time."""

Numbers = Mapping[str, list[float]]
Say = Callable[[str, AmplifierRecord, Numbers], tuple[float, str] | None]
"""Gives how bad something is and the sentence on it; None where there is nothing to say."""


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
    says = {"bias": (_read_noise,), "flat": (_gain, _shape, _course)}.get(kind, ())
    places = [place for report in measured.values() for place in _places(report)]
    return tuple(words for say in says if (words := _worst(say, places)))


def _places(report: MeasurementReport) -> Iterator[tuple[str, AmplifierRecord, Numbers]]:
    """Yield each amplifier with its numbers over the exposures."""
    times_s = {frame.exposure_id: frame.exposure_time_s for frame in report.frames}
    for amplifier in report.amplifiers:
        found: dict[str, list[float]] = {}
        for row in report.measurements:
            if row.amplifier == amplifier.name:
                for name, value in [*row.values.items(), (RATE, _rate(row, times_s.get(row.exposure_id)))]:
                    if value is not None:
                        found.setdefault(name, []).append(value)
        yield f"detector {report.detector}, amplifier {amplifier.name}", amplifier, found


def _rate(row: MeasurementRow, time_s: float | None) -> float | None:
    """Return the light of a row in electrons a second; None where the exposure time is unknown or 0."""
    level = row.values.get("LEVEL", row.values.get("MEAN"))
    return level / time_s if level is not None and time_s else None


def _worst(say: Say, places: Iterable[tuple[str, AmplifierRecord, Numbers]]) -> str:
    said = [found for place in places if (found := say(*place)) is not None]
    if not said:
        return ""
    _, words = max(said, key=lambda one: one[0])
    more = len(said) - 1
    return f"{words}; {more} more amplifier{'s' if more > 1 else ''} like it" if more else words


def _gain(where: str, amplifier: AmplifierRecord, numbers: Numbers) -> tuple[float, str] | None:
    """Compare the gain that the flats' noise fits with the one of the instrument file.

    Where photons make the noise, its variance over the expected one is the gain assumed over the real one.
    """
    ratios, levels = numbers.get("NOISE_RATIO", []), numbers.get("LEVEL", numbers.get("MEAN", []))
    if not ratios or not levels or median(levels) < PHOTON_LIMITED * amplifier.read_noise_e**2:
        return None
    ratio = median(ratios)
    if ratio <= 0 or _spread(ratios) > SHAPES:
        return None
    fits = amplifier.gain_e_per_adu / ratio**2
    off = amplifier.gain_e_per_adu / fits - 1
    if abs(off) <= GAIN_TOLERANCE:
        return None
    return abs(off), (
        f"{where}: the noise of the flats fits a gain of {fits:.3g} electron/ADU, but the instrument file says "
        f"{amplifier.gain_e_per_adu:.3g}, {abs(off):.0%} too {'high' if off > 0 else 'low'}"
    )


def _shape(where: str, _amplifier: AmplifierRecord, numbers: Numbers) -> tuple[float, str] | None:
    """Say where flats are not alike: no gain explains a noise that differs from frame to frame."""
    ratios = numbers.get("NOISE_RATIO", [])
    if len(ratios) < FEWEST or _spread(ratios) <= SHAPES:
        return None
    return _spread(ratios), (
        f"{where}: the light changes its shape over the set: the noise is {min(ratios):.3g} times the expected one in "
        f"the frame most like the flat, {max(ratios):.3g} times in the one least like it"
    )


def _spread(values: list[float]) -> float:
    """Return the range over the median; 0 for a stuck amplifier, which has no noise to tell anything."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle > 0 else 0.0


def _read_noise(where: str, amplifier: AmplifierRecord, numbers: Numbers) -> tuple[float, str] | None:
    """Compare the noise of the frames with the read noise of the instrument file, to either side."""
    ratios = numbers.get("NOISE_RATIO", [])
    if not ratios:
        return None
    noise = median(ratios) * amplifier.read_noise_e
    off = median(ratios) - 1
    if abs(off) <= READ_NOISE_TOLERANCE:
        return None
    return abs(off), (
        f"{where}: the noise is {noise:.3g} electron, {abs(off):.0%} {'above' if off > 0 else 'below'} the "
        f"{amplifier.read_noise_e:.3g} electron of the instrument file"
    )


def _course(where: str, _amplifier: AmplifierRecord, numbers: Numbers) -> tuple[float, str] | None:
    """Say where the light of flats alternates, or goes from one brightness to another."""
    rates = numbers.get(RATE, [])
    if len(rates) < FEWEST or min(rates) <= 0:
        return None
    odd, even = rates[::2], rates[1::2]
    apart = abs(mean(odd) - mean(even))
    if apart > max(3 * max(pstdev(odd), pstdev(even)), ALTERNATES * mean(rates)):
        return apart / mean(rates), (
            f"{where}: the light alternates: {mean(odd):.5g} electron/s in odd exposures, {mean(even):.5g} in even "
            f"ones, {apart / mean(rates):.1%} apart"
        )
    drift = (max(rates) - min(rates)) / median(rates)
    if drift <= DRIFTS:
        return None
    return drift, (
        f"{where}: the light is not steady: from {min(rates):.4g} to {max(rates):.4g} electron/s, "
        f"{rates[0]:.4g} at first and {rates[-1]:.4g} at last"
    )

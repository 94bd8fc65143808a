"""Gain and read noise: what frames show and headers claim beside what the instrument file, or a product, says."""

from statistics import median
from typing import Final

from calibrant.verify.noticing.exceptions import flats_are_alike
from calibrant.verify.noticing.places import LEVEL, NOISE_RATIO, Place, Said
from calibrant.verify.noticing.shapes import shapes_differ

GAIN_TOLERANCE: Final = 0.05
"""Relative; a pair of flats gives a gain to better than that."""
READ_NOISE_TOLERANCE: Final = 0.1
"""Relative. The noise of biases also has what the electronics pick up, which differs from night to night."""
CLAIMED_TOLERANCE: Final = 0.03
"""Relative difference of header and instrument file: more than rounding a number such as 1.97 makes."""
PHOTON_LIMITED: Final = 10.0
"""Level over the variance of the readout from which the noise tells the gain."""


def gain(place: Place) -> Said | None:
    """Compare the gain that the flats' noise fits with the one that is used.

    A gain moves the noise of all flats alike: where more than a quarter of them fit the one that is used, it is not the gain.
    """
    fits = fitting_gain(place)
    known = place.amplifier.gain_e_per_adu
    if fits is None or min(abs(ratio**2 - 1) for ratio in _middle(place)) <= GAIN_TOLERANCE:
        return None
    off = known / fits - 1
    return Said(
        abs(off),
        f"{place.where}: the noise of the flats fits a gain of {fits:.3g} electron/ADU, but {place.told_by} says "
        f"{known:.3g}, {abs(off):.0%} too {'high' if off > 0 else 'low'}",
    )


def fitting_gain(place: Place) -> float | None:
    """Return the gain that the flats' noise fits, electron/ADU; None where it tells none.

    Where photons make the noise, its variance over the expected one is the gain assumed over the real one.
    """
    ratios, levels = place.values(NOISE_RATIO), place.values(LEVEL)
    if not ratios or not levels or median(levels) < PHOTON_LIMITED * place.amplifier.read_noise_e**2:
        return None
    ratio = median(ratios)
    if ratio <= 0 or shapes_differ(place, ratios) or not flats_are_alike(place):
        return None
    return place.amplifier.gain_e_per_adu / ratio**2


def _middle(place: Place) -> list[float]:
    """Return the middle half of the noise ratios."""
    ratios = sorted(place.values(NOISE_RATIO))
    aside = len(ratios) // 4
    return ratios[aside : len(ratios) - aside]


def claimed_gain(place: Place) -> Said | None:
    """Compare the gain that the headers claim with the one that is used."""
    claimed = place.claimed("gain_e_per_adu")
    known = place.amplifier.gain_e_per_adu
    if not claimed or abs(median(claimed) / known - 1) <= CLAIMED_TOLERANCE:
        return None
    fits = fitting_gain(place)
    shown = "" if fits is None else f"; the noise of the flats fits {fits:.3g}"
    return _claimed(place, "a gain", unit="electron/ADU", claimed=median(claimed), known=known, shown=shown)


def claimed_read_noise(place: Place) -> Said | None:
    """Compare the read noise that the headers claim with the one that is used."""
    claimed = place.claimed("read_noise_e")
    known = place.amplifier.read_noise_e
    if not claimed or not known or abs(median(claimed) / known - 1) <= CLAIMED_TOLERANCE:
        return None
    ratios = place.values(NOISE_RATIO)
    shown = f"; the frames show {median(ratios) * known:.3g}" if ratios else ""
    return _claimed(place, "a read noise", unit="electron", claimed=median(claimed), known=known, shown=shown)


def _claimed(place: Place, what: str, *, unit: str, claimed: float, known: float, shown: str) -> Said:
    off = claimed / known - 1
    return Said(
        abs(off),
        f"{place.where}: the header says {what} of {claimed:.3g} {unit}, {abs(off):.0%} "
        f"{'above' if off > 0 else 'below'} the {known:.3g} of {place.told_by}, which is used{shown}",
    )


def read_noise(place: Place) -> Said | None:
    """Compare the noise of the frames with the read noise that is used, to either side."""
    ratios = place.values(NOISE_RATIO)
    if not ratios:
        return None
    known = place.amplifier.read_noise_e
    off = median(ratios) - 1
    if abs(off) <= READ_NOISE_TOLERANCE:
        return None
    return Said(
        abs(off),
        f"{place.where}: the noise is {median(ratios) * known:.3g} electron, {abs(off):.0%} "
        f"{'above' if off > 0 else 'below'} the {known:.3g} electron of {place.told_by}",
    )

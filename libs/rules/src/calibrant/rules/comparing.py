"""Whether a new product is worse than the one in force: number by number, smaller being better. Pure.

Owns the quantities, what counts as worse, and the words. Knows neither products nor where numbers come from.
"""

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Literal, NamedTuple

from pydantic import Field

from calibrant.rules.model import Frozen

Act = Literal["off", "advise", "fall back"]
Numbers = Mapping[tuple[str | None, str], float]
"""Numbers of a detector by amplifier (None: of the detector as a whole) and name."""

WORSE = "worse than the one in force"


class ComparisonRules(Frozen):
    """What counts as worse, and what comes of it.

    Parameters
    ----------
    act : {"off", "advise", "fall back"}
        Not compared; told; or told, and the new product gives way to the one in force.
    relative : mapping of str to float
        By name, how much larger a number may be, as a fraction of the one in force.
    absolute : mapping of str to float
        By name, how much larger a number may be, in its unit.
    share : float
        Part of the amplifiers in which a number must be worse for the detector to be.
    version : str
        Kept with every report.
    """

    act: Act = "advise"
    relative: Mapping[str, float] = Field(default_factory=lambda: {"NOISE_RATIO": 0.1})
    absolute: Mapping[str, float] = Field(
        default_factory=lambda: {"MEAN": 0.5, "BAD_FRACTION": 0.01, "RELATIVE_SCATTER": 0.02}
    )
    share: float = Field(default=0.5, ge=0, lt=1)
    version: str = "comparison-2"


class Worse(NamedTuple):
    """A number that is worse in so many amplifiers, with the place where it is most so."""

    name: str
    places: int
    of: int
    words: str


COMPARED: Mapping[str, tuple[str, ...]] = {
    "bias": ("NOISE_RATIO", "MEAN", "BAD_FRACTION"),
    "dark": ("NOISE_RATIO", "MEAN", "BAD_FRACTION"),
    "flat": ("NOISE_RATIO", "BAD_FRACTION", "RELATIVE_SCATTER"),
}
"""By kind, what is compared: nothing that the number of frames, their dark time or their light would change alone."""


def numbers_of(
    rows: Iterable[tuple[str | None, Mapping[str, float | None]]],
) -> dict[tuple[str | None, str], float]:
    """Give a product's numbers: the median of each over the exposures it was measured with.

    Parameters
    ----------
    rows : iterable of (amplifier, numbers by name)
        One an exposure and amplifier; amplifier None: the detector as a whole.

    Returns
    -------
    dict
        As measured, MEAN without its sign; and where they were not measured ``BAD_FRACTION``, excluded pixels over
        all, and ``RELATIVE_SCATTER``, SCATTER over MEAN.
    """
    found: dict[tuple[str | None, str], list[float]] = {}
    for amplifier, values in rows:
        for name, value in {**_derived(values), **values}.items():
            if value is not None:
                found.setdefault((amplifier, name), []).append(abs(value) if name == "MEAN" else value)
    return {place: median(values) for place, values in found.items()}


def worse_numbers(kind: str, new: Numbers, old: Numbers, rules: ComparisonRules) -> list[Worse]:
    """Return what is worse in a new product than in the one in force, in the order of ``COMPARED``.

    Parameters
    ----------
    kind : str
        Kind of calibration.
    new, old : mapping
        Numbers of the new product and of the one in force; only what both have is compared.
    rules : ComparisonRules
        What counts.
    """
    found = (_worse(name, new, old, rules) for name in COMPARED.get(kind, ()))
    return [one for one in found if one is not None]


def _worse(name: str, new: Numbers, old: Numbers, rules: ComparisonRules) -> Worse | None:
    places = [place for place in new if place[1] == name and place in old]
    over = {place: new[place] - _allowed(name, old[place], rules) for place in places}
    beyond = [place for place in places if over[place] > 0]
    if not beyond or len(beyond) <= rules.share * len(places):
        return None
    worst = max(beyond, key=lambda place: (over[place], place[0] or ""))
    where = f"{worst[0]}, " if worst[0] else ""
    words = (
        f"{name} {new[worst]:.4g} against {old[worst]:.4g} ({where}worse in {len(beyond)} of {len(places)})"
    )
    return Worse(name, len(beyond), len(places), words)


def _allowed(name: str, old: float, rules: ComparisonRules) -> float:
    return old + rules.relative.get(name, 0.0) * abs(old) + rules.absolute.get(name, 0.0)


def _derived(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {"BAD_FRACTION": _bad_fraction(values), "RELATIVE_SCATTER": _relative_scatter(values)}


def _relative_scatter(values: Mapping[str, float | None]) -> float | None:
    scatter, mean = values.get("SCATTER"), values.get("MEAN")
    return None if scatter is None or mean is None or mean <= 0 else scatter / mean


def _bad_fraction(values: Mapping[str, float | None]) -> float | None:
    good, excluded = values.get("N_GOOD"), values.get("N_EXCLUDED")
    if good is None or excluded is None or good + excluded <= 0:
        return None
    return excluded / (good + excluded)

"""Which numbers of a set are drawn, and by place and exposure. Must not know figures or HTML."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from calibrant.rules.verification import ALL_EXPOSURES, TestResult, Verdict, tested_once, tests_for
from calibrant.verify.measuring.units import UNITS
from calibrant.verify.reports import MeasurementReport

Place = tuple[int, str]
"""Detector number and amplifier name."""

ALSO: Final = ("LEVEL", "OVERSCAN_LEVEL_ADU")
"""Drawn where they are measured, beside what the tests ask for."""
NEVER: Final = frozenset(
    {
        "IN_ELECTRONS",
        "PROCESSING_ERRORS",
        "READ_NOISE",
        "NOMINAL_READ_NOISE",
        "NOMINAL_GAIN",
        "DARK_BELOW_ZERO",
        "DARK_REJECTED",
        "DECAY_MISFIT",
    }
)
"""Asked for by tests, but flags, counts or nominal numbers: nothing to look at."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of every amplifier.

    Parameters
    ----------
    name, unit : str
        Which; ``1`` is dimensionless.
    values : mapping
        By place and exposure; what could not be measured is absent.
    """

    name: str
    unit: str
    values: Mapping[Place, Mapping[str, float]]

    @property
    def label(self) -> str:
        """Name and unit."""
        return self.name if self.unit == "1" else f"{self.name} [{self.unit}]"

    @property
    def typical(self) -> dict[Place, float]:
        """Median over the exposures, by place."""
        return {place: median(found.values()) for place, found in self.values.items() if found}

    @property
    def all_values(self) -> list[float]:
        """Every value, in order of place and exposure."""
        return [value for place in sorted(self.values) for value in self.values[place].values()]

    def in_exposure(self, exposure_id: str) -> list[float]:
        """Return the values of one exposure."""
        return [found[exposure_id] for found in self.values.values() if exposure_id in found]


def metrics_of(kind: str, measured: Iterable[MeasurementReport]) -> list[Metric]:
    """Return what is drawn for a kind: the numbers that its tests of amplifiers judge, where there are any.

    Parameters
    ----------
    kind : str
        Kind of calibration.
    measured : iterable of MeasurementReport
        One a detector.
    """
    found: dict[str, dict[Place, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    once = tested_once(kind)
    for report in measured:
        for row in report.measurements:
            if row.amplifier is None or (row.exposure_id == ALL_EXPOSURES) is not once:
                continue
            for name, value in row.values.items():
                if value is not None:
                    found[name][report.detector, row.amplifier][row.exposure_id] = value
    wanted = [
        name for test in tests_for(kind, "amplifier") for name in (*test.required, *(test.optional or {}))
    ]
    names = [name for name in dict.fromkeys((*wanted, *ALSO)) if name in found and _to_be_seen(name)]
    return [Metric(name, UNITS.get(name, "electron"), found[name]) for name in names]


def _to_be_seen(name: str) -> bool:
    """Tell whether there is something to look at: not in flags and nominal numbers, nor in standard errors alone."""
    return name not in NEVER and not name.endswith("_ERROR")


def failing_places(kind: str, results: Iterable[TestResult]) -> Mapping[str, set[Place]]:
    """Return by metric the amplifiers that failed a test which judges it and counts."""
    judged = {one.name: (*one.required, *(one.optional or {})) for one in tests_for(kind, "amplifier")}
    found: dict[str, set[Place]] = defaultdict(set)
    for one in results:
        if one.verdict is not Verdict.FAIL or one.advisory or one.detector is None or one.amplifier is None:
            continue
        for name in judged.get(one.test, ()):
            found[name].add((one.detector, one.amplifier))
    return found

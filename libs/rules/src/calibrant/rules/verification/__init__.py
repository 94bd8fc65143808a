"""The verification tests, one file a kind; adding a test is adding an object to its kind's file.

Every ``TestDefinition`` at the top level of a module in this folder is in the registry.

Measurements by level, in the unit of the verified frame unless said otherwise:

=================== =========== ================================================================================
name                level       meaning
=================== =========== ================================================================================
MEAN                amplifier   mean of the corrected frame
NOISE               amplifier   clipped standard deviation of the corrected frame
CR_NOISE            amplifier   standard deviation, not clipped, without cosmic rays; absent without a search
READ_NOISE          amplifier   read noise that the frame less its calibration must show
NOMINAL_READ_NOISE  amplifier   read noise of the instrument file
OVERSCAN_NOISE      amplifier   standard deviation of the overscan's residual; absent without overscan
PROCESSING_ERRORS   amplifier   number of processing errors; 0 when all went well
SPLIT_MEAN          amplifier   darks, once: mean of the even ones less the odd ones; absent where too few
SPLIT_NOISE         amplifier   darks, once: clipped standard deviation of that difference
SPLIT_EXPECTED      amplifier   darks, once: what SPLIT_NOISE must be
NOISE_RATIO         amplifier   measured over expected noise, the number of combined frames accounted for
ILLUMINATION        amplifier   flats: brightest less faintest of 4 x 4 blocks after division, over the mean
IN_ELECTRONS        amplifier   flats: 1 when the frame is in electrons; absent when it is not
GAIN, PTC_NOISE     amplifier   ptc, gain, once: gain and read noise of the curve; NOMINAL_GAIN is the instrument file's
PTC_NOISE_ERROR     amplifier   ptc, once: standard error of PTC_NOISE; absent where the fit lies on its bound
A00, A00_ERROR      amplifier   ptc, bfk, once: change of a pixel's area by its own charge, and its standard error
TURNOFF             amplifier   ptc, once: highest level on the curve
GAIN_SPREAD         amplifier   gain, once: relative spread of the gains of single pairs; absent with one pair
PAIR_GAIN           amplifier   ptc, once: median of the gains that single pairs give
NOISE_SPREAD        amplifier   ptc, once: relative spread of the overscan's noise over the pairs; absent without overscan
CHI2_RATIO          amplifier   ptc, bfk, linearity, once: chi squared over degrees of freedom; absent where there are none
LEFT_COVARIANCE     amplifier   bfk, once: neighbours' covariances of a corrected pair, over those before; with its _ERROR
CORRECTED_VARIANCE  amplifier   bfk, once: variance of a corrected pair, over that of photons and noise; with its _ERROR
CROSSTALK_LEFT      amplifier   crosstalk, once: other amplifiers that it shows significantly in corrected frames
CROSSTALK_UNKNOWN   amplifier   crosstalk, once: part of the other amplifiers that could not be measured, or not again
CROSSTALK_LARGEST   amplifier   crosstalk, once: its strongest coefficient; CROSSTALK_ERROR the median of their errors
CROSSTALK_BETWEEN   amplifier   crosstalk, once: amplifiers of other detectors that it still shows; absent where none could be measured
SERIAL_CTI          amplifier   cti, once: inefficiency of one transfer; SERIAL_CTI_ERROR its standard error
SERIAL_RESIDUAL     amplifier   cti, once: what the solved transfers leave of it; SERIAL_RESIDUAL_ERROR its standard error
PARALLEL_...        amplifier   cti, once: the same along columns; all are absent without an overscan behind the image
HARD_EDGE           amplifier   cti, once: first serial overscan pixel over the signal; absent where no flat shows it
NONLINEARITY_PERCENT amplifier  linearity, once: largest deviation of signals as they are read [%]
DEVIATION_PERCENT   amplifier   linearity, once: largest residual of a corrected point [%]
RESIDUAL            amplifier   linearity, once: residual correction over the limit of its curve; absent where too few exposures
RESIDUAL_PERCENT    amplifier   linearity, once: what that correction changes at most [%]; absent likewise
LAMP_PERCENT        amplifier   linearity, once: scatter of the exposures that follow the lamp [%]; absent where none do
DARK_CURRENT        amplifier   dark-current, once: with DARK_ERROR, DARK_P95 of its pixels and their DARK_PIXEL_ERROR
DARK_BELOW_ZERO     amplifier   dark-current, once: its distance below zero over its error; 0 above
DARK_REJECTED       amplifier   dark-current, once: part of the frames that the line leaves out
GLOW, GLOW_ERROR    amplifier   dark-current, once: rate at the readout corner less that elsewhere; absent where unknown
TELEGRAPH           amplifier   dark-current, once: part of the pixels that jump; absent where not searched
LEVEL_CHANGE        amplifier   bias-stability, once: scatter of the levels over the noise
NOISE_CHANGE        amplifier   bias-stability, once: scatter of the noise over its median
DRIFT, DRIFT_ERROR  amplifier   bias-stability, once: slope of the levels over time
SHIFTED             amplifier   bias-stability, once: part of the frames with a shift; absent where none was searched
TEARING             amplifier   tearing, once: with TEARING_ERROR; absent without a neighbour
BIAS_CORRELATION    amplifier   correlations, once: with BIAS_CORRELATION_ERROR; FLAT_... of flats; absent without a pair
LATENT              amplifier   persistence, once: what stays over the light, with LATENT_ERROR
DECAY_MISFIT        amplifier   persistence, once: chi squared over degrees of freedom; absent where nothing decays
BAD_FRACTION        detector    fraction of the product's pixels that are BAD
MEAN, SCATTER       detector    mean and standard deviation of the amplifiers' MEANs (``scatter_of``)
MEAN, SCATTER       exposure    mean and standard deviation of the detectors' MEANs (``scatter_of``)
=================== =========== ================================================================================
"""

import difflib
import importlib
import math
import pkgutil
from collections.abc import Iterable
from functools import cache

from calibrant.rules.verification.base import (
    Judgement,
    Measurements,
    TestDefinition,
    TestResult,
    Verdict,
)
from calibrant.rules.verification.limits import DEFAULT_VERSION, LimitRule, Limits
from calibrant.rules.verification.scope import ALL_EXPOSURES, Level, Scope

__all__ = [
    "ALL_EXPOSURES",
    "DEFAULT_VERSION",
    "Judgement",
    "Level",
    "LimitRule",
    "Limits",
    "Measurements",
    "Scope",
    "TestDefinition",
    "TestResult",
    "Verdict",
    "evaluate",
    "limits_of",
    "registry",
    "scatter_of",
    "tested_once",
    "tests_for",
]


@cache
def registry() -> tuple[TestDefinition, ...]:
    """Collect every test of this folder, by file and then in the order written.

    Raises
    ------
    ValueError
        Two tests of one kind and level have the same name.
    """
    modules = (
        importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    )
    tests = [item for module in modules for item in vars(module).values() if isinstance(item, TestDefinition)]
    keys = [test.key for test in tests]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"two verification tests are called {twice[0]}: rename one")
    return tuple(tests)


def tests_for(kind: str, level: Level | None = None) -> tuple[TestDefinition, ...]:  # noqa: PT028 - no test case
    """Give the tests of a kind of calibration, of one level or of all; none for a kind without tests."""
    return tuple(t for t in registry() if t.kind == kind and level in (None, t.level))


tests_for.__test__ = False  # type: ignore[attr-defined]  # not a test case, whatever pytest thinks of the name


def tested_once(kind: str) -> bool:
    """Tell whether a kind is tested with all exposures of a set alone, and in none of them by itself."""
    tests = tests_for(kind)
    return bool(tests) and all(test.once for test in tests)


def evaluate(
    kind: str, measurements: Measurements, limits: Limits, at: Scope, missing: str = ""
) -> tuple[TestResult, ...]:
    """Make every test of a kind at one place.

    Parameters
    ----------
    kind : str
        Kind of calibration that is verified.
    measurements : mapping of str to float or None
        By name, as the table above says.
    limits : Limits
        The limits in force.
    at : Scope
        One amplifier, one detector or one exposure; its level chooses the tests. With `ALL_EXPOSURES` those that
        are made once.
    missing : str
        Why a number could not be had, by whoever measured: what its tests say. Empty: they do not say.

    Returns
    -------
    tuple of TestResult
        One a test, in the registry's order.
    """
    once = at.exposure_id == ALL_EXPOSURES
    return tuple(
        test.evaluate(measurements, limits, at, missing)
        for test in tests_for(kind, at.level)
        if test.once is once
    )


def limits_of(version: str, rules: Iterable[LimitRule]) -> Limits:
    """Make limits of an instrument's own rules.

    Raises
    ------
    ValueError
        A rule names no test (the text names the nearest), or two rules contradict each other.
    """
    mine, keys = tuple(rules), [test.key for test in registry()]
    unknown = sorted({rule.test for rule in mine} - set(keys))
    if unknown:
        near = difflib.get_close_matches(unknown[0], keys, n=1)
        hint = f"do you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(keys))}"
        raise ValueError(f"limit {unknown[0]!r} belongs to no test; {hint}")
    return Limits(version=version, rules=mine) if mine else Limits()


def scatter_of(means: Iterable[float | None]) -> dict[str, float | None]:
    """Summarise the mean levels of several amplifiers or detectors.

    Parameters
    ----------
    means : iterable of float or None
        One MEAN each; None and NaN were not measurable.

    Returns
    -------
    dict
        ``MEAN`` and ``SCATTER`` (population standard deviation), in the unit of the means. NaN when one of
        them was not measurable; SCATTER is None with fewer than two, where it cannot exist.
    """
    values = [math.nan if mean is None else mean for mean in means]
    if not values:
        return {"MEAN": math.nan, "SCATTER": math.nan}
    centre = math.fsum(values) / len(values) if all(map(math.isfinite, values)) else math.nan
    if len(values) == 1:
        return {"MEAN": centre, "SCATTER": None}
    variance = math.fsum((value - centre) ** 2 for value in values) / len(values)
    return {"MEAN": centre, "SCATTER": math.sqrt(variance)}

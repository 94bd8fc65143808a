"""Pairs of flats of equal exposure: found, corrected and measured, for the recipes that are made of them.

Must not know what is made of the measurements, files, messages or tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from calibrant.combine.recipes.base import RecipeInputs, RecipeRefused, roles_of
from calibrant.combine.recipes.correction import (
    bias_and_dark,
    check_level,
    in_adu,
    named,
    raw_frame,
    signature,
)
from calibrant.combine.recipes.photon_transfer.parameters import PairParameters, SpectrumParameters
from calibrant.pixels import Image, Signature, correct_frame
from calibrant.pixels.memory import threads_within
from calibrant.pixels.photon_transfer import (
    FlatExposure,
    PairSettings,
    PairStatistics,
    overscan_noise,
    pair_exposures,
    pair_statistics,
    pooled,
    spectrum_statistics,
)

PIXEL_BYTES: Final = 64
"""A pixel of an amplifier while its covariances are measured."""
NO_TIME: Final = "its header gives no exposure time"
ROLES: Final = roles_of("bias", "dark", "crosstalk", "linearity", "defects", "cti")
"""Calibrations that the flats of pairs take."""


@dataclass(frozen=True, eq=False, slots=True)
class MeasuredPair:
    """A pair of flats as it was measured, or one bin of its levels.

    Parameters
    ----------
    frames : tuple of int
        Numbers of its two frames, from 0.
    exptime_s : float or None
        Exposure time of the first.
    statistics : mapping of str to PairStatistics
        By amplifier.
    noise_adu : mapping of str to float
        Noise of the overscans, by amplifier, without what is the same in both; NaN where there is none.
    """

    frames: tuple[int, int]
    exptime_s: float | None
    statistics: Mapping[str, PairStatistics]
    noise_adu: Mapping[str, float]


@dataclass(frozen=True, eq=False, slots=True)
class MeasuredPairs:
    """What flats gave.

    Parameters
    ----------
    measured : sequence of MeasuredPair
        At least one.
    leftovers : mapping of int to str
        Frames in no pair, by number from 0, and why.
    used : tuple of str
        Roles of the calibrations that went in.
    removed : Signature
        What was removed from every frame.
    settings : PairSettings
        How pairs were measured.
    """

    measured: Sequence[MeasuredPair]
    leftovers: Mapping[int, str]
    used: tuple[str, ...]
    removed: Signature
    settings: PairSettings


def measured_pairs(
    recipe: str,
    inputs: RecipeInputs,
    parameters: PairParameters,
    lags: int | None,
    *,
    join_bins: bool = False,
) -> MeasuredPairs:
    """Pair flats, and measure every pair in ADU: of flats with many levels each bin of these.

    Parameters
    ----------
    recipe : str
        Who asks, for messages.
    inputs : RecipeInputs
        Flat frames, and bias and dark if there are.
    parameters : PairParameters
        How.
    lags : int or None
        Pixels apart at most for which covariances are measured; None: none are.
    join_bins : bool
        Whether the bins of a pair are joined again, each counting with its pixels.

    Raises
    ------
    RecipeRefused
        No two flats are a pair, the pedestal stays in, a dark does not apply, or a frame does not fit the detector.
    """
    subtracted = bias_and_dark(inputs)
    check_level(recipe, inputs, subtracted)
    removed = signature(inputs, bias=subtracted.get("bias"), dark=subtracted.get("dark"))
    pairs, leftovers = _paired(inputs, parameters)
    if not pairs:
        raise RecipeRefused(
            f"{recipe}: no two of the {len(inputs.frames)} flats are of one exposure time and filter; take them in pairs"
        )
    settings = PairSettings(
        lags=lags,
        sigma=parameters.difference_sigma,
        iterations=parameters.difference_rounds,
        least_pixels=parameters.least_pixels,
    )
    if isinstance(parameters, SpectrumParameters) and parameters.level_edges is not None:
        bins = [one for pair in pairs for one in _bins(pair, inputs, removed, settings, parameters)]
        measured = _joined(bins, len(pairs)) if join_bins else bins
    else:
        measured = [measured_pair(pair, inputs, removed, settings) for pair in pairs]
    return MeasuredPairs(
        measured=measured,
        leftovers=leftovers,
        used=tuple(subtracted),
        removed=removed,
        settings=settings,
    )


def _paired(inputs: RecipeInputs, parameters: PairParameters) -> tuple[list[tuple[int, int]], dict[int, str]]:
    """Return numbers of frames that are pairs, and why others are in none."""
    pairs: list[tuple[int, int]] = []
    leftovers: dict[int, str] = {}
    tolerance = parameters.pair_tolerance_s if parameters.pair_by == "time" else None
    for numbers in _alike(inputs):
        told = [n for n in numbers if inputs.frames[n].exptime_s is not None]
        leftovers |= dict.fromkeys(set(numbers) - set(told), NO_TIME)
        exposures = [FlatExposure(str(n), inputs.frames[n].exptime_s or 0.0) for n in told]
        found = pair_exposures(exposures, parameters.pair_by, tolerance)
        pairs += [(int(first), int(second)) for first, second in found.pairs]
        leftovers |= {int(name): str(reason) for name, reason in found.leftovers.items()}
    return pairs, leftovers


def _alike(inputs: RecipeInputs) -> Iterator[Sequence[int]]:
    """Yield the numbers of the frames of each filter."""
    for wanted in dict.fromkeys(frame.filter for frame in inputs.frames):
        yield [n for n, frame in enumerate(inputs.frames) if frame.filter == wanted]


def measured_pair(
    pair: tuple[int, int], inputs: RecipeInputs, removed: Signature, settings: PairSettings
) -> MeasuredPair:
    """Correct both frames of a pair, and measure them in ADU.

    Parameters
    ----------
    pair : tuple of int
        Numbers of the frames.
    inputs : RecipeInputs
        Has them.
    removed : Signature
        What is removed from each.
    settings : PairSettings
        How they are measured.

    Raises
    ------
    RecipeRefused
        A frame does not fit the detector.
    """
    with _of_pair(pair, inputs):
        (first, second), noise_adu = _in_adu(pair, inputs, removed)
        statistics = pair_statistics(first, second, inputs.geometry, settings, threads=_threads(inputs))
    return MeasuredPair(pair, inputs.frames[pair[0]].exptime_s, statistics, noise_adu)


def _bins(
    pair: tuple[int, int],
    inputs: RecipeInputs,
    removed: Signature,
    settings: PairSettings,
    parameters: SpectrumParameters,
) -> list[MeasuredPair]:
    """Correct both frames of a pair, and measure each bin of their levels."""
    edges, lines = parameters.level_edges or (), parameters.equalise_lines
    with _of_pair(pair, inputs):
        (first, second), noise_adu = _in_adu(pair, inputs, removed)
        found = spectrum_statistics(
            first, second, inputs.geometry, edges, lines=lines, settings=settings, threads=_threads(inputs)
        )
    exptime_s = inputs.frames[pair[0]].exptime_s
    return [
        MeasuredPair(pair, exptime_s, {name: bins[number] for name, bins in found.items()}, noise_adu)
        for number in range(len(edges) - 1)
    ]


def _joined(bins: Sequence[MeasuredPair], pairs: int) -> list[MeasuredPair]:
    """Join the bins of each pair again, which lie one after the other."""
    each = len(bins) // pairs
    return [
        replace(
            bins[begin],
            statistics={
                name: pooled([one.statistics[name] for one in bins[begin : begin + each]])
                for name in bins[begin].statistics
            },
        )
        for begin in range(0, len(bins), each)
    ]


@contextmanager
def _of_pair(pair: tuple[int, int], inputs: RecipeInputs) -> Iterator[None]:
    """Name the pair where one of its frames does not fit."""
    try:
        yield
    except ValueError as problem:
        first, second = (inputs.frames[number].name for number in pair)
        raise RecipeRefused(f"pair of {first} and {second}: {named(str(problem), inputs)}") from problem


def _in_adu(
    pair: tuple[int, int], inputs: RecipeInputs, removed: Signature
) -> tuple[tuple[Image, Image], dict[str, float]]:
    """Return both frames corrected, in ADU, and the noise of their overscans."""
    frames = [inputs.frames[number] for number in pair]
    raws = [raw_frame(one) for one in frames]
    first, second = (
        in_adu(correct_frame(raw, inputs.geometry, removed, one.terms()), inputs.geometry)
        for raw, one in zip(raws, frames, strict=True)
    )
    return (first, second), {
        one.name: overscan_noise(raws[0], raws[1], one, removed.overscan, removed.parallel)
        for one in inputs.geometry.amplifiers
    }


def _threads(inputs: RecipeInputs) -> int:
    largest = max(amplifier.placed.area for amplifier in inputs.geometry.amplifiers)
    return threads_within(inputs.memory_bytes, PIXEL_BYTES * largest)

"""The photon transfer recipe: pairs of flats of equal exposure, measured and fitted by amplifier. Knows pixels only."""

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from calibrant.combine.recipes.base import (
    BuiltTables,
    Parameters,
    Recipe,
    RecipeInputs,
    RecipeRefused,
    Role,
)
from calibrant.combine.recipes.correction import corrected_frame, level_removed, named, signature
from calibrant.combine.recipes.transfer_tables import MeasuredPair, tables_of
from calibrant.pixels import Geometry, Image, OverscanLevel, Signature
from calibrant.pixels.memory import threads_within
from calibrant.pixels.photon_transfer import (
    FitSettings,
    FlatExposure,
    Model,
    PairSettings,
    curves,
    fit_curves,
    pair_exposures,
    pair_statistics,
)
from calibrant.rules.classification import ImageType

PIXEL_BYTES = 64
"""A pixel of an amplifier while its covariances are measured."""
NO_TIME = "its header gives no exposure time"


class TransferParameters(Parameters):
    """The parameters of a photon transfer curve."""

    model: Literal["exponential", "full-covariance", "full-covariance-no-b", "polynomial"] = Field(
        default="exponential", description="Model of the curve."
    )
    degree: int = Field(default=2, ge=2, description="Degree of the polynomial; counts for that model only.")
    pair_by: Literal["time", "id"] = Field(
        default="time",
        description="How flats are paired: each with the next one of its exposure time and filter, or one by one in "
        "the order they were taken.",
    )
    pair_tolerance_s: float = Field(
        default=0.005, ge=0, description="How far exposure times of a pair may be apart. Unit: s."
    )
    lags: int = Field(
        default=10, ge=0, description="Pixels apart at most for which covariances are measured. Unit: pixels."
    )
    difference_sigma: float = Field(
        default=5.5,
        ge=2,
        description="Half width of the clip of a pair's difference. Unit: standard deviations.",
    )
    difference_rounds: int = Field(default=3, ge=0, description="Rounds of that clip. 0: nothing is clipped.")
    least_pixels: int = Field(
        default=10_000, ge=2, description="Fewest good pixels of an amplifier. Unit: pixels."
    )
    outlier_sigma: float = Field(
        default=5.0,
        gt=0,
        description="How far off the curve a pair may lie. Unit: standard deviations.",
    )
    most_adu: float | None = Field(
        default=None, gt=0, description="Level above which no pair counts; null: none. Unit: ADU."
    )


def compute(inputs: RecipeInputs, parameters: TransferParameters) -> BuiltTables:
    """Measure the photon transfer curve of every amplifier.

    Parameters
    ----------
    inputs : RecipeInputs
        Flat frames, and bias and dark if there are.
    parameters : TransferParameters
        How.

    Returns
    -------
    BuiltTables
        See `transfer_tables`. What cannot be measured of an amplifier or a pair says why there; the others go on.

    Raises
    ------
    RecipeRefused
        No two flats are a pair, the pedestal stays in, a dark does not apply, or a frame does not fit the detector.
    """
    bias, dark = inputs.calibrations.get("bias"), inputs.calibrations.get("dark")
    if dark is not None and not dark.per_second:
        bias = None  # the unscaled dark holds the bias's structure itself
    if not level_removed(inputs, bias or dark):
        raise RecipeRefused(
            "ptc: the flats keep their pedestal, which would count as light; give a bias, or an overscan method where "
            "the camera has an overscan"
        )
    removed = signature(inputs, bias=bias, dark=dark)
    pairs, leftovers = _paired(inputs, parameters)
    if not pairs:
        raise RecipeRefused(
            f"ptc: no two of the {len(inputs.frames)} flats are of one exposure time and filter; take them in pairs"
        )
    measured = [_measured(pair, inputs, removed, parameters) for pair in pairs]
    found = curves([pair.statistics for pair in measured])
    fits = fit_curves(found, _fit_settings(parameters))
    return BuiltTables(
        tables=tables_of(measured, found, fits, leftovers),
        backend="numpy",
        used=tuple(role for role, one in [("bias", bias), ("dark", dark)] if one is not None),
    )


def _fit_settings(parameters: TransferParameters) -> FitSettings:
    return FitSettings(
        model=Model(parameters.model),
        degree=parameters.degree,
        sigma=parameters.outlier_sigma,
        most_adu=parameters.most_adu,
    )


def _paired(
    inputs: RecipeInputs, parameters: TransferParameters
) -> tuple[list[tuple[int, int]], dict[int, str]]:
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


def _measured(
    pair: tuple[int, int], inputs: RecipeInputs, removed: Signature, parameters: TransferParameters
) -> MeasuredPair:
    """Correct both frames of a pair, and measure them."""
    frames = [inputs.frames[number] for number in pair]
    try:
        first, second = (corrected_frame(frame, inputs.geometry, removed) for frame in frames)
        largest = max(amplifier.placed.area for amplifier in inputs.geometry.amplifiers)
        statistics = pair_statistics(
            _in_adu(first, inputs.geometry),
            _in_adu(second, inputs.geometry),
            inputs.geometry,
            PairSettings(
                lags=parameters.lags,
                sigma=parameters.difference_sigma,
                iterations=parameters.difference_rounds,
                least_pixels=parameters.least_pixels,
            ),
            threads=threads_within(inputs.memory_bytes, PIXEL_BYTES * largest),
        )
    except ValueError as problem:
        raise RecipeRefused(
            f"pair of {frames[0].name} and {frames[1].name}: {named(str(problem), inputs)}"
        ) from problem
    return MeasuredPair(
        frames=pair,
        exptime_s=frames[0].exptime_s,
        filter=frames[0].filter,
        statistics=statistics,
        noise_adu={
            name: _noise_adu(first.overscan.get(name), second.overscan.get(name)) for name in statistics
        },
    )


def _in_adu(image: Image, geometry: Geometry) -> Image:
    """Take the nominal gains out again, in place: what is measured here is the gain."""
    if image.unit == "adu":
        return image
    for amplifier in geometry.amplifiers:
        image.data[amplifier.placed.slices] /= amplifier.gain_e_per_adu
        image.variance[amplifier.placed.slices] /= amplifier.gain_e_per_adu**2
    return Image(image.data, image.variance, image.mask, image.overscan, "adu")


def _noise_adu(first: OverscanLevel | None, second: OverscanLevel | None) -> float:
    """Return the noise of a pair's overscans; NaN where there is none."""
    if first is None or second is None:
        return float("nan")
    return float(((first.residual_std_adu**2 + second.residual_std_adu**2) / 2) ** 0.5)


PTC = Recipe(
    name="ptc",
    version="1",
    summary="Pairs of flats measured, and the photon transfer curve of every amplifier fitted.",
    image_type=ImageType.FLAT,
    roles=(Role("bias", "bias"), Role("dark", "dark"), Role("defects", "defects")),
    parameters=TransferParameters,
    compute=compute,
)

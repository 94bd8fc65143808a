"""The defects recipe: hot pixels of darks and odd ones of flats and biases, as one mask and a table of regions. Knows pixels only.

Frames are searched one by one, and those of a type vote; or they are combined as the recipes of their types do, and the results
are searched, which sees fainter defects. What all types and the instrument file say is joined.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.combine.recipes.base import (
    Built,
    Calibration,
    FrameInput,
    Recipe,
    RecipeInputs,
    RecipeRefused,
    roles_of,
)
from calibrant.combine.recipes.bias import BIAS
from calibrant.combine.recipes.correction import check_dark, combined, signature
from calibrant.combine.recipes.dark import DARK
from calibrant.combine.recipes.defects.parameters import DefectsParameters
from calibrant.combine.recipes.defects.tables import (
    SearchedImage,
    counts_table,
    regions_table,
    searches_table,
)
from calibrant.combine.recipes.flat import FLAT
from calibrant.combine.recipes.parameters import Combination
from calibrant.pixels import Combined, Reference
from calibrant.pixels.defects import (
    Filling,
    ImageKind,
    Searched,
    Votes,
    any_of,
    beside_saturated,
    edges,
    fill_columns,
    find_defects,
    find_vampires,
)
from calibrant.rules.classification import ImageType

_KINDS: Final[dict[ImageType, ImageKind]] = {
    ImageType.DARK: "dark",
    ImageType.FLAT: "flat",
    ImageType.BIAS: "bias",
}
_RECIPES: Final[dict[ImageType, Recipe]] = {ImageType.DARK: DARK, ImageType.FLAT: FLAT, ImageType.BIAS: BIAS}


@dataclass(frozen=True, eq=False, slots=True)
class _Part:
    """What the frames of one type show."""

    mask: NDArray[np.uint32]
    searches: Sequence[SearchedImage]
    scales: Sequence[float]
    count: NDArray[np.uint32]
    used: tuple[str, ...]
    backend: str = ""
    dark: Calibration | None = None


def compute(inputs: RecipeInputs, parameters: DefectsParameters) -> Built:
    """Find the defects of a detector.

    Parameters
    ----------
    inputs : RecipeInputs
        Dark, flat and bias frames, whichever there are, and a bias if there is one.
    parameters : DefectsParameters
        How.

    Returns
    -------
    Built
        Data are 1 where a pixel is a defect, else 0; the mask says which; tables of regions, of amplifiers and of what
        was searched.

    Raises
    ------
    RecipeRefused
        There are too few frames of a type, a dark has no dark time, or frames of a type cannot be combined.
    """
    parts = _parts(inputs, parameters)
    geometry = inputs.geometry
    lists = [edges(geometry.shape, parameters.edge)]
    lists += [] if inputs.corrected.defects is None else [inputs.corrected.defects]
    found = any_of([*lists, *(part.mask for part in parts.values())], geometry.shape)
    mask = fill_columns(found, geometry, Filling(parameters.blinking, parameters.gap, parameters.whole))
    scales = {of: iter(part.scales) for of, part in parts.items()}
    searches = [one for part in parts.values() for one in part.searches]
    return Built(
        _as_image(mask, list(parts.values())),
        "",
        scales=tuple(next(scales[frame.image_type]) for frame in inputs.frames),
        used=tuple(dict.fromkeys(role for part in parts.values() for role in part.used)),
        tables=(regions_table(mask), counts_table(mask, geometry), searches_table(searches)),
    )


def _parts(inputs: RecipeInputs, parameters: DefectsParameters) -> dict[ImageType, _Part]:
    """Search the frames of each type, darks first: what they show is no fault of a flat."""
    find = _of_combined if parameters.search == "combined" else _of_frames
    parts: dict[ImageType, _Part] = {}
    for of, frames in _by_type(inputs, parameters).items():
        parts[of] = part = find(of, frames, inputs, parameters)
        if part.dark is not None:
            inputs = replace(inputs, calibrations={**inputs.calibrations, "dark": part.dark})
    return parts


def _by_type(inputs: RecipeInputs, parameters: DefectsParameters) -> dict[ImageType, list[FrameInput]]:
    """Return the frames of each type that there are, and make sure that they are enough."""
    found = {of: [one for one in inputs.frames if one.image_type is of] for of in _KINDS}
    there = {of: frames for of, frames in found.items() if frames}
    for of, frames in there.items():
        if len(frames) < parameters.min_inputs:
            raise RecipeRefused(
                f"{len(frames)} {of} frames, {parameters.min_inputs} are needed of a type for a mask of defects; take "
                "more or none, or lower defects.min_inputs"
            )
    return there


def _of_combined(
    of: ImageType, frames: list[FrameInput], inputs: RecipeInputs, parameters: DefectsParameters
) -> _Part:
    """Search what the recipe of a type makes of its frames; flats without what the darks beside them show."""
    own = _RECIPES[of]
    shared = {name: getattr(parameters, name) for name in Combination.model_fields}
    chosen = replace(inputs, frames=frames, calibrations=_applying(inputs.calibrations, frames))
    built = own.compute(chosen, own.parameters.model_validate(shared))
    assert isinstance(built, Built)
    planes = built.combined
    image = Searched(_KINDS[of], planes.data, planes.mask, parameters.unit, built.dark_time_s)
    if built.per_second:
        image = (
            _as_exposure(image) if parameters.thresholds == "cosmetic" else replace(image, dark_time_s=None)
        )
    mask, search = _searched(image, "combined", inputs, parameters)
    return _Part(
        mask,
        [search],
        built.scales,
        planes.count,
        used=tuple(role for role in built.used if role == "bias"),  # the dark is of frames of the set
        backend=planes.backend,
        dark=_as_calibration(built) if of is ImageType.DARK else None,
    )


def _as_calibration(built: Built) -> Calibration:
    planes = built.combined
    return Calibration(
        product_id="the dark of the darks beside it",
        reference=Reference(planes.data, planes.variance, planes.mask),
        per_second=built.per_second,
        dark_time_s=built.dark_time_s,
    )


def _applying(
    calibrations: Mapping[str, Calibration], frames: Sequence[FrameInput]
) -> Mapping[str, Calibration]:
    """Leave out a dark that does not apply to all frames."""
    dark = calibrations.get("dark")
    if dark is None:
        return calibrations
    try:
        for frame in frames:
            check_dark(frame.name, frame.dark_time_s, dark)
    except RecipeRefused:
        return {role: one for role, one in calibrations.items() if role != "dark"}
    return calibrations


def _as_exposure(image: Searched) -> Searched:
    """Return a dark per second as one of its exposures, which cosmetic limits are of; as it is where their times differ."""
    if image.dark_time_s is None:
        return image
    return replace(image, data=image.data * np.float32(image.dark_time_s))


def _of_frames(
    of: ImageType, frames: list[FrameInput], inputs: RecipeInputs, parameters: DefectsParameters
) -> _Part:
    """Search each frame, and let them vote."""
    bias = None if of is ImageType.BIAS else inputs.calibrations.get("bias")
    removed = signature(inputs, bias=bias, photon_noise=of is not ImageType.BIAS)
    votes, searches = Votes(inputs.geometry.shape), []
    for frame in frames:
        if of is ImageType.DARK and frame.dark_time_s is None:
            raise RecipeRefused(f"{frame.name}: its header gives no dark time; a dark needs one")
        planes = combined(replace(inputs, frames=[frame]), parameters, removed, (1.0,))
        image = Searched(_KINDS[of], planes.data, planes.mask, parameters.unit, frame.dark_time_s)
        mask, search = _searched(image, frame.name, inputs, parameters)
        votes.add(mask)
        searches.append(search)
    count = np.full(inputs.geometry.shape, len(frames), np.uint32)
    used = () if bias is None else ("bias",)
    return _Part(votes.merged(parameters.fraction), searches, (1.0,) * len(frames), count, used)


def _searched(
    image: Searched, name: str, inputs: RecipeInputs, parameters: DefectsParameters
) -> tuple[NDArray[np.uint32], SearchedImage]:
    """Search an image, a flat for vampires too."""
    found = find_defects(image, inputs.geometry, parameters.how_of(image.kind))
    mask = found.mask
    if image.mask is not None:
        mask = mask | beside_saturated(image.mask, parameters.saturated_columns)
    if image.kind == "flat" and parameters.vampires:
        mask = mask | find_vampires(image.data, image.mask, inputs.geometry)
    return mask, SearchedImage(image, name, found)


def _as_image(mask: NDArray[np.uint32], parts: Sequence[_Part]) -> Combined:
    """Return a mask as the planes that every image of a product has."""
    return Combined(
        data=(mask != 0).astype(np.float32),
        variance=np.full(mask.shape, np.nan, np.float32),
        count=np.sum([part.count for part in parts], axis=0, dtype=np.uint32),
        mask=mask,
        backend=parts[0].backend,
    )


DEFECTS = Recipe(
    name="defects",
    version="1",
    summary="Hot pixels of darks, odd pixels of flats and biases, bad columns: a mask and its regions.",
    image_type=ImageType.DARK,
    roles=roles_of("bias", "crosstalk", "linearity"),
    parameters=DefectsParameters,
    compute=compute,
    beside=(ImageType.FLAT, ImageType.BIAS),
)

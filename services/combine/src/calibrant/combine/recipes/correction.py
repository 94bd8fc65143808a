"""The steps that recipes share: correcting a frame, combining images. Owns how a dark may be applied.

Must not know files, messages or tables.
"""

from collections.abc import Sequence

from calibrant.combine.recipes.base import Calibration, FrameInput, Parameters, RecipeInputs, RecipeRefused
from calibrant.pixels import Combined, Image, combine, remove_signature
from calibrant.rules.association import TIME_TOLERANCE_S


def correct(
    frame: FrameInput,
    inputs: RecipeInputs,
    parameters: Parameters,
    *,
    bias: Calibration | None = None,
    dark: Calibration | None = None,
    photon_noise: bool = True,
) -> Image:
    """Remove the signature of one frame up to the dark.

    A dark that is not per second was made without a bias and holds the bias's structure itself: it is subtracted
    as it is, in place of the bias.

    Parameters
    ----------
    frame : FrameInput
        The frame.
    inputs : RecipeInputs
        Geometry and overscan method.
    parameters : Parameters
        Unit of the result.
    bias, dark : Calibration or None
        What to subtract.
    photon_noise : bool
        Whether the signal's photon noise counts; it does only once the pedestal is gone.

    Returns
    -------
    Image
        In the unit of the parameters.

    Raises
    ------
    RecipeRefused
        The dark does not apply to the frame, or the frame does not fit the detector.
    """
    scaled = dark is not None and dark.per_second
    if dark is not None:
        check_dark(frame.name, frame.dark_time_s, dark)
    if dark is not None and not scaled:
        bias = dark
    try:
        return remove_signature(
            frame.raw,
            inputs.geometry,
            overscan=inputs.overscan,
            unit=parameters.unit,
            bias=None if bias is None else bias.reference,
            dark=dark.reference if dark is not None and scaled else None,
            dark_scale=frame.dark_time_s if scaled else None,
            photon_noise=photon_noise and (bias is not None or _overscan_removes_level(inputs)),
        )
    except ValueError as problem:
        raise RecipeRefused(f"{frame.name}: {problem}") from problem


def check_dark(name: str, dark_time_s: float | None, dark: Calibration) -> None:
    """Check that a dark applies to a frame.

    Raises
    ------
    RecipeRefused
        The frame's dark time is not known, or the dark is unscaled and of another dark time.
    """
    if dark_time_s is None:
        raise RecipeRefused(f"{name}: its header gives no dark time, so {dark.product_id} cannot be applied")
    if dark.per_second:
        return
    if dark.dark_time_s is None or abs(dark.dark_time_s - dark_time_s) > TIME_TOLERANCE_S:
        stored = "an unknown dark time" if dark.dark_time_s is None else f"{dark.dark_time_s:g} s"
        raise RecipeRefused(
            f"{name}: its dark time is {dark_time_s:g} s, but {dark.product_id} is stored unscaled for {stored} and "
            "applies only to frames of the same dark time; take darks of that time, or a bias so that darks can "
            "be scaled"
        )


def combined(images: Sequence[Image], parameters: Parameters) -> Combined:
    """Combine corrected images by the parameters' statistic.

    Raises
    ------
    RecipeRefused
        No pixel has a good sample.
    """
    try:
        return combine(
            [image.data for image in images],
            statistic=parameters.statistic,
            center=parameters.center,
            spread=parameters.spread,
            sigma=parameters.sigma,
            iterations=parameters.iterations,
            variances=[image.variance for image in images],
            masks=[image.mask for image in images],
        )
    except ValueError as problem:
        raise RecipeRefused(f"the {len(images)} frames cannot be combined: {problem}") from problem


def _overscan_removes_level(inputs: RecipeInputs) -> bool:
    amplifiers = inputs.geometry.amplifiers
    with_overscan = all(a.serial_overscan or a.parallel_overscan for a in amplifiers)
    return inputs.overscan != "none" and with_overscan

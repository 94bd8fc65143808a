"""The bias recipe: frames without light and exposure time, overscan removed, combined. Knows arrays only."""

from calibrant.combine.recipes.base import Built, Parameters, Recipe, RecipeInputs
from calibrant.combine.recipes.correction import combined, correct
from calibrant.rules.classification import ImageType


def compute(inputs: RecipeInputs, parameters: Parameters) -> Built:
    """Build a bias.

    Parameters
    ----------
    inputs : RecipeInputs
        Bias frames.
    parameters : Parameters
        How.

    Returns
    -------
    Built
        In electron or ADU; where the overscan is not removed, with the pedestal.
    """
    images = [correct(frame, inputs, parameters, photon_noise=False) for frame in inputs.frames]
    return Built(combined(images, parameters), parameters.unit, scales=(1.0,) * len(images))


BIAS = Recipe(
    name="bias",
    version="1",
    summary="Overscan removed, combined.",
    image_type=ImageType.BIAS,
    roles=(),
    parameters=Parameters,
    compute=compute,
)

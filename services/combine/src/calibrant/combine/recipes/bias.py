"""The bias recipe: frames without light and exposure time, overscan removed, combined. Knows pixels only."""

from calibrant.combine.recipes.base import Built, Recipe, RecipeInputs
from calibrant.combine.recipes.correction import combined, signature
from calibrant.combine.recipes.parameters import Combination
from calibrant.rules.classification import ImageType


def compute(inputs: RecipeInputs, parameters: Combination) -> Built:
    """Build a bias.

    Parameters
    ----------
    inputs : RecipeInputs
        Bias frames.
    parameters : Combination
        How.

    Returns
    -------
    Built
        In electron or ADU; where the overscan is not removed, with the pedestal.
    """
    scales = (1.0,) * len(inputs.frames)
    removed = signature(inputs, photon_noise=False)
    return Built(combined(inputs, parameters, removed, scales), parameters.unit, scales)


BIAS = Recipe(
    name="bias",
    version="1",
    summary="Overscan removed, combined.",
    image_type=ImageType.BIAS,
    roles=(),
    parameters=Combination,
    compute=compute,
)

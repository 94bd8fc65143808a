"""The recipes, a file or a package each: add one, and its recipe to ``RECIPES``.

Owns the registry and the reading of parameters. Must not know files, messages beyond plain text, or tables.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from calibrant.combine.recipes.analyses.bias_stability import BIAS_STABILITY
from calibrant.combine.recipes.analyses.correlations import CORRELATIONS
from calibrant.combine.recipes.analyses.dark_current import DARK_CURRENT
from calibrant.combine.recipes.analyses.persistence import PERSISTENCE
from calibrant.combine.recipes.analyses.tearing import TEARING
from calibrant.combine.recipes.base import Recipe, RecipeRefused
from calibrant.combine.recipes.bias import BIAS
from calibrant.combine.recipes.brighter_fatter.recipe import BFK
from calibrant.combine.recipes.charge_transfer.recipe import CTI
from calibrant.combine.recipes.crosstalk.recipe import CROSSTALK
from calibrant.combine.recipes.dark import DARK
from calibrant.combine.recipes.defects.recipe import DEFECTS
from calibrant.combine.recipes.flat import FLAT
from calibrant.combine.recipes.linearity.recipe import LINEARITY
from calibrant.combine.recipes.parameters import Parameters
from calibrant.combine.recipes.photon_transfer.gain import GAIN
from calibrant.combine.recipes.photon_transfer.ptc import PTC

__all__ = ["RECIPES", "find_recipe", "parse_parameters"]

_ANALYSES: Final = (DARK_CURRENT, BIAS_STABILITY, TEARING, CORRELATIONS, PERSISTENCE)

RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {r.name: r for r in (BIAS, CROSSTALK, LINEARITY, DEFECTS, DARK, CTI, GAIN, PTC, BFK, FLAT, *_ANALYSES)}
)


def find_recipe(name: str) -> Recipe:
    """Return a recipe by its name.

    Raises
    ------
    RecipeRefused
        There is none; the text names the nearest.
    """
    if name not in RECIPES:
        raise RecipeRefused(f"no recipe {name!r}; {_nearest(name, RECIPES)}")
    return RECIPES[name]


def parse_parameters(recipe: Recipe, texts: Mapping[str, str]) -> Parameters:
    """Return the parameters of a job, defaults filled in.

    Parameters
    ----------
    recipe : Recipe
        Whose parameters they are.
    texts : mapping of str to str
        Values as JSON text, by name.

    Raises
    ------
    RecipeRefused
        A parameter is unknown (the text names the nearest), no JSON, or of a wrong type or range.
    """
    values = {}
    for name, text in texts.items():
        if name not in recipe.parameters.model_fields:
            nearest = _nearest(name, recipe.parameters.model_fields)
            raise RecipeRefused(f"recipe {recipe.name} has no parameter {name!r}; {nearest}")
        try:
            values[name] = json.loads(text)
        except json.JSONDecodeError as problem:
            raise RecipeRefused(
                f'parameter {recipe.name}.{name}: {text!r} is not JSON; write 3, null or "median"'
            ) from problem
    try:
        return recipe.parameters.model_validate(values, strict=True)
    except ValidationError as problem:
        raise RecipeRefused(_refusal(recipe, problem.errors()[0])) from problem


def _refusal(recipe: Recipe, first: Any) -> str:
    if not first["loc"]:  # of several parameters together, which the text names
        return f"parameter {recipe.name}.{first['ctx']['error']}"
    return f"parameter {recipe.name}.{first['loc'][0]}: {first['input']!r}: {first['msg']}"


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"do you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"

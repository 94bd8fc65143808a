"""Which exposures of a set are kept out of its product, to verify it; must not know frames or plans."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

HOLD_OUT: Final = "hold_out"
"""Name of the option, in a rule and, after the kind, in a run's parameters."""

HoldOut = (
    Annotated[int, Field(ge=0)]
    | Annotated[
        tuple[str, ...], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
    ]
)
"""How many exposures, or which."""

_FORM: Final[TypeAdapter[int | tuple[str, ...]]] = TypeAdapter(HoldOut)


def parsed(value: Any) -> HoldOut:
    """Check what was asked for.

    Raises
    ------
    ValueError
        It is neither a number, from 0, nor a list of exposures.
    """
    try:
        return _FORM.validate_python(value, strict=True)
    except ValidationError:
        raise ValueError(
            f"{HOLD_OUT}: {value!r}: give how many exposures are kept out, such as 5, or a list of their names"
        ) from None


def held_out(exposures: Sequence[str], wanted: HoldOut) -> frozenset[str]:
    """Choose the exposures that are kept out.

    Parameters
    ----------
    exposures : sequence of str
        Of the set, the earliest first.
    wanted : int or tuple of str
        How many, which are spread evenly over the set, neither its first nor its last where that can be; or which.

    Returns
    -------
    frozenset of str
        As many as there are at most.

    Examples
    --------
    >>> sorted(held_out(["a", "b", "c", "d", "e", "f"], 2))
    ['b', 'e']
    """
    if not isinstance(wanted, int):
        return frozenset(wanted) & frozenset(exposures)
    count = min(wanted, len(exposures))
    return frozenset(exposures[(2 * i + 1) * len(exposures) // (2 * count)] for i in range(count))

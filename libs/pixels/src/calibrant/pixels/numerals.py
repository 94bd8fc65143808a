"""Numbers that a caller gives, checked: whole ones within limits. It must not know what they are for."""

import operator
from typing import Any


def whole_number(name: str, number: Any, *, least: int, most: int | None = None) -> int:
    """Give a whole number, once it is one and within the limits.

    Parameters
    ----------
    name
        What the number is called in messages.
    number
        The number: an integer of Python or NumPy.
    least, most
        Limits; `most` None: none.

    Raises
    ------
    ValueError
        When it is another thing, or outside.
    """
    limits = f"must be a whole number, at least {least}" + ("" if most is None else f" and at most {most}")
    try:
        whole = operator.index(number)
    except TypeError:
        raise ValueError(f"{name}: {number!r}, {limits}") from None
    if whole < least or (most is not None and whole > most):
        raise ValueError(f"{name}: {whole}, {limits}")
    return whole

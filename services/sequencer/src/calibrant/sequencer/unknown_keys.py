"""Keys of an order that no message has: in an order they are mistakes, while between services they are passed over.

Owns how they are named. Must not know what is ordered.
"""

import difflib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel


def check_keys(value: Any, model: type[BaseModel]) -> None:
    """Make sure that what is given has no key that a message, or one within it, does not have.

    Parameters
    ----------
    value : object
        As it was given: a mapping, a list of such, or what is none and is judged elsewhere.
    model : type of BaseModel
        The message that it is to be.

    Raises
    ------
    ValueError
        It has; each such key is named, with the nearest one that there is.
    """
    unknown = list(_unknown(value, model))
    if unknown:
        raise ValueError("; ".join(unknown))


def _unknown(value: Any, model: type[BaseModel]) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _unknown(item, model)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        field = model.model_fields.get(key)
        if field is None:
            near = difflib.get_close_matches(str(key), model.model_fields, n=1)
            yield f"unknown field {key!a}" + (f"; did you mean {near[0]!r}?" if near else "")
            continue
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from _unknown(item, inner)

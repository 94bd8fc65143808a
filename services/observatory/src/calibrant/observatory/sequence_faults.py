"""How faults of a sequence file are told: key by key, in words of who wrote it. Must not know how keys go together."""

from __future__ import annotations

import difflib
import reprlib
from typing import TYPE_CHECKING, Any, Final

from calibrant.observatory.sequence_keys import SequenceKeys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError

_WANTED: Final = {
    "detectors": "a list of numbers, such as [0, 1]",
    "filter": "a name, or a list of names, such as [r, g]",
    "ignore": "a list of names, such as [component]",
    "make": "a list of kinds, such as [bias, dark]",
    "min_frames": "a number of 1 to 10000, or numbers by kind, such as {bias: 5}",
    "program": "BLOCK- and a number, such as BLOCK-123",
    "test_case": "a name, or names and values, such as {name: BLOCK-T1}",
}
"""What the keys want whose faults the parser cannot tell in plain words."""


class NotTogether(ValueError):
    """Keys do not go together.

    Parameters
    ----------
    faults : iterable of str
        How; each one names the keys.
    """

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = list(dict.fromkeys(faults))
        super().__init__("; ".join(self.faults))


def faults_told(error: ValidationError) -> list[str]:
    """Return what is wrong with a sequence, key by key; of an unknown key the nearest one is named."""
    return list(dict.fromkeys(told for problem in error.errors() for told in _say(problem)))


def keys_at_fault(error: ValidationError) -> set[str]:
    """Return the keys that are wrong by themselves."""
    return {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}


def _say(problem: Any) -> list[str]:
    cause = problem.get("ctx", {}).get("error")
    return cause.faults if isinstance(cause, NotTogether) else [_said(problem)]


def _said(problem: Any) -> str:
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, SequenceKeys.model_fields, n=1)
        return f"unknown field {field!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    key = field.partition(".")[0]
    if key in _WANTED:
        return f"{key}: {reprlib.repr(problem['input'])} does not fit; give {_WANTED[key]}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if field else message

"""From samples of SAL's commands to our own, by their names.

Pure: owns what the fields are called on either side. Must not know Kafka, nor what a command does. A command that is
added to the contract is known here at once; only a field that has another name in SAL takes a line in ``FIELDS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from calibrant.camera.wire.names import sal_name
from calibrant.contracts.camera.v1 import CommandHeader
from calibrant.sal import COMMANDS, Command

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "exposure_time_s": "expTime",
        "observation_note": "obsNote",
        "sensors": "sensors",
        "num_clears": "nClears",
        "num_rows": "nRows",
        "end_within_s": "timeout",
    }
)
"""By field of ours, the field of SAL's where its name does not follow from ours."""


class Untranslatable(Exception):
    """A sample is no command of ours; the text says why, for whoever sent it."""


def command_of(name: str, sample: Mapping[str, Any], header: CommandHeader) -> Command:
    """Make our command of a sample.

    Parameters
    ----------
    name
        SAL name of the command, such as "takeImages".
    sample
        Its fields.
    header
        Who commands, and until when.

    Raises
    ------
    Untranslatable
        There is no such command here, or a field's value is none of its kind.
    """
    kind = COMMANDS.get(name)
    if kind is None:
        raise Untranslatable(f"{name}: this camera knows no such command; it knows {', '.join(COMMANDS)}")
    for field, value in sample.items():
        if isinstance(value, str) and "\0" in value:
            raise Untranslatable(f"{name}: {field} holds U+0000, which no text may")
    fields = {
        ours: _value(theirs, sample[theirs], field.annotation)
        for ours, field in kind.model_fields.items()
        if ours != "header" and (theirs := FIELDS.get(ours, sal_name(ours))) in sample
    }
    empty = {
        ours: _empty(field.annotation) for ours, field in kind.model_fields.items() if field.is_required()
    }
    try:
        return kind(**(empty | fields | {"header": header}))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Untranslatable(f"{name}: {place}: {first['msg']}") from None


def _value(name: str, value: Any, kind: Any) -> Any:
    """Return a value as our field takes it: SAL has lists as texts with colons between."""
    if get_origin(kind) is not tuple or not isinstance(value, str):
        return value
    words = [word.strip() for word in value.split(":") if word.strip()]
    if get_args(kind)[0] is str:
        return tuple(words)
    strange = [word for word in words if not word.isdecimal()]
    if strange:
        raise Untranslatable(f"{name}: {strange[0]!r} is no number of a detector")
    return tuple(int(word) for word in words)


def _empty(kind: Any) -> Any:
    """Return what a required field has that SAL does not tell."""
    return {str: "", bool: False}.get(kind, () if get_origin(kind) is tuple else 0)

"""The fields of a command beside its header: their names, and what they are when they are not given.

Pure. Must not know what a component takes them for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic.fields import FieldInfo

from calibrant.contracts.base import Message
from calibrant.sal.commands import command_name

HEADER = "header"
_ZEROS: Mapping[Any, Any] = {bool: False, int: 0, float: 0.0, str: ""}


def own_fields(kind: type[Message]) -> dict[str, FieldInfo]:
    """Return the fields of a command that are not its header, in order."""
    return {name: field for name, field in kind.model_fields.items() if name != HEADER}


def asked(command: Message) -> str:
    """Return a digest of what a command asks for: its name and its own fields, whoever sends it, until when."""
    fields = command.model_dump(mode="json", exclude={HEADER})
    text = json.dumps([command_name(command), fields], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def filled(kind: type[Message], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return all fields of a command: those that are not given are 0, false or empty, as in the contract.

    Raises
    ------
    TypeError
        The command has no field of a name; the nearest is named.
    """
    known = own_fields(kind)
    for name in fields:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(known) or 'none'}"
            raise TypeError(f"{command_name(kind)} has no field {name!r}{hint}")
    zeros = {
        name: _ZEROS[field.annotation]
        for name, field in known.items()
        if field.is_required() and field.annotation in _ZEROS
    }
    return {**zeros, **fields}

"""Commands that name another one: which that is, and with which fields. Pure.

Owns how arguments are written. Must not know what becomes of a command.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, get_origin

from pydantic import ValidationError
from pydantic_core import from_json

from calibrant.camera.orders import LONGEST_ARGUMENTS, order_of
from calibrant.camera.saying import NotUnderstood
from calibrant.camera.wire.commands import FIELDS
from calibrant.camera.wire.names import sal_name
from calibrant.contracts.camera.v1 import Generic
from calibrant.sal import COMMANDS, STATE_COMMANDS, Command, command_name, own_fields

_order = cache(order_of)


def asked_for(command: Generic) -> Command:
    """Return the command that another one names, under the same header.

    Raises
    ------
    NotUnderstood
        There is no such command, it changes the summary state, or the arguments are not its fields.
    """
    if len(command.arguments) > LONGEST_ARGUMENTS:
        raise NotUnderstood(
            f"arguments have {len(command.arguments)} characters; give {LONGEST_ARGUMENTS} at most"
        )
    return inner(command)


def inner(command: Generic) -> Command:
    """Return the same for a command that was taken in; see `asked_for`."""
    kind = _kind(command.command)
    fields = {_field(kind, name): value for name, value in _arguments(kind, command.arguments).items()}
    try:
        order = _order(kind)(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join((command.command, *map(str, first["loc"])))
        raise NotUnderstood(f"{place}: {first['msg']}") from None
    made: Command = kind(header=command.header, **order.own())
    return made


def naming(command: Command) -> Generic:
    """Return a command that names another one, with all of its fields."""
    fields = command.model_dump(mode="json", exclude={"header"}, exclude_none=True)
    return Generic(header=command.header, command=command_name(command), arguments=json.dumps(fields))


def _kind(name: str) -> type[Command]:
    own = {command_name(kind) for kind in (*STATE_COMMANDS, Generic)}
    if name in own:
        raise NotUnderstood(f"{name} is not carried out by generic: send it as a command of its own")
    known = [one for one in COMMANDS if one not in own]
    if name not in known:
        raise NotUnderstood(f"no command {name!r}; {_near(name, known)}")
    return COMMANDS[name]


def _field(kind: type[Command], name: str) -> str:
    """Return the field of ours that is meant."""
    known = own_fields(kind)
    theirs = {FIELDS.get(ours, sal_name(ours)): ours for ours in known}
    if name not in known and name not in theirs:
        raise NotUnderstood(f"{command_name(kind)} has no field {name!r}; {_near(name, known)}")
    return theirs.get(name, name)


def _arguments(kind: type[Command], text: str) -> Mapping[str, Any]:
    """Return the arguments by the names that they are given."""
    if text.lstrip().startswith("{"):
        try:
            found: dict[str, Any] = from_json(text)
        except ValueError as error:
            raise NotUnderstood(f"arguments are no JSON: {error}") from None
        return found
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError as error:
        raise NotUnderstood(f"arguments: {error}") from None
    for name, equals, _ in pairs:
        if not equals:
            raise NotUnderstood(f"arguments: {name!r} is no NAME=VALUE; give words of that form, or JSON")
    return {name: _worded(kind, name, value) for name, _, value in pairs}


def _worded(kind: type[Command], name: str, value: str) -> Any:
    """Return a value that was given as a word; a list has colons between."""
    listed = get_origin(own_fields(kind)[_field(kind, name)].annotation) is tuple
    return [one for one in value.split(":") if one] if listed else value


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = get_close_matches(name, names, 1)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(names) or 'none'}"

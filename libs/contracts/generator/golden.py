"""Golden bytes: one example of every message, written once and never changed.

Owns the examples. A released message must be read from its golden bytes for ever.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from calibrant.contracts.base import Message
from calibrant.contracts.generated.registry import MESSAGES


def write_missing(folder: Path) -> list[Path]:
    """Write the golden bytes of messages that have none yet; return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, message in MESSAGES.items():
        path = folder / f"{name}.json"
        if not path.exists():
            path.write_bytes(example(message).to_json())
            written.append(path)
    return written


def example(message: type[Message]) -> Message:
    """Return a message with every field filled, each with a value that tells its field."""
    hints = typing.get_type_hints(message)
    values = {name: _value(hints[name], name) for name in message.model_fields}
    return message.model_validate(values)


def _value(hint: Any, name: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _value(next(a for a in arguments if a is not type(None)), name)
    if origin is tuple:
        return (_value(arguments[0], name),)
    if origin is Mapping:
        return {_value(arguments[0], name): _value(arguments[1], name)}
    if issubclass(hint, Enum):
        return list(hint)[-1]
    if issubclass(hint, Message):
        return example(hint)
    return {bool: True, int: len(name), float: len(name) + 0.5, str: name}[hint]

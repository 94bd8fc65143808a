"""What an observer says of images beside the fields of a command: a text of ``KEY: VALUE`` pairs, as SAL's keyValueMap.

Pure. Owns the text's form, and what follows where text and fields speak of the same thing.
"""

from __future__ import annotations

import re

from calibrant.bus.errors import PermanentError
from calibrant.contracts.camera.v1 import TakeImages

_BETWEEN = re.compile(r"(?<!\\),")
_ODD = re.compile(r"[\x00-\x1f\x7f]")
LONGEST = 2000
"""Characters of the longest text."""
_SAME = {"imageType": "image_type", "groupId": "group_id"}


class NotUnderstood(PermanentError):
    """The text is no list of pairs, or it says something else than the fields of its command."""


def said_in(text: str) -> dict[str, str]:
    r"""Return the pairs of a text, in order. A comma within a value is written ``\,``.

    Raises
    ------
    NotUnderstood
        A pair has no colon or no key, a key comes twice, or the text is too long or has control characters.

    Examples
    --------
    >>> said_in("imageType: BIAS, groupId: 2023-01-01T00:00:00.000")
    {'imageType': 'BIAS', 'groupId': '2023-01-01T00:00:00.000'}
    """
    if len(text) > LONGEST or _ODD.search(text):
        raise NotUnderstood(
            f"key_value_map has {len(text)} characters: give {LONGEST} at most, none of them a control character"
        )
    found: dict[str, str] = {}
    for pair in filter(None, map(str.strip, _BETWEEN.split(text))):
        key, colon, value = pair.partition(":")
        key = key.strip()
        if not (colon and key):
            raise NotUnderstood(f"key_value_map: {pair!r} is no KEY: VALUE; write a comma in a value as \\,")
        if key in found:
            raise NotUnderstood(f"key_value_map: {key} comes twice")
        found[key] = value.strip().replace("\\,", ",")
    return found


def settled(command: TakeImages) -> TakeImages:
    """Return a command whose image type and group are filled in from what the observer says.

    Raises
    ------
    NotUnderstood
        The text is no list of pairs, or it names another image type or group than the command's field.
    """
    said = said_in(command.key_value_map or "")
    fields: dict[str, str] = {}
    for key, name in _SAME.items():
        asked, told = getattr(command, name), said.get(key, "")
        if asked and told and asked != told:
            raise NotUnderstood(f"key_value_map: {key} is {told}, but {name} is {asked}; say it once")
        fields[name] = asked or told
    return command.model_copy(update=fields)

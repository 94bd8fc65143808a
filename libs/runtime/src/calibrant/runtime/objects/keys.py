"""Keys and addresses of objects: what is one, and what is refused. Must not know where objects lie."""

from __future__ import annotations

import unicodedata

from calibrant.runtime.objects.port import KeyRefused

_KEY_BYTES = 1000
_NAME_BYTES = 200  # a file name has at most 255, and a temporary one is longer by 38


def checked(key: str) -> str:
    """Return a key that is one.

    Raises
    ------
    KeyRefused
        It is none; the text says what is wrong.
    """
    if why := fault_of(key):
        raise KeyRefused(f"object key {key!r}: {why}")
    return key


def split(uri: str) -> tuple[str, str]:
    """Return ("objects", key) or ("file", path) of an address.

    Raises
    ------
    KeyRefused
        It is of another kind, or its key is none.
    """
    scheme, _, rest = uri.partition(":")
    if scheme == "objects":
        return scheme, checked(rest)
    if scheme == "file" and rest and "\0" not in rest:
        return scheme, rest
    raise KeyRefused(f"address {uri!r} is neither objects:KEY nor file:PATH")


def fault_of(key: str) -> str:
    """Tell what is wrong with a key; nothing when it is one."""
    names = key.split("/")
    if not key or "" in names:
        return "it needs names parted by single slashes, such as raw/2026/frame.fits"
    if any(name.startswith(".") for name in names):
        return "no part may begin with a dot"
    if "\\" in key or any(unicodedata.category(letter)[0] == "C" for letter in key):
        return "it holds a backslash or what cannot be printed"
    if len(key.encode()) > _KEY_BYTES or any(len(name.encode()) > _NAME_BYTES for name in names):
        return f"it is too long: at most {_KEY_BYTES} bytes, and {_NAME_BYTES} in each part"
    return ""

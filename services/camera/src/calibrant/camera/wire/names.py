"""How names of ours are written in SAL. Pure."""

from __future__ import annotations

_UNITS = ("s", "bytes")


def sal_name(name: str) -> str:
    """Return a field's name as SAL writes it: in camel case, without the unit.

    Examples
    --------
    >>> sal_name("exposure_time_s")
    'exposureTime'
    """
    first, *others = name.split("_")
    words = others[:-1] if others and others[-1] in _UNITS else others
    return first + "".join(word[0].upper() + word[1:] for word in words)

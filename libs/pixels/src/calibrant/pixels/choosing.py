"""Which backend works: the one asked for, or the fastest there is.

It owns the order of preference and says why a backend is passed over; it must not know how one works.
"""

import functools
import importlib
import logging
from typing import Final, Literal, Protocol, cast

from calibrant.pixels.backends import BackendMissingError
from calibrant.pixels.backends.device import DeviceMemoryError
from calibrant.pixels.plan import Combined, Plan

BackendName = Literal["auto", "cupy", "cpu", "numpy"]

PREFERENCE: Final = ("cupy", "cpu", "numpy")
"""What "auto" tries, the fastest first; the last one is always there."""

OPTIONAL: Final = "cupy"
"""No machine has to have it, so nothing is said where it is not there."""


class Backend(Protocol):
    """A module that combines."""

    def combine(self, plan: Plan, into: Combined) -> bool:
        """Fill the planes; where no sample is good the data is NaN, and the mask has `plan.EMPTY`. Tell whether there is such a pixel."""
        ...


def backend_in_use() -> str:
    """Name the backend that "auto" is on this machine."""
    return _fastest()[0]


def choose(name: str) -> tuple[str, Backend]:
    """Give a backend and its name.

    Parameters
    ----------
    name
        One of :data:`PREFERENCE`, or "auto": the first of them that works here. That the compiled kernel does not is
        logged once; :func:`why_not` tells of any.

    Raises
    ------
    ValueError
        When the name is unknown.
    BackendMissingError
        When the one asked for does not work here; the text says why and what to do.
    """
    if name == "auto":
        return _fastest()
    if name not in PREFERENCE:
        raise ValueError(f"backend: {name!r}, must be one of auto, {', '.join(PREFERENCE)}")
    return name, _backend(name)


def carry_out(name: str, plan: Plan, into: Combined) -> tuple[str, bool]:
    """Combine with a backend, or, where a device has no room for that, with the processor and a warning.

    Parameters
    ----------
    name
        As for :func:`choose`.
    plan
        What to combine and how.
    into
        Is filled.

    Returns
    -------
    name : str
        Of the backend that did it.
    lacking : bool
        Whether a pixel has no good sample.
    """
    chosen, backend = choose(name)
    try:
        return chosen, backend.combine(plan, into)
    except DeviceMemoryError as problem:
        other, backend = _first(PREFERENCE[1:])
        logging.getLogger(__name__).warning(
            "combining with the %s backend, not %s: %s", other, chosen, problem
        )
        return other, backend.combine(plan, into)


def why_not(name: str) -> str:
    """Say why a backend does not work here, and what to do; nothing where it does."""
    try:
        choose(name)
    except BackendMissingError as problem:
        return str(problem)
    return ""


@functools.cache
def _fastest() -> tuple[str, Backend]:
    return _first(PREFERENCE)


def _first(names: tuple[str, ...]) -> tuple[str, Backend]:
    """Give the first backend that works; the last of the names always does."""
    for name in names[:-1]:
        try:
            return name, _backend(name)
        except BackendMissingError as problem:
            level = logging.DEBUG if name == OPTIONAL else logging.WARNING
            logging.getLogger(__name__).log(level, "combining without the %s backend: %s", name, problem)
    return names[-1], _backend(names[-1])


def _backend(name: str) -> Backend:
    module = importlib.import_module(f"calibrant.pixels.backends.{name}")
    module.check()
    return cast(Backend, module)

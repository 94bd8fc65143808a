"""Which backend works: the one asked for, or the fastest there is.

It owns the order of preference and says why a backend is passed over; it must not know how one works.
"""

import functools
import importlib
import logging
from typing import Final, Literal, Protocol, cast

from calibrant.pixels.backends import BackendMissingError
from calibrant.pixels.plan import Combined, Plan

BackendName = Literal["auto", "cpu", "numpy"]

PREFERENCE: Final = ("cpu", "numpy")
"""What "auto" tries, the fastest first; the last one is always there."""


class Backend(Protocol):
    """A module that combines."""

    def combine(self, plan: Plan, into: Combined) -> None:
        """Fill the planes; where no sample is good the data is NaN, and the mask has `plan.EMPTY`."""
        ...


def backend_in_use() -> str:
    """Name the backend that "auto" is on this machine."""
    return _fastest()[0]


def choose(name: str) -> tuple[str, Backend]:
    """Give a backend and its name.

    Parameters
    ----------
    name
        One of :data:`PREFERENCE`, or "auto": the first of them that works here. Why another one does not is logged
        once.

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


@functools.cache
def _fastest() -> tuple[str, Backend]:
    for name in PREFERENCE[:-1]:
        try:
            return name, _backend(name)
        except BackendMissingError as problem:
            logging.getLogger(__name__).warning("combining without the %s backend: %s", name, problem)
    return PREFERENCE[-1], _backend(PREFERENCE[-1])


def _backend(name: str) -> Backend:
    module = importlib.import_module(f"calibrant.pixels.backends.{name}")
    module.check()
    return cast(Backend, module)

"""Arrays of the machine or of a GPU, for what is written once for both: the module that makes them, and the way back.

It must not know what is computed.
"""

import importlib
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends import cupy

ArrayBackend = Literal["numpy", "cupy"]

_KNOWN: Final = get_args(ArrayBackend)


def array_module(backend: str) -> Any:
    """Give NumPy, or CuPy once it has found a device.

    Raises
    ------
    ValueError
        When the name is unknown.
    calibrant.pixels.backends.BackendMissingError
        When CuPy does not work here; the text says why and what to do.
    """
    if backend not in _KNOWN:
        raise ValueError(f"backend: {backend!r}, must be one of {', '.join(_KNOWN)}")
    if backend == "numpy":
        return np
    cupy.check()
    return importlib.import_module("cupy")


def on_host(array: Any) -> NDArray[Any]:
    """Give an array as the machine's."""
    found: NDArray[Any] = array if isinstance(array, np.ndarray) else array.get()
    return found

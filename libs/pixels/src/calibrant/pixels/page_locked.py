"""Memory for frames and planes that a GPU copies from and to by itself.

It owns :func:`page_locked`; it must not know what is in that memory.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from calibrant.pixels.backends import BackendMissingError, cupy


def page_locked(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Give an array that is not filled yet, in memory that stays where it is; where there is no GPU, in any memory.

    A stack (N, ny, nx) that is combined from there, and planes that are combined into it, go to the GPU and back at the
    rate of its bus; others are copied by the processor on the way. Such memory takes time to be had, and nothing else
    can use it before the array and all that looks at it are gone: keep an array as long as there are more frames to go
    through it.

    Parameters
    ----------
    shape
        Of the array.
    dtype
        Type of its numbers.

    Raises
    ------
    ValueError
        When the shape has a negative side, or the type is none of numbers.
    MemoryError
        When there is not so much of it.
    """
    kind = np.dtype(dtype)
    if kind.kind not in "biuf":
        raise ValueError(f"dtype: {kind} is no type of numbers that frames and planes have")
    if min(shape, default=0) < 0:
        raise ValueError(f"shape: {shape} has a negative side")
    try:
        device = cupy.open_device()
    except BackendMissingError:
        return np.empty(shape, kind)
    size = math.prod(shape) * kind.itemsize
    return device.host_memory(size, reused=False).view(kind).reshape(shape)

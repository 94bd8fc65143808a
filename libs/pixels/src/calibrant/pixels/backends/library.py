"""The compiled kernel as ctypes sees it: its structures, its entries, and the variant for this processor.

It must not know what is combined. The structures repeat those of ``native/kernel.c``, which explains their fields.
"""

import ctypes
import functools
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.backends import BackendMissingError

SOURCE: Final = Path(__file__).parent.parent / "native" / "kernel.c"

PATH: Final = SOURCE.with_suffix(".so")
"""Made when the package is installed; see ``libs/pixels/hatch_build.py``."""

TYPES: Final = {name: code for code, name in enumerate(("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"))}
"""Types of stored samples that the kernel reads."""

STATISTICS: Final = ("mean", "median", "clipped-mean", "minmax-mean", "weighted-mean")

LINEARITIES: Final = ("", "Polynomial", "Spline", "Lookup", "DoubleSpline")


class Frame(ctypes.Structure):
    """One frame's part in a block."""

    _fields_ = (
        ("samples", ctypes.c_void_p),
        ("row_step", ctypes.c_int64),
        ("column_step", ctypes.c_int64),
        ("bits", ctypes.c_void_p),
        ("bits_step", ctypes.c_int64),
        ("variances", ctypes.c_void_p),
        ("variances_step", ctypes.c_int64),
        ("levels", ctypes.c_void_p),
        ("columns", ctypes.c_void_p),
        ("zero", ctypes.c_double),
        ("dark_time", ctypes.c_double),
        ("scale", ctypes.c_double),
        ("weight", ctypes.c_double),
        ("type", ctypes.c_int32),
        ("swapped", ctypes.c_int32),
        ("wide", ctypes.c_int32),
    )


class Plane(ctypes.Structure):
    """A plane beside the frames."""

    _fields_ = (("at", ctypes.c_void_p), ("step", ctypes.c_int64))


class Steps(ctypes.Structure):
    """The pointwise steps of one amplifier."""

    _fields_ = (
        ("bias", Plane),
        ("dark", Plane),
        ("flat", Plane),
        ("bias_variance", Plane),
        ("dark_variance", Plane),
        ("flat_variance", Plane),
        ("bits", Plane),
        ("numbers", ctypes.c_void_p),
        ("knots", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("first", ctypes.c_double),
        ("saturation", ctypes.c_double),
        ("gain", ctypes.c_double),
        ("photon_gain", ctypes.c_double),
        ("read_variance", ctypes.c_double),
        ("linearity", ctypes.c_int32),
        ("photon_noise", ctypes.c_int32),
        ("saturated", ctypes.c_uint32),
        ("suspect", ctypes.c_uint32),
        ("no_data", ctypes.c_uint32),
    )


class Block(ctypes.Structure):
    """What is done to a block, and where its planes go."""

    _fields_ = (
        ("frames", ctypes.c_int64),
        ("rows", ctypes.c_int64),
        ("columns", ctypes.c_int64),
        ("data", ctypes.c_void_p),
        ("variance", ctypes.c_void_p),
        ("count", ctypes.c_void_p),
        ("mask", ctypes.c_void_p),
        ("step", ctypes.c_int64),
        ("base", ctypes.c_double),
        ("sigma_low", ctypes.c_double),
        ("sigma_high", ctypes.c_double),
        ("iterations", ctypes.c_int64),
        ("reject_low", ctypes.c_int64),
        ("reject_high", ctypes.c_int64),
        ("steps", ctypes.POINTER(Steps)),
        ("statistic", ctypes.c_int32),
        ("mean_center", ctypes.c_int32),
        ("mad_spread", ctypes.c_int32),
        ("cumulative", ctypes.c_int32),
        ("scaled", ctypes.c_int32),
        ("propagate", ctypes.c_int32),
        ("ignore", ctypes.c_uint32),
        ("empty", ctypes.c_uint32),
    )


Entry = Callable[[Block, "ctypes.Array[Frame]"], None]


@functools.cache
def entry(bits: int) -> Entry:
    """Give the kernel that sorts samples of 16 (uint16), 32 or 64 bits (floating), in this processor's variant.

    Raises
    ------
    BackendMissingError
        When the library is not there or cannot be loaded.
    """
    library = _library()
    level = library.instructions()
    variants = [f"combine_{bits}_v{one}" for one in range(level, 0, -1)]
    name = next(one for one in variants if hasattr(library, one))
    sizes = tuple((ctypes.c_int64 * 4).in_dll(library, f"{name}_sizes"))
    if sizes != tuple(map(ctypes.sizeof, (Frame, Plane, Steps, Block))):
        raise BackendMissingError(f"its structures are of {sizes} bytes, not as they are declared here")
    function = getattr(library, name)
    function.argtypes = (ctypes.POINTER(Block), ctypes.POINTER(Frame), ctypes.c_void_p)
    function.restype = ctypes.c_int64
    kept = threading.local()

    def call(block: Block, frames: "ctypes.Array[Frame]") -> None:
        needed = function(ctypes.byref(block), frames, None)
        if getattr(kept, "size", 0) < needed:
            kept.size, kept.scratch = needed, np.zeros(needed, dtype=np.uint8)
        function(ctypes.byref(block), frames, kept.scratch.ctypes.data)

    return call


@functools.cache
def sorter() -> Callable[[NDArray[np.float32]], None] | None:
    """Give what sorts a row of float32 values in place, none of them NaN; None where the library is not there.

    That it is not is told where it is to combine.
    """
    try:
        function = _library().sort_floats
    except BackendMissingError:
        return None
    function.argtypes, function.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64), None

    def sort(values: NDArray[np.float32]) -> None:
        spare = np.empty_like(values)
        function(values.ctypes.data, spare.ctypes.data, len(values))

    return sort


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(PATH))
    except OSError as problem:
        raise BackendMissingError(
            f"its library cannot be loaded ({problem}); install calibrant-pixels again where there is a C compiler"
        ) from problem
    library.source.restype = ctypes.c_uint32
    sources = b"".join(path.read_bytes() for path in sorted(SOURCE.parent.glob("*.c")))
    if library.source() != zlib.crc32(sources):
        raise BackendMissingError(
            f"its library was not made from {SOURCE.name} as it is now; install calibrant-pixels again ('make setup' in its repository)"
        )
    return library

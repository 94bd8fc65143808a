"""What is to be combined and how, checked: the one argument of every backend, and the planes that it fills.

It must not know how a backend works.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.clipping import ClipRule
from calibrant.pixels.mask import MASK_DTYPE, Mask
from calibrant.pixels.numbers import Numbers
from calibrant.pixels.rows import RowSource, working_type

Statistic = Literal["clipped-mean", "median", "mean", "minmax-mean", "weighted-mean"]

FEWEST_FOR_SCATTER: Final = 5
"""Below this number of frames the variance comes from the input variances, when they are given."""

EMPTY: Final = np.uint32(Mask.BAD | Mask.NO_DATA)
"""Bits of a pixel that has no good sample."""


PLANES: Final[Mapping[str, np.dtype[Any]]] = MappingProxyType(
    {
        "data": np.dtype(np.float32),
        "variance": np.dtype(np.float32),
        "count": np.dtype(np.uint32),
        "mask": MASK_DTYPE,
    }
)
"""The combined planes and their types."""


@dataclass(frozen=True, eq=False)
class Combined:
    """The combined planes, each (ny, nx).

    Parameters
    ----------
    data
        float32, in the unit of the stack. Where no sample was good: the median of all other pixels.
    variance
        float32, of `data`, in that unit squared. NaN where it is not known: no good sample, or one only and no
        input variance. Infinite where float32 cannot hold it.
    count
        uint32, samples that went into the pixel.
    mask
        uint32: bits of the samples that went in; where none did, BAD and NO_DATA and the bits of every sample.
    backend
        Name of the one that combined; empty where none did.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    count: NDArray[np.uint32]
    mask: NDArray[np.uint32]
    backend: str = ""

    @classmethod
    def unfilled(cls, shape: tuple[int, int]) -> "Combined":
        """Give planes of a shape, with nothing in them yet."""
        planes: dict[str, Any] = {name: np.empty(shape, dtype=dtype) for name, dtype in PLANES.items()}
        return cls(**planes)

    def lacks(self, rows: slice) -> bool:
        """Tell whether a pixel of some rows has no good sample."""
        count = self.count[rows]
        return bool(np.count_nonzero(count) < count.size)


@dataclass(frozen=True, eq=False, slots=True)
class RawFrames:
    """Raw frames that are to be corrected and combined at once.

    Parameters
    ----------
    sources
        Their raw rows.
    numbers
        What they are corrected with.
    """

    sources: tuple[RowSource, ...]
    numbers: Numbers


@runtime_checkable
class CorrectedFrames(Protocol):
    """A stack of frames that are corrected as their rows are asked for: it has all that a combination asks of them."""

    @property
    def variances(self) -> Sequence[RowSource]:
        """Variances of each frame."""
        ...

    @property
    def masks(self) -> Sequence[RowSource]:
        """Mask of each frame."""
        ...

    @property
    def raw(self) -> RawFrames:
        """What they are made from, for a backend that can correct and combine at once."""
        ...


@dataclass(frozen=True, eq=False)
class Plan:
    """A combination.

    Parameters
    ----------
    stack, variances, masks
        The planes, of one shape; `variances` and `masks` one for each frame, or None.
    statistic, rule
        How samples make a pixel; the rule is of "clipped-mean".
    reject_low, reject_high
        Samples that "minmax-mean" leaves out at either end.
    scales, weights
        One for each frame, or None: what its values are divided by; its weight in a "weighted-mean".
    ignore
        Samples with any of these bits are left out.
    threads
        How many work at the same time.
    tile_bytes
        Working memory of each, in bytes.
    raw
        Where the stack is of corrected frames whose rows are made as they are asked for: what they are made from, for
        a backend that can correct and combine at once; else None.
    """

    stack: tuple[RowSource, ...]
    variances: tuple[RowSource, ...] | None
    masks: tuple[RowSource, ...] | None
    statistic: Statistic
    rule: ClipRule
    reject_low: int
    reject_high: int
    scales: NDArray[np.float64] | None
    weights: NDArray[np.float64] | None
    ignore: np.uint32
    threads: int
    tile_bytes: int
    raw: RawFrames | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.stack[0].shape

    @cached_property
    def dtype(self) -> np.dtype[Any]:  # every frame is looked at, and every frame asks
        """Native type that values are computed in."""
        return working_type(self.stack)

    @property
    def fewest_rows(self) -> int:
        """Rows that a band should have at least: as many as a barrier has corrected beside them, on both sides."""
        reach = None if self.raw is None else self.raw.numbers.signature.reach
        return max(1, 2 * (reach or 0))

"""Crosstalk taken out of a frame: the barrier between the gain and the parallel overscan.

It owns what is subtracted, marked and added to the variance; it must not know how coefficients were measured.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.crosstalk.channels import ReadoutPlane, channel_name, shared_rows
from calibrant.pixels.crosstalk.leaking import Lines, Signal, leak, leak_variance, lines_of
from calibrant.pixels.crosstalk.matrix import CrosstalkMatrix
from calibrant.pixels.geometry import Geometry
from calibrant.pixels.mask import Mask
from calibrant.pixels.signature import Band

_Pair = tuple[str, NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Crosstalk:
    """Subtracts from each amplifier what leaks into it: a barrier at `Step.CROSSTALK`.

    A pixel loses ``c0 S + c1 S**2`` of the pixel of each source that was read at the same time. S is what that source
    would show without crosstalk: it is estimated `iterations` times, each time from the frame as corrected by the last.

    Where a source is saturated or has no value, what it leaks is not known: what its recorded value leaks is
    subtracted, and the victim is marked SUSPECT where that is `least_leak` or more, or where there is no value. The
    noise of the sources, ``(c0 + 2 c1 S)**2 (max(S, 0) / gain + (read_noise_e / gain)**2)``, and the errors of the
    coefficients are added to the variance; the noise of other detectors is not. Pairs without a coefficient leak
    nothing.

    Parameters
    ----------
    matrix
        In the unit of the signature. Its victims may be fewer than the amplifiers of the frame, or more: those of other
        detectors are passed over.
    reach
        0 where all amplifiers lie side by side and are read in one direction, which :meth:`of` finds out; None else:
        what was read at one time lies in rows far apart, and the whole frame is needed.
    iterations
        Estimates of S; 1 uses the frame as it was read.
    least_leak
        In the unit of the signature.
    detector
        Name of the frame's detector in the names of the channels; "": they are names of amplifiers.
    others
        Planes of sources in other detectors, in readout order, in the unit of the signature.

    Raises
    ------
    ValueError
        When a number makes no sense.
    """

    matrix: CrosstalkMatrix
    reach: int | None = None
    iterations: int = 2
    least_leak: float = 1.0
    detector: str = ""
    others: Mapping[str, ReadoutPlane] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.reach not in {0, None}:
            raise ValueError(f"crosstalk: reach is {self.reach}, must be 0 or None")
        if not self.iterations >= 1:
            raise ValueError(f"crosstalk: iterations is {self.iterations}, must be at least 1")
        if not self.least_leak >= 0:
            raise ValueError(f"crosstalk: least_leak is {self.least_leak}, must not be negative")

    @classmethod
    def of(cls, matrix: CrosstalkMatrix, geometry: Geometry, **options: Any) -> "Crosstalk":
        """Give the barrier for a detector, with the smallest reach that serves it.

        Parameters
        ----------
        matrix, options
            As for the class.
        geometry
            The detector.

        Raises
        ------
        ValueError
            When matrix and detector do not go together, or an option makes no sense.
        """
        barrier = cls(matrix, reach=0 if shared_rows(geometry) else None, **options)
        barrier.check(geometry)
        return barrier

    def check(self, geometry: Geometry) -> None:
        """Check that the matrix goes with a detector, and that sources in other detectors are there.

        Raises
        ------
        ValueError
            When not; the message names what is missing, and what to do.
        """
        names = {channel_name(one.name, self.detector) for one in geometry.amplifiers}
        if not names & {*self.matrix.victims}:
            raise ValueError(
                f"crosstalk: the matrix has victims {', '.join(self.matrix.victims)}, none of the amplifiers "
                f"{', '.join(sorted(names))}; is it that of another detector?"
            )
        missing = sorted({*self.matrix.sources} - names - self.others.keys())
        if missing:
            raise ValueError(
                f"crosstalk: sources {', '.join(missing)} are neither in the frame nor among the others; give "
                "their planes, or a matrix without them"
            )
        if self.reach == 0 and not shared_rows(geometry):
            raise ValueError(
                "crosstalk: reach is 0, but what was read at one time lies in different rows of this detector; make "
                "the barrier with Crosstalk.of"
            )

    def apply(self, band: Band, geometry: Geometry) -> None:
        """Change a band in place."""
        self.check(geometry)
        lines = lines_of(band, geometry, self.detector)
        signals = self._signals(lines, band.data.dtype)
        measured = {name: one.data.copy() for name, one in lines.items()}
        for _ in range(self.iterations):
            used = dict(signals)
            for name, one in lines.items():
                np.subtract(measured[name], self._leaks(name, one, used), out=one.data)
                signals[name] = replace(used[name], values=np.where(used[name].missing, 0, one.data))
        for name, one in lines.items():
            self._mark_and_blur(name, one, used)

    def _signals(self, lines: Mapping[str, Lines], dtype: np.dtype[Any]) -> dict[str, Signal]:
        """Give all sources, for the lines of a band."""
        first = next(iter(lines.values())).first
        rows = slice(first, first + max(one.data.shape[0] for one in lines.values()))
        others = {name: Signal.of(one, dtype, rows) for name, one in self.others.items()}
        return others | {name: Signal.of(one, dtype) for name, one in lines.items()}

    def _pairs(self, victim: str) -> Iterator[_Pair]:
        """Give the sources that leak into a victim, with coefficients and their covariance."""
        if victim not in self.matrix.victims:
            return
        row = self.matrix.victims.index(victim)
        coefficients, covariance = self.matrix.coefficients[row], self.matrix.covariance[row]
        leaking = self.matrix.measured[row] & ((coefficients != 0).any(-1) | (covariance != 0).any((-1, -2)))
        for s in np.flatnonzero(leaking):
            yield self.matrix.sources[s], coefficients[s], covariance[s]

    def _leaks(self, victim: str, own: Lines, signals: Mapping[str, Signal]) -> NDArray[Any]:
        """Give all that leaks into the pixels of a victim."""
        leaks = np.zeros_like(own.data)
        for source, coefficients, _ in self._pairs(victim):
            signal, part = signals[source].read_with(own.data.shape)
            leaks[part] += leak(signal.values, coefficients)
        return leaks

    def _mark_and_blur(self, victim: str, own: Lines, signals: Mapping[str, Signal]) -> None:
        """Mark the victims of what is unknown, and add to their variance what noise and errors make."""
        gain = 1.0 if self.matrix.unit == "electron" else None
        for source, coefficients, covariance in self._pairs(victim):
            signal, part = signals[source].read_with(own.data.shape)
            much = np.abs(leak(signal.values, coefficients)) >= self.least_leak
            own.mask[part][(signal.lost & much) | signal.missing] |= np.uint32(Mask.SUSPECT)
            if own.variance is not None:
                own.variance[part] += leak_variance(
                    signal.values, coefficients, covariance, signal.noise(gain)
                )

"""Crosstalk taken out of a frame: the barrier between the gain and the parallel overscan.

It owns what is subtracted, marked and added to the variance; it must not know how coefficients were measured.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.pixels.crosstalk.channels import channel_name, shared_rows
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
    Of a source in another detector it is what that read: its own crosstalk would change a leak by the square of a
    coefficient.

    Where a source is saturated or has no value, what it leaks is not known: what its recorded value leaks is
    subtracted, and the victim is marked SUSPECT where that is `least_leak` or more, or where there is no value. The
    noise of the sources, ``(c0 + 2 c1 S)**2 (max(S, 0) / gain + (read_noise_e / gain)**2)``, and the errors of the
    coefficients are added to the variance; the noise of other detectors is not. Pairs without a coefficient leak
    nothing.

    Parameters
    ----------
    matrix
        In the unit of the signature; coefficients of sources in other detectors bring the unit of the planes that
        :attr:`calibrant.pixels.Terms.others` gives into it. A source that these have no plane of leaks nothing. Its
        victims may be fewer than the amplifiers of the frame, or more: those of other detectors are passed over.
    reach
        0 where all amplifiers lie side by side, are read in one direction and are the only sources, which :meth:`of` finds
        out; None else: what was read at one time lies in rows far apart, and the whole frame is needed.
    iterations
        Estimates of S; 1 uses the frame as it was read.
    least_leak
        In the unit of the signature.
    detector
        Name of the frame's detector in the names of the channels; "": they are names of amplifiers.

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
        barrier = cls(matrix, **options)
        if shared_rows(geometry) and not barrier.elsewhere(geometry):
            barrier = replace(barrier, reach=0)
        barrier.check(geometry)
        return barrier

    def elsewhere(self, geometry: Geometry) -> frozenset[str]:
        """Give the sources that are in other detectors."""
        return frozenset(self.matrix.sources) - self._own(geometry)

    def _own(self, geometry: Geometry) -> frozenset[str]:
        return frozenset(channel_name(one.name, self.detector) for one in geometry.amplifiers)

    def check(self, geometry: Geometry) -> None:
        """Check that the matrix and the reach go with a detector.

        Raises
        ------
        ValueError
            When not; the message names what is missing, and what to do.
        """
        names = self._own(geometry)
        if not names & {*self.matrix.victims}:
            raise ValueError(
                f"crosstalk: the matrix has victims {', '.join(self.matrix.victims)}, none of the amplifiers "
                f"{', '.join(sorted(names))}; is it that of another detector?"
            )
        if self.reach == 0 and not (shared_rows(geometry) and names >= {*self.matrix.sources}):
            raise ValueError(
                "crosstalk: reach is 0, but what was read at one time lies in different rows of this detector, or in "
                "another one; make the barrier with Crosstalk.of"
            )

    def apply(self, band: Band, geometry: Geometry) -> None:
        """Change a band in place."""
        self.check(geometry)
        lines = lines_of(band, geometry, self.detector)
        self._take_out_others(band, lines, self.elsewhere(geometry))
        signals = {name: Signal.of(one, band.data.dtype) for name, one in lines.items()}
        measured = {name: one.data.copy() for name, one in lines.items()}
        for _ in range(self.iterations):
            used = dict(signals)
            for name, one in lines.items():
                np.subtract(measured[name], self._leaks(name, one, used), out=one.data)
                signals[name] = replace(used[name], values=np.where(used[name].missing, 0, one.data))
        for name, one in lines.items():
            self._mark_and_blur(name, one, used)

    def _take_out_others(self, band: Band, lines: Mapping[str, Lines], sources: Collection[str]) -> None:
        """Subtract what other detectors leak, as they were read, one detector after the other: memory holds one."""
        if not sources:
            return
        if band.others is None:
            raise ValueError(
                f"crosstalk: sources {', '.join(sorted(sources))} are not in the frame; give what gives their planes as "
                "others of its Terms, or a matrix without them"
            )
        for planes in band.others():
            there = {name: Signal.of(planes[name], band.data.dtype) for name in planes.keys() & sources}
            for name, one in lines.items():
                one.data[...] -= self._leaks(name, one, there)
                self._mark_and_blur(name, one, there)

    def _pairs(self, victim: str, there: Mapping[str, Signal]) -> Iterator[_Pair]:
        """Give the sources that are there and leak into a victim, with coefficients and their covariance."""
        if victim not in self.matrix.victims:
            return
        row = self.matrix.victims.index(victim)
        coefficients, covariance = self.matrix.coefficients[row], self.matrix.covariance[row]
        leaking = self.matrix.measured[row] & ((coefficients != 0).any(-1) | (covariance != 0).any((-1, -2)))
        for s in np.flatnonzero(leaking):
            if self.matrix.sources[s] in there:
                yield self.matrix.sources[s], coefficients[s], covariance[s]

    def _leaks(self, victim: str, own: Lines, signals: Mapping[str, Signal]) -> NDArray[Any]:
        """Give all that leaks into the pixels of a victim."""
        leaks = np.zeros_like(own.data)
        for source, coefficients, _ in self._pairs(victim, signals):
            signal, part = signals[source].read_with(own.data.shape)
            leaks[part] += leak(signal.values, coefficients)
        return leaks

    def _mark_and_blur(self, victim: str, own: Lines, signals: Mapping[str, Signal]) -> None:
        """Mark the victims of what is unknown, and add to their variance what noise and errors make."""
        gain = 1.0 if self.matrix.unit == "electron" else None
        for source, coefficients, covariance in self._pairs(victim, signals):
            signal, part = signals[source].read_with(own.data.shape)
            much = np.abs(leak(signal.values, coefficients)) >= self.least_leak
            own.mask[part][(signal.lost & much) | signal.missing] |= np.uint32(Mask.SUSPECT)
            if own.variance is not None:
                own.variance[part] += leak_variance(
                    signal.values, coefficients, covariance, signal.noise(gain)
                )

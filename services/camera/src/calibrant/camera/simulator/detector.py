"""One detector of a simulated camera: all that is the same for each of its exposures. Must not know exposures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from calibrant.camera.simulator.maps import StaticMaps, static_maps
from calibrant.camera.simulator.parameters import Flaw, SimulationParameters, parameters_of
from calibrant.frames.instrument import Detector, Instrument


@dataclass(frozen=True, eq=False, slots=True)
class SimulatedDetector:
    """A detector, its truth, and its flaws.

    Parameters
    ----------
    detector
        Geometry, gains and read noises.
    parameters
        How the camera behaves.
    maps
        The truth about this detector.
    seed
        Seed of the camera.
    flaws
        The flaws of this detector that are switched on.
    """

    detector: Detector
    parameters: SimulationParameters
    maps: StaticMaps
    seed: int
    flaws: tuple[Flaw, ...] = ()

    @classmethod
    def of(cls, instrument: Instrument, detector: int, seed: int, flaws: tuple[str, ...] = ()) -> Self:
        """Make a detector of an instrument.

        Raises
        ------
        CannotSimulate
            The instrument's simulation section is wrong, or has no such flaw.
        KeyError
            The instrument has no such detector.
        """
        parameters = parameters_of(instrument)
        description = instrument.detector(detector)
        return cls(
            detector=description,
            parameters=parameters,
            maps=static_maps(description, parameters, seed),
            seed=seed,
            flaws=tuple(flaw for flaw in parameters.chosen(flaws) if flaw.detector == detector),
        )

"""One detector of a simulated camera: all that is the same for each of its exposures. Must not know exposures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from calibrant.camera.simulator.effects import Effect, Site
from calibrant.camera.simulator.maps import StaticMaps, static_maps
from calibrant.camera.simulator.parameters import Flaw, SimulationParameters, parameters_of
from calibrant.frames.instrument import Detector, Instrument


@dataclass(frozen=True, eq=False, slots=True)
class SimulatedDetector:
    """A detector, its truth, its flaws, and what acts on it.

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
    effects
        The effects that are switched on, by name, in the order in which the signal meets them.
    beside
        The detectors that are read at the same time and may leak into it, where that is switched on.
    """

    detector: Detector
    parameters: SimulationParameters
    maps: StaticMaps
    seed: int
    flaws: tuple[Flaw, ...] = ()
    effects: Mapping[str, Effect] = field(default_factory=dict)
    beside: tuple[SimulatedDetector, ...] = ()

    @classmethod
    def of(
        cls,
        instrument: Instrument,
        detector: int,
        seed: int,
        flaws: tuple[str, ...] = (),
        effects: tuple[str, ...] = (),
    ) -> Self:
        """Make a detector of an instrument.

        Raises
        ------
        CannotSimulate
            The instrument's simulation section is wrong, it has no such flaw, or there is no such effect.
        KeyError
            The instrument has no such detector.
        """
        others = instrument.leaking_into(detector)
        own = cls._alone(instrument, detector, seed, flaws, effects, others)
        if not any(effect.parameters.between_detectors for effect in own.effects.values()):
            return own
        beside = tuple(cls._alone(instrument, other, seed, flaws, effects) for other in others)
        return replace(own, beside=beside)

    @classmethod
    def _alone(  # noqa: PLR0917 - as `of`
        cls,
        instrument: Instrument,
        detector: int,
        seed: int,
        flaws: tuple[str, ...],
        effects: tuple[str, ...],
        beside: tuple[int, ...] = (),
    ) -> Self:
        """Make a detector without those beside it."""
        parameters = parameters_of(instrument)
        description = instrument.detector(detector)
        site = Site(description, seed, tuple(map(instrument.detector, beside)))
        return cls(
            detector=description,
            parameters=parameters,
            maps=static_maps(description, parameters, seed),
            seed=seed,
            flaws=tuple(flaw for flaw in parameters.chosen(flaws) if flaw.detector == detector),
            effects={effect.name: effect.on(site) for effect in parameters.chosen_effects(effects)},
        )

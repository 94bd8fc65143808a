"""What an effect is: parameters that become something acting on a detector at one place of the signal's way.

Owns the places and what is given to effects there. Must not know any one effect.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from calibrant.camera.simulator.effects.streams import Stream
from calibrant.camera.simulator.exposure import Exposure
from calibrant.camera.simulator.values import Values
from calibrant.frames.instrument import Detector

Plane = NDArray[np.float32]
Facts = dict[str, Any]
"""Truth as JSON: names with their units, and values."""
_SITE = 0xEFFEC7


@dataclass(frozen=True, slots=True)
class Site:
    """A detector, and the random numbers that belong to it: the same for all its exposures.

    Beside it are those that are read at the same time and may leak into it.
    """

    detector: Detector
    seed: int
    beside: tuple[Detector, ...] = ()

    def rng(self, effect: str) -> np.random.Generator:
        """Return an effect's own random numbers; those of other effects do not change them."""
        return np.random.default_rng([_SITE, self.seed, self.detector.id, crc32(effect.encode())])


@dataclass(frozen=True, slots=True)
class Shot:
    """One exposure of one detector.

    Parameters
    ----------
    exposure
        The exposure.
    seed
        Seed of the camera.
    detector
        Number of the detector.
    collected
        Gives the charge, in electrons, that another exposure is expected to collect from light.
    beside
        Gives what the detectors beside it deliver in this exposure, by their numbers and amplifiers: in ADU above the
        level, without noise, before they hear one another.
    """

    exposure: Exposure
    seed: int
    detector: int
    collected: Callable[[Exposure], Plane]
    beside: Callable[[], Mapping[int, Mapping[str, Stream]]] = dict

    def rng(self, effect: str) -> np.random.Generator:
        """Return an effect's random numbers for this exposure of this detector."""
        return self._stream(self.detector, crc32(effect.encode()))

    def lamp_rng(self, effect: str) -> np.random.Generator:
        """Return an effect's random numbers for this exposure, the same for all detectors."""
        return self._stream(crc32(effect.encode()))

    def _stream(self, *words: int) -> np.random.Generator:
        seeds = np.random.SeedSequence([self.seed, self.exposure.exposure_id, *words])
        return np.random.Generator(np.random.SFC64(seeds))


@dataclass(slots=True)
class Light:
    """The light of one exposure; effects change it.

    Parameters
    ----------
    e_per_s
        Light of the lamp at the centre, in electron/s.
    seconds
        How long it falls, in seconds: a number, or an array that stretches over (rows, columns).
    response
        Relative response of each pixel (rows, columns); replaced, not changed, as it belongs to the detector.
    scene
        Light that is not even (rows, columns), in electron/s; None where there is none.
    """

    e_per_s: float
    seconds: float | NDArray[np.float64]
    response: Plane
    scene: Plane | None = None

    @property
    def shines(self) -> bool:
        """Whether there is any."""
        return self.e_per_s > 0 or self.scene is not None

    def electrons(self) -> Plane:
        """Return the charge that is expected of it (rows, columns), in electrons."""
        even = self.response * np.asarray(self.e_per_s * self.seconds, np.float32)
        if self.scene is None:
            return even
        return even + self.response * self.scene * np.asarray(self.seconds, np.float32)


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of a detector for all its exposures.

    Parameters
    ----------
    facts
        Numbers, lists and small matrices, as JSON.
    planes
        Images by their names, each with its unit.
    """

    facts: Facts = field(default_factory=dict)
    planes: Mapping[str, tuple[NDArray[np.float32], str]] = field(default_factory=dict)


class Parameters(Values):
    """Parameters of one effect; the first one may be given as a bare value."""

    name: ClassVar[str]

    @property
    def memory_s(self) -> float:
        """How long an exposure is felt by those after it, in seconds."""
        return 0.0

    @property
    def between_detectors(self) -> bool:
        """Whether what other detectors read at the same time is felt."""
        return False

    @abstractmethod
    def on(self, site: Site) -> Effect:
        """Return what acts on a detector."""


@dataclass(frozen=True, eq=False)
class Effect:
    """What acts on a detector. Each place does nothing unless an effect fills it.

    The places are in the order in which the signal passes them. Each returns what is true of this exposure alone.
    """

    parameters: Parameters

    def light(self, light: Light, shot: Shot) -> Facts:  # noqa: ARG002
        """Change the light; not called where none falls."""
        return {}

    def dark(self, expected_e: Plane, shot: Shot) -> Facts:  # noqa: ARG002
        """Add to the charge that is expected without light (rows, columns), in electrons, in place."""
        return {}

    def charge(self, electrons: Plane, expected_e: Plane, shot: Shot) -> Facts:  # noqa: ARG002
        """Move charge in the pixels (rows, columns), in place; `expected_e` is its mean."""
        return {}

    def transfer(self, streams: Mapping[str, Stream], shot: Shot) -> Facts:  # noqa: ARG002
        """Move charge on its way to the amplifiers; signals are in electrons, by amplifier."""
        return {}

    def read(self, streams: Mapping[str, Stream], shot: Shot) -> Facts:  # noqa: ARG002
        """Change what the amplifiers deliver; signals are in ADU above the level, without noise."""
        return {}

    def truth(self) -> Truth:
        """Return what is true of the detector."""
        return Truth(self.told())

    def told(self, **facts: Any) -> Facts:
        """Return facts with the parameters before them."""
        return {"parameters": self.parameters.model_dump()} | facts

"""Commands that make the detectors ready, without an image: clear, discardRows, initImage.

Owns what is told meanwhile. The simulated detectors are empty before every
exposure, so that pixels do not depend on them. Must not know waiting.
"""

from __future__ import annotations

from dataclasses import dataclass

from calibrant.camera.carrying import Carrying
from calibrant.camera.detailed import Detailed
from calibrant.camera.durations import Preparation, preparation_s
from calibrant.camera.telling import Moment
from calibrant.contracts.camera.v1 import DiscardRows, RaftsSubstate, ReadinessSubstate
from calibrant.frames.times import NS_PER_S


@dataclass(frozen=True, slots=True)
class Preparing(Carrying):
    """One command that makes the detectors ready, on its way."""

    command: Preparation

    def moments(self, begin_tai_ns: int) -> list[Moment]:
        """Return what is told from the begin on, each at its moment of the camera's clock."""
        service, command = self.service, self.command
        takes_s = preparation_s(command, service.instrument, service.parameters.readout_s)
        discards = isinstance(command, DiscardRows)
        begun = Detailed(service.component, begin_tai_ns)
        ready = Detailed(service.component, begin_tai_ns + round(takes_s * NS_PER_S))
        first = [
            begun.readiness(ReadinessSubstate.GETTING_READY),
            begun.rafts(RaftsSubstate.DISCARDING if discards else RaftsSubstate.CLEARING),
        ]
        last = [ready.rafts(RaftsSubstate.QUIESCENT), ready.readiness(ReadinessSubstate.READY)]
        return [Moment(begun.at_tai_ns, first), Moment(ready.at_tai_ns, last)]

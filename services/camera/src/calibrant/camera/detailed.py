"""The camera's detailed states as events: command, rafts, shutter, readiness, calibration. Pure; must not know what changes them.

Times are nanoseconds since 1970-01-01T00:00:00 TAI on the camera's clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    CalibrationDetailedState,
    CalibrationSubstate,
    CcsCommandState,
    CommandSubstate,
    ImageReadinessDetailedState,
    RaftsDetailedState,
    RaftsSubstate,
    ReadinessSubstate,
    ShutterDetailedState,
    ShutterSubstate,
)
from calibrant.contracts.common.v1 import TaiTime


@dataclass(frozen=True, slots=True)
class Detailed:
    """The detailed states of a camera since an instant.

    Parameters
    ----------
    component
        The camera.
    at_tai_ns
        Since when.
    """

    component: str
    at_tai_ns: int

    def command(self, substate: CommandSubstate) -> Message:
        """Return that a command is being carried out, or none."""
        return CcsCommandState(component=self.component, substate=substate, transition=self._at)

    def rafts(self, substate: RaftsSubstate) -> Message:
        """Return what the detectors do."""
        return RaftsDetailedState(component=self.component, substate=substate, transition=self._at)

    def shutter(self, substate: ShutterSubstate) -> Message:
        """Return where the shutter is."""
        return ShutterDetailedState(component=self.component, substate=substate, transition=self._at)

    def readiness(self, substate: ReadinessSubstate) -> Message:
        """Return whether an image can begin."""
        return ImageReadinessDetailedState(component=self.component, substate=substate, transition=self._at)

    def calibration(self, substate: CalibrationSubstate) -> Message:
        """Return whether images may be begun and ended by command."""
        return CalibrationDetailedState(component=self.component, substate=substate, transition=self._at)

    def at_rest(self) -> list[Message]:
        """Return the states of the detectors of a camera that has come up, or has stopped by an error."""
        return [
            self.shutter(ShutterSubstate.CLOSED),
            self.rafts(RaftsSubstate.QUIESCENT),
            self.readiness(ReadinessSubstate.NOT_READY),
            self.calibration(CalibrationSubstate.DISABLED),
        ]

    @property
    def _at(self) -> TaiTime:
        return TaiTime.from_ns(self.at_tai_ns)

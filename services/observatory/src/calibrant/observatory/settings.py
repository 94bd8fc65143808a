"""Settings of the observatory: those of a service, and what it hands on to single ones."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field

from calibrant.runtime.settings import ServiceSettings


class ObservatorySettings(ServiceSettings):
    """Settings shared by every service in the process."""

    instrument: str = Field(default="simcam", description="Instrument that the simulated camera imitates.")
    flaws: tuple[str, ...] = Field(
        default=(), description="Flaws of the simulated camera to switch on, by their names in its file."
    )
    effects: tuple[str, ...] = Field(
        default=(),
        description="Detector effects of the simulated camera to switch on: NAME, or NAME=PARAMETER:VALUE,….",
    )
    speed: float = Field(
        default=0.0, ge=0, description="Speed of the simulated camera: 1 is real time, 0 as fast as it can."
    )

    def taking_in(self, folder: Path) -> Self:
        """Return them with one folder more that frames may be taken in from, where not any file may be."""
        if self.frame_folders_allowed is None:
            return self
        return self.model_copy(update={"frame_folders": (*self.frame_folders_allowed, folder)})

"""Settings of the camera."""

from __future__ import annotations

from pydantic import Field, field_validator

from calibrant.camera.wire.settings import SalSettings
from calibrant.frames.times import parse_time


class CameraSettings(SalSettings):
    """What the camera is and how its simulation runs."""

    component: str = Field(default="camera", min_length=1, description="Name under which it is commanded.")
    instrument: str = Field(
        default="simcam", description="Instrument file that it imitates: a name or a path."
    )
    seed: int = Field(default=20260101, ge=0, description="Seed of all its random numbers.")
    speed: float = Field(
        default=0.0,
        ge=0,
        description="How much faster than real time: 1 is real time, 0 as fast as possible.",
    )
    clock_start: str = Field(
        default="2026-01-01T22:00:00",
        description="First start of the simulated clock; UTC unless it ends in TAI.",
    )
    flaws: tuple[str, ...] = Field(
        default=(), description="Flaws to switch on, by their names in the instrument's simulation.flaws."
    )
    effects: tuple[str, ...] = Field(
        default=(),
        description="Detector effects to switch on, each a name, or NAME=PARAMETER:VALUE,… as in docs/simulator.md.",
    )
    ack_margin_s: float = Field(
        default=120.0,
        gt=0,
        description="Unit: s. What a client is told to wait for each image beside exposure and readout.",
    )
    stall_free_bytes: int = Field(
        default=1 << 30,
        ge=0,
        description="Unit: byte. While the data folder's disk has less free, no image is begun: takeImages is "
        "answered STALLED. 0: no limit.",
    )
    stall_outbox_rows: int = Field(
        default=100_000,
        ge=0,
        description="While more events than so many wait to be sent, no image is begun: takeImages is answered "
        "STALLED. 0: no limit.",
    )

    @field_validator("clock_start")
    @classmethod
    def _time(cls, text: str) -> str:
        parse_time(text)
        return text

    @property
    def clock_start_tai_ns(self) -> int:
        """First start of the simulated clock, in nanoseconds since 1970-01-01T00:00:00 TAI."""
        return parse_time(self.clock_start)

"""Owns guide sensors: which a camera has beside its detectors. Must not know frames: no calibration is made of them."""

from pydantic import BaseModel, ConfigDict, Field


class GuideSensor(BaseModel):
    """One sensor that guides: small pieces of it are read, often, while an image is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int = Field(ge=0, description="Number, unique in the instrument, among those of the detectors, too.")
    name: str = Field(pattern=r"^[^\W_]+_[^\W_]+$", description="Raft and place, such as R00_SG0.")
    segments: int = Field(gt=0, description="How many segments (amplifiers) it has, numbered from 0.")
    segment_shape: tuple[int, int] = Field(description="Rows and columns of a segment.")
    gain_e_per_adu: float = Field(gt=0, description="Nominal gain [electron/adu].")
    read_noise_e: float = Field(ge=0, description="Nominal read noise [electron].")

    @property
    def short_name(self) -> str:
        """Its name as commands have it, such as R00SG0."""
        return self.name.replace("_", "")

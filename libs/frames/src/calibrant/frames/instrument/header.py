"""Owns the words of header translation in an instrument file; the translating itself is `translation`."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _regular(text: str) -> str:
    try:
        re.compile(text)
    except re.error as problem:
        raise ValueError(f"{text!r} is not a regular expression: {problem}") from problem
    return text


Regex = Annotated[str, AfterValidator(_regular)]


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TextSource(_Words):
    """A text taken from the first card present, else from the file name, else a constant.

    ``pattern`` is searched in the card's value, ``file_name`` in the file's name without folders; the first
    group, or else the whole match, is the value. ``with_night`` puts the night (YYYYMMDD) in front, for numbers that start anew each night.
    """

    cards: tuple[str, ...] = Field(default=(), description="Header cards, the first present one counts.")
    pattern: Regex | None = Field(
        default=None, description="Regular expression on the card's value; its first group is taken."
    )
    file_name: Regex | None = Field(default=None, description="Regular expression on the file name.")
    default: str | None = Field(default=None, description="Constant where nothing else tells.")
    with_night: bool = Field(default=False, description="Put the night (YYYYMMDD) in front.")

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not self.cards and self.file_name is None and self.default is None:
            raise ValueError("names no source; give cards, file_name or default")
        return self


class NumberSource(_Words):
    """A duration taken from the first card present, else a constant in seconds."""

    cards: tuple[str, ...] = Field(default=(), description="Header cards, the first present one counts.")
    unit: Literal["s", "ms", "us", "min"] = Field(default="s", description="Unit of the cards.")
    default_s: float | None = Field(default=None, ge=0, description="Constant where no card tells [s].")


class IntegerSource(_Words):
    """A whole number (a detector's id) taken from the first card present, else a constant."""

    cards: tuple[str, ...] = Field(default=(), description="Header cards, the first present one counts.")
    default: int | None = Field(default=None, description="Constant where no card tells.")


class ClaimSource(_Words):
    """A number that a header claims of the camera; it is compared with what is known, and never used."""

    cards: tuple[str, ...] = Field(min_length=1, description="Header cards, the first present one counts.")


class TemperatureSource(ClaimSource):
    """The sensor's temperature."""

    unit: Literal["C", "K"] = Field(default="C", description="Unit of the cards.")


class MonitorSource(ClaimSource):
    """The light that a photodiode or another monitor saw, in any unit and above zero."""

    reads: Literal["charge", "rate"] = Field(
        default="charge",
        description="Light of the whole exposure, or in each second, which is multiplied by the exposure time.",
    )


class MomentSource(_Words):
    """The start of the exposure, from the first card present.

    ``scale`` is the scale of the card's time where ``scale_card`` (for example TIMESYS) is absent.
    """

    cards: tuple[str, ...] = Field(min_length=1, description="Header cards, the first present one counts.")
    format: Literal["isot", "mjd", "jd", "unix"] = Field(
        default="isot", description="How the card is written."
    )
    scale: Literal["utc", "tai"] = Field(default="utc", description="Time scale of the card.")
    scale_card: str | None = Field(default=None, description="Card that names the scale, where present.")


class HeaderTranslation(_Words):
    """Which cards of this camera mean what."""

    exposure_id: TextSource = Field(description="Name of the exposure; all its frames share it.")
    begin: MomentSource = Field(description="Start of the exposure.")
    exptime: NumberSource = Field(description="Exposure time.")
    dark_time: NumberSource = Field(
        default=NumberSource(), description="Dark time; where nothing tells, the exposure time."
    )
    filter: TextSource | None = Field(default=None, description="Filter; omitted: none.")
    detector: IntegerSource = Field(
        default=IntegerSource(), description="Detector of a file that holds one; omitted: the only one."
    )
    gain: ClaimSource | None = Field(default=None, description="Gain [electron/ADU], to be compared.")
    read_noise: ClaimSource | None = Field(default=None, description="Read noise [electron], to be compared.")
    monitor: MonitorSource | None = Field(
        default=None, description="Light that a monitor saw during the exposure; for linearity."
    )
    temperature: TemperatureSource | None = Field(
        default=None, description="Temperature of the sensor, to be compared."
    )


class FileLayout(_Words):
    """How this camera lays its frames out in files."""

    hdus: Literal["one-detector", "extension-per-detector"] = Field(
        default="one-detector", description="One image per file, or one image extension per detector."
    )
    squeeze: bool = Field(default=False, description="Drop axes of length 1, as in (1, 100, 2048).")
    identify: dict[str, Regex] = Field(
        default_factory=dict,
        description="Cards that must match, so that no other camera's file is taken for one.",
    )

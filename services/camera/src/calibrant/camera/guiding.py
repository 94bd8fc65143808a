"""What is read of the guide sensors: the text that commands it, in SAL's words, and whether a camera can do it. Pure.

Must not know pixels, files or tables.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibrant.frames.instrument import GuideSensor, Instrument

LONGEST = 4000
"""Characters of the longest text."""
MOST_BYTES = 64 << 20
"""Stamps that a guide sensor may take of one image, in bytes of its file."""
_PIXEL_BYTES = 2
_Start = Annotated[int, Field(ge=0, strict=True)]
_Side = Annotated[int, Field(ge=10, le=400, strict=True)]


class Common(BaseModel):
    """What is the same for all guide sensors: the size of a stamp, and how long it integrates."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: _Side
    cols: _Side
    integrationTimeMillis: Annotated[int, Field(ge=5, le=200, strict=True)]  # noqa: N815  SAL's word


class Roi(BaseModel):
    """The piece of a guide sensor that is read, rows and columns counted from 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segment: _Start
    startRow: _Start  # noqa: N815  SAL's word
    startCol: _Start  # noqa: N815  SAL's word


class Guiding(BaseModel):
    """What is read of which guide sensors."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Roi] = Field(init=False)

    common: Common

    @property
    def rois(self) -> dict[str, Roi]:
        """What is read, by the sensor's name without underscore."""
        return self.__pydantic_extra__

    def stamps(self, exposure_time_s: float) -> int:
        """Return how many whole stamps fit into an exposure."""
        return int(round(exposure_time_s * 1000, 6) // self.common.integrationTimeMillis)

    def chosen(self, instrument: Instrument) -> list[tuple[GuideSensor, Roi]]:
        """Return the guide sensors that take stamps, and what is read of each."""
        return [(one, self.rois[one.short_name]) for one in instrument.guiders if one.short_name in self.rois]


def unguided(text: str, instrument: Instrument) -> str:
    """Return why guide sensors cannot be read so, and what to ask for instead; an empty text when they can."""
    if not instrument.guiders:
        return f"{instrument.name} has no guide sensors"
    if not text:
        return ""
    if len(text) > LONGEST:
        return f"roi_spec has {len(text)} characters; give {LONGEST} at most"
    try:
        guiding = Guiding.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(("roi_spec", *map(str, first["loc"])))
        return f"{place}: {first['msg']}"
    if not guiding.rois:
        return (
            "roi_spec names no guide sensor: say beside common what is read of one, or leave all of it empty"
        )
    known = {one.short_name: one for one in instrument.guiders}
    return next(filter(None, (_misplaced(name, guiding, known) for name in guiding.rois)), "")


def guided(text: str) -> str:
    """Say what follows from a text that a camera can do."""
    if not text:
        return "no stamps are taken"
    guiding = Guiding.model_validate_json(text)
    common, count = guiding.common, len(guiding.rois)
    return (
        f"{count} guide sensor(s): stamps of {common.rows} x {common.cols} pixels every "
        f"{common.integrationTimeMillis} ms of an image"
    )


def too_many_stamps(text: str, exposure_time_s: float) -> str:
    """Return that the stamps of an image would be too many, and what to do; an empty text when they are not."""
    if not text:
        return ""
    guiding = Guiding.model_validate_json(text)
    common, count = guiding.common, guiding.stamps(exposure_time_s)
    if (size := count * common.rows * common.cols * _PIXEL_BYTES) <= MOST_BYTES:
        return ""
    return (
        f"{count} stamps of {common.rows} x {common.cols} pixels are {size >> 20} MiB of a guide sensor, {MOST_BYTES >> 20} MiB "
        "are allowed: expose for less time, or send initGuiders with smaller or longer stamps, or with none"
    )


def _misplaced(name: str, guiding: Guiding, known: dict[str, GuideSensor]) -> str:
    """Return why what is read does not lie in a guide sensor."""
    if name not in known:
        near = get_close_matches(name, known, 1)
        return f"roi_spec.{name}: no such guide sensor; " + (
            f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        )
    sensor, roi = known[name], guiding.rois[name]
    if roi.segment >= sensor.segments:
        return f"roi_spec.{name}.segment is {roi.segment}; give 0 to {sensor.segments - 1}"
    rows, columns = sensor.segment_shape
    for key, start, side, whole in (
        ("startRow", roi.startRow, guiding.common.rows, rows),
        ("startCol", roi.startCol, guiding.common.cols, columns),
    ):
        if start + side > whole:
            return f"roi_spec.{name}.{key} is {start}: {side} from there leave the segment of {whole}; give {whole - side} at most"
    return ""

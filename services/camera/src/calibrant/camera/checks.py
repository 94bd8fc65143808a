"""Whether the fields of a command make sense for this camera. Pure; must not know states or tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from calibrant.camera.durations import LONGEST_AHEAD_S, MOST_CLEARS, Preparation, rows_of
from calibrant.camera.guiding import unguided
from calibrant.camera.logs import LEVELS
from calibrant.camera.saying import said_in
from calibrant.camera.simulator import IMAGE_TYPES, can_take
from calibrant.contracts.camera.v1 import (
    Clear,
    DiscardRows,
    InitGuiders,
    Playlist,
    SetFilter,
    SetLogLevel,
    StartImage,
    TakeImages,
    WakeFilterChanger,
)
from calibrant.frames.instrument import Instrument
from calibrant.sal import Command

MOST_IMAGES = 10_000
"""Images that one command may ask for."""
DARK_TYPES = ("BIAS", "DARK")
"""Image types for which the shutter stays closed."""
LAMP_TYPES = ("FLAT", "DFLAT", "SFLAT")
"""Image types for which the lamp shines."""
LONGEST_EXPOSURE_S = 86_400.0
LONGEST_AWAKE_S = 86_400.0
"""How long the filter changer can be kept awake by one command, in seconds."""
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_PATH = re.compile(r"/[^\x00-\x1f\x7f]{0,4095}")
_IMAGE = re.compile(r"[^\x00-\x1f\x7f]{1,255}")


def problem_of(command: Command, instrument: Instrument, filters: Sequence[str]) -> str:
    """Return why a command cannot be carried out, and what to ask for instead; an empty text when it can.

    Parameters
    ----------
    command
        What is asked for.
    instrument
        The camera.
    filters
        Filters that it has.

    Raises
    ------
    NotUnderstood
        What the observer says beside is no list of pairs.
    """
    return next(filter(None, _found(command, instrument, filters)), "")


def remark_on(command: Command) -> str:
    """Return what its sender may not have meant of a command that is carried out as it stands; else an empty text."""
    if isinstance(command, TakeImages):
        image_type, dark = command.image_type, command.exposure_time_s == 0
    elif isinstance(command, StartImage):
        image_type, dark = said_in(command.key_value_map or "").get("imageType", ""), False
    else:
        return ""
    if image_type in LAMP_TYPES and not command.shutter:
        return f"the shutter stays closed, so no light falls on this {image_type}: give shutter true for one"
    return "a DARK of 0 s has no dark current: it is a BIAS" if dark and image_type == "DARK" else ""


def _found(command: Command, instrument: Instrument, filters: Sequence[str]) -> Iterator[str]:
    if isinstance(command, SetFilter):
        yield _unknown_filter(command.name, instrument, filters)
    elif isinstance(command, Preparation):
        yield _unprepared(command, instrument)
    elif isinstance(command, SetLogLevel):
        yield from _no_level(command)
    elif isinstance(command, Playlist):
        yield from _no_playlist(command)
    elif isinstance(command, WakeFilterChanger):
        wrong = not 0 < command.duration_s <= LONGEST_AWAKE_S
        limit = f"give more than 0, {LONGEST_AWAKE_S:.0f} s at most"
        yield f"duration_s is {command.duration_s}; {limit}" if wrong else ""
    elif isinstance(command, InitGuiders):
        yield unguided(command.roi_spec, instrument)
    elif isinstance(command, StartImage):
        yield from _never_open(command, instrument)
    elif isinstance(command, TakeImages):
        yield _unknown_filter(command.filter, instrument, filters) if command.filter else ""
        yield from _problems(command, instrument)


def _unknown_filter(name: str, instrument: Instrument, filters: Sequence[str]) -> str:
    """Return that the camera has no such filter, and which it has; an empty text when it has it."""
    known = ", ".join(filters) or "none"
    return "" if name in filters else f"filter {name!r} is not in {instrument.name}, which has {known}"


def _unprepared(command: Preparation, instrument: Instrument) -> str:
    """Return why detectors cannot be made ready so, and what to ask for instead; an empty text when they can."""
    if isinstance(command, Clear):
        wrong = not 1 <= command.num_clears <= MOST_CLEARS
        return f"num_clears is {command.num_clears}; give 1 to {MOST_CLEARS}" if wrong else ""
    if isinstance(command, DiscardRows):
        rows = rows_of(instrument)
        return "" if 1 <= command.num_rows <= rows else f"num_rows is {command.num_rows}; give 1 to {rows}"
    wrong = not 0 <= command.delta_t_s <= LONGEST_AHEAD_S
    return f"delta_t_s is {command.delta_t_s}; give 0 to {LONGEST_AHEAD_S:g} s" if wrong else ""


def _problems(command: TakeImages, instrument: Instrument) -> Iterator[str]:
    exposure_s, image_type = command.exposure_time_s, command.image_type
    if not 1 <= command.num_images <= MOST_IMAGES:
        yield f"num_images is {command.num_images}; give 1 to {MOST_IMAGES}"
    if not 0 <= exposure_s <= LONGEST_EXPOSURE_S:
        yield f"exposure_time_s is {exposure_s}; give 0 to {LONGEST_EXPOSURE_S:.0f} s"
    if image_type == "BIAS" and exposure_s > 0:
        yield f"a BIAS has exposure_time_s 0, not {exposure_s}; take a DARK instead"
    yield from _image_problems(image_type, command.sensors, instrument, shutter=command.shutter)


def _never_open(command: StartImage, instrument: Instrument) -> Iterator[str]:
    """Give why an image cannot be begun by command, and what to ask for instead."""
    image_type = said_in(command.key_value_map or "").get("imageType", "")
    if not 0 < command.end_within_s <= LONGEST_EXPOSURE_S:
        yield f"end_within_s is {command.end_within_s}; give more than 0, {LONGEST_EXPOSURE_S:.0f} s at most"
    if not image_type:
        yield f"key_value_map says no imageType; give one of {', '.join(IMAGE_TYPES)}"
    if image_type == "BIAS":
        yield "a BIAS has no exposure time that a command could end; take it with takeImages"
    yield from _image_problems(image_type, command.sensors, instrument, shutter=command.shutter)


def _no_level(command: SetLogLevel) -> Iterator[str]:
    """Give why messages cannot be told so, and what to give instead."""
    least, most = LEVELS
    if not least <= command.level <= most:
        yield f"level is {command.level}; give {least} (debug), 20 (info), 30 (warning), 40 (error) or {most} (critical)"
    if command.subsystem:
        yield f"no subsystem {command.subsystem!r}: there is the camera's log only, leave it empty"


def _no_playlist(command: Playlist) -> Iterator[str]:
    """Give why a list cannot be defined so, and what to give instead."""
    if not _NAME.fullmatch(command.playlist):
        yield f"playlist is {command.playlist!r}; give a name of 1 to 100 characters without control characters"
    if not _PATH.fullmatch(command.folder):
        yield f"folder is {command.folder!r}; give a full path, one that begins with /, without control characters"
    if len(command.images) > MOST_IMAGES:
        yield f"images are {len(command.images)}; give {MOST_IMAGES} at most"
    if strange := [name for name in command.images if not _IMAGE.fullmatch(name)]:
        yield f"images has {strange[0][:255]!r}; give names of 1 to 255 characters without control characters"


def _image_problems(
    image_type: str, sensors: Sequence[int], instrument: Instrument, *, shutter: bool
) -> Iterator[str]:
    if image_type in DARK_TYPES and shutter:
        yield f"the shutter stays closed for a {image_type}: give shutter false, or another image_type"
    known = [detector.id for detector in instrument.detectors]
    strange = sorted(set(sensors) - set(known))
    if strange:
        yield f"sensors {strange} are not in {instrument.name}, which has detectors {known}"
    if image_type not in IMAGE_TYPES:
        yield f"image_type is {image_type!r}; give one of {', '.join(IMAGE_TYPES)}"
    elif not can_take(instrument, image_type):
        yield f"{instrument.name} does not tell {image_type} by its header cards, so the simulator cannot take one"

"""What exposures are asked for, and how a command says it; must not know cameras' states."""

from collections.abc import Mapping

from calibrant.contracts.sequencer.v1 import ExposureRequest

LONGEST_S = 86_400.0
"""Longest exposure that is commanded, s."""


def said_of_images(keys: Mapping[str, str]) -> str | None:
    """Return what is said of images as a command has it, ``KEY: VALUE`` with commas between; None: nothing."""
    return ", ".join(f"{key}: {value.replace(',', chr(92) + ',')}" for key, value in keys.items()) or None


def opens_shutter(image_type: str) -> bool:
    """Tell whether light is wanted in an exposure of a type."""
    return image_type not in {"BIAS", "DARK"}


def problem_of(asked: ExposureRequest, known: list[str]) -> str:
    """Say what is wrong with exposures asked for; empty when nothing is."""
    if asked.image_type.lower() not in known:
        return f"image type {asked.image_type!r} is unknown: use one of {', '.join(known).upper()}"
    if not asked.exposure_times_s:
        return f"{asked.image_type}: no exposure; give at least one exposure time"
    count = len(asked.exposure_times_s)
    if asked.discard is not None and not 0 <= asked.discard < count:
        return f"{asked.image_type}: discard {asked.discard} of {count} exposures: leave at least one"
    wrong = [t for t in asked.exposure_times_s if not 0 <= t <= LONGEST_S]
    what = "is negative" if wrong and wrong[0] < 0 else f"is no time of 0 to {LONGEST_S:g} s"
    return f"{asked.image_type}: exposure time {wrong[0]:g} s {what}" if wrong else ""

"""What the demonstration takes of a camera: few frames of each type, and one flaw that shows what is withheld.

Pure. Must not know how a run is followed.
"""

from __future__ import annotations

from calibrant.camera.simulator import parameters_of
from calibrant.contracts.sequencer.v1 import ExposureRequest
from calibrant.frames.instrument import Instrument

FRAMES = {"bias": (10, 0.0), "dark": (5, 30.0), "flat": (10, 5.0)}
"""By type, how many, and their exposure time in seconds."""
FLAW = "light-leak"
_FILTER = "r"


def demo_exposures(instrument: Instrument) -> tuple[ExposureRequest, ...]:
    """Return what the demonstration takes: flats in r, where the camera has it, else in its first filter."""
    filters = parameters_of(instrument).filters
    band = _FILTER if _FILTER in filters else next(iter(filters), "")
    return tuple(
        ExposureRequest(
            image_type=kind.upper(),
            exposure_times_s=(seconds,) * count,
            filter=band if kind == "flat" else "",
        )
        for kind, (count, seconds) in FRAMES.items()
    )


def demo_flaws(instrument: Instrument) -> tuple[str, ...]:
    """Return the flaw that the demonstration switches on; none where the instrument's file has no such flaw."""
    return (FLAW,) if FLAW in parameters_of(instrument).flaws else ()

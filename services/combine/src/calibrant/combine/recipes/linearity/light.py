"""How much light each flat got: exposure times, the lamp that is followed, or readings of a monitor. Must not know curves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibrant.combine.recipes.base import FrameInput, RecipeRefused
from calibrant.combine.recipes.linearity.parameters import LinearityParameters
from calibrant.frames.times import NS_PER_S
from calibrant.pixels.nonlinearity import (
    Brackets,
    Drift,
    Reason,
    common_level,
    interpolated_drift,
    polynomial_drift,
)
from calibrant.rules.association import TIME_TOLERANCE_S

Values = NDArray[np.float64]

NO_TIME: Final = "its header gives no exposure time"
NO_READING: Final = "no reading of the monitor above zero"


@dataclass(frozen=True, eq=False, slots=True)
class Lights:
    """The light of each exposure.

    Parameters
    ----------
    source : str
        ``time`` or ``monitor``.
    light : ndarray
        (exposures,), in s or in the monitor's unit; NaN where it is not known.
    reasons : tuple of str
        Why it is not; empty where it is.
    filters : tuple of str
        Each filter once; empty: none.
    groups : ndarray
        (exposures,): the filter of each, as its place in `filters`.
    brightness : ndarray
        (exposures,): of the lamp, which is in the light; 1 where it is not followed.
    stability_percent : float
        Scatter of the exposures that follow the lamp; NaN where none do.
    """

    source: str
    light: Values
    reasons: tuple[str, ...]
    filters: tuple[str, ...]
    groups: NDArray[np.intp]
    brightness: Values
    stability_percent: float = math.nan


def by_monitor(frames: Sequence[FrameInput], parameters: LinearityParameters) -> Lights:
    """Return what the monitor read: as the parameters say, else as the headers do.

    Raises
    ------
    RecipeRefused
        The parameters have readings, but none of these exposures, and times are not to be taken instead.
    """
    given = parameters.readings or {}
    if (
        given
        and not parameters.fall_back
        and not any(name in given for one in frames for name in (one.exposure_id, one.file_name))
    ):
        first = frames[0]
        raise RecipeRefused(
            f"linearity: none of the {len(given)} readings is of one of the {len(frames)} flats; they are of "
            f"{next(iter(given))} and others like it, the first flat is exposure {first.exposure_id}, file "
            f"{first.file_name}; name exposures by either"
        )
    readings = [_reading(frame, parameters) for frame in frames]
    return _lights("monitor", readings, NO_READING, frames)


def _reading(frame: FrameInput, parameters: LinearityParameters) -> float:
    """Return the light of an exposure; NaN where it is not known."""
    given = parameters.readings
    if given is None:
        return math.nan if frame.monitor is None else frame.monitor
    found = next((given[name] for name in (frame.exposure_id, frame.file_name) if name in given), math.nan)
    if parameters.readings_are == "rate":
        found *= math.nan if frame.exptime_s is None else frame.exptime_s
    return found if found > 0 else math.nan


def by_time(
    frames: Sequence[FrameInput], signal: Values, error: Values, parameters: LinearityParameters
) -> Lights:
    """Return exposure times, by what the shutter adds and by the brightness of the lamp where it is followed.

    Parameters
    ----------
    frames : sequence of FrameInput
        The exposures.
    signal, error : ndarray
        (amplifiers, exposures); NaN where there is none, as of a saturated amplifier.
    parameters : LinearityParameters
        How.

    Raises
    ------
    RecipeRefused
        Too few exposures follow the lamp.
    """
    times = [
        math.nan if frame.exptime_s is None else frame.exptime_s + parameters.shutter_s for frame in frames
    ]
    lights = _lights("time", times, NO_TIME, frames)
    if parameters.lamp == "steady":
        return lights
    lamp = _lamp(frames, signal, error, parameters)
    return Lights(
        source=lights.source,
        light=lights.light * lamp.brightness,
        reasons=lights.reasons,
        filters=lights.filters,
        groups=lights.groups,
        brightness=lamp.brightness,
        stability_percent=lamp.stability_percent,
    )


def _lights(source: str, light: Sequence[float], missing: str, frames: Sequence[FrameInput]) -> Lights:
    filters = tuple(dict.fromkeys(frame.filter or "" for frame in frames))
    return Lights(
        source=source,
        light=np.array(light, dtype=float),
        reasons=tuple("" if math.isfinite(one) else missing for one in light),
        filters=filters,
        groups=np.array([filters.index(frame.filter or "") for frame in frames], dtype=np.intp),
        brightness=np.ones(len(frames)),
    )


def _lamp(
    frames: Sequence[FrameInput], signal: Values, error: Values, parameters: LinearityParameters
) -> Drift:
    chosen = np.array([_follows(frame, parameters) for frame in frames])
    at_s = np.array([_middle_s(frame, frames[0].begin_tai_ns) for frame in frames])
    brackets = Brackets(at_s[chosen], *common_level(signal[:, chosen], error[:, chosen]))
    if parameters.lamp == "interpolated":
        drift = interpolated_drift(brackets, at_s)
    else:
        drift = polynomial_drift(brackets, at_s, parameters.lamp_degree)
    if isinstance(drift, Reason):
        of = "" if parameters.lamp_filter is None else f" in filter {parameters.lamp_filter}"
        raise RecipeRefused(
            f"linearity: only {np.count_nonzero(chosen)} flats of {parameters.lamp_time_s:g} s{of} follow the lamp; "
            "give the exposure time of more, or set lamp to steady"
        )
    return drift


def _middle_s(frame: FrameInput, zero_tai_ns: int) -> float:
    """Return the middle of an exposure: a lamp that drifts has its mean brightness then."""
    return (frame.begin_tai_ns - zero_tai_ns) / NS_PER_S + (frame.exptime_s or 0.0) / 2


def _follows(frame: FrameInput, parameters: LinearityParameters) -> bool:
    alike = parameters.lamp_filter in {None, frame.filter}
    time_s, wanted_s = frame.exptime_s, parameters.lamp_time_s
    return (
        alike and time_s is not None and wanted_s is not None and abs(time_s - wanted_s) <= TIME_TOLERANCE_S
    )

"""The whole way from raw frames with ccdproc, frame by frame, as its documentation does. Peers' virtual environment only."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from combiners.data import DARK_S, GAIN, OVERSCAN, READ_NOISE_E


@cache
def _read(folder: Path) -> dict[str, Any]:
    return {name: np.load(folder / f"{name}.npy") for name in ("raw", "bias", "dark", "flat")}


def chain(folder: Path) -> Any:
    """Correct each frame for overscan, bias, dark and flat, with its deviation; then clip and average."""
    import astropy.units as u  # noqa: PLC0415  a package that is missing spoils its own jobs alone
    import ccdproc  # noqa: PLC0415

    planes = _read(folder)
    units = {"bias": u.electron, "dark": u.electron, "flat": u.dimensionless_unscaled}
    masters = {name: ccdproc.CCDData(planes[name], unit=unit) for name, unit in units.items()}
    frames = [_corrected(ccdproc, u, frame, masters) for frame in planes["raw"]]
    combiner = ccdproc.Combiner(frames)
    combiner.sigma_clipping(low_thresh=3, high_thresh=3, func="median", dev_func="std")
    return combiner.average_combine()


def _corrected(ccdproc: Any, u: Any, raw: Any, masters: dict[str, Any]) -> Any:
    frame = ccdproc.CCDData(raw, unit="adu")
    frame = ccdproc.subtract_overscan(frame, overscan=frame[:, -OVERSCAN:], median=True, overscan_axis=1)
    frame = ccdproc.trim_image(frame[:, :-OVERSCAN])
    gain, noise = GAIN * u.electron / u.adu, READ_NOISE_E * u.electron
    frame = ccdproc.create_deviation(frame, gain=gain, readnoise=noise, disregard_nan=True)
    frame = ccdproc.gain_correct(frame, gain)
    frame = ccdproc.subtract_bias(frame, masters["bias"])
    frame = ccdproc.subtract_dark(
        frame,
        masters["dark"],
        dark_exposure=1 * u.s,
        data_exposure=DARK_S * u.s,
        exposure_unit=u.s,
        scale=True,
    )
    return ccdproc.flat_correct(frame, masters["flat"], norm_value=1.0)

"""The truth about a simulated detector, as files: FITS for its maps, JSON for the numbers of its effects.

Owns their layout. Must not know exposures or where files lie.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from astropy.io import fits

from calibrant.camera.simulator import SimulatedDetector
from calibrant.frames.writing.fits_bytes import fits_bytes


def as_json(facts: dict[str, Any]) -> bytes:
    """Return facts as a JSON file that a person can read."""
    return json.dumps(facts, indent=1, sort_keys=True).encode()


def static_truth(detector: SimulatedDetector) -> bytes:
    """Return the maps of a detector, one extension each, then those of its effects."""
    maps = detector.maps
    primary = fits.PrimaryHDU()
    primary.header["DETECTOR"] = detector.detector.id
    primary.header["SEED"] = detector.seed
    planes = {
        "BIAS_STRUCTURE": (maps.bias_structure_adu, "adu"),
        "DARK": (maps.dark_e_per_s, "electron/s"),
        "RESPONSE": (maps.response, ""),
    }
    for effect in detector.effects.values():
        planes.update(effect.truth().planes)
    hdus = [primary]
    for name, (plane, unit) in planes.items():
        hdu = fits.ImageHDU(np.ascontiguousarray(plane), name=name)
        hdu.header["BUNIT"] = unit
        hdus.append(hdu)
    return fits_bytes(hdus)


def effects_truth(detector: SimulatedDetector) -> bytes:
    """Return what is true of a detector's effects in all its exposures, by effect."""
    facts = {name: effect.truth().facts for name, effect in detector.effects.items()}
    return as_json({"detector": detector.detector.id, "seed": detector.seed, "effects": facts})

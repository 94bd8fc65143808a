"""What runs in a child process: simulate one frame and put it into the object store, with its truth beside it.

Owns the keys below ``raw/``. Must not know commands, tables or clocks: a frame is a function of its plan.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from astropy.io import fits

from calibrant.camera.simulator import Exposure, HeaderValues, SimulatedDetector, cards, simulate
from calibrant.contracts.camera.v1 import StoredFile
from calibrant.frames.instrument import Instrument
from calibrant.frames.writing import raw_bytes
from calibrant.frames.writing.fits_bytes import fits_bytes
from calibrant.runtime.computing import full_disk_told
from calibrant.runtime.ids import derive
from calibrant.runtime.objects import ObjectStore

RAW = "raw"


@dataclass(frozen=True, slots=True)
class Camera:
    """The simulated camera: plain, so that it can be sent to a child process.

    Parameters
    ----------
    instrument
        The instrument's canonical JSON.
    seed
        Seed of its random numbers.
    flaws
        Names of the flaws switched on.
    """

    instrument: str
    seed: int
    flaws: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FramePlan:
    """One frame to be taken: everything that its bytes depend on."""

    camera: Camera
    header: HeaderValues
    night: str
    shutter: bool

    @property
    def key(self) -> str:
        """Key of the frame's file in the object store."""
        return f"{raw_prefix(self.night, self.header.image_name)}_{self.header.detector}.fits"


def raw_prefix(night: str, image_name: str) -> str:
    """Return how the keys of an image's files begin; an underscore and the detector follow."""
    return f"{RAW}/{night}/{image_name}"


def expose(plan: FramePlan, objects: ObjectStore) -> StoredFile:
    """Take one frame: the file, its truth, and once per detector the detector's truth.

    The same plan puts the same bytes, so taking a frame again changes nothing.

    Raises
    ------
    CannotSimulate
        The instrument cannot be imitated.
    ObjectExists
        Another file has the frame's key.
    StoreUnavailable
        The object store is full or away, or the folder for temporary files is full.
    """
    header = plan.header
    instrument = _instrument(plan.camera.instrument)
    detector = _detector(plan.camera, header.detector)
    exposure = Exposure(
        header.exposure_id, header.image_type, header.exposure_time_s, header.dark_time_s, plan.shutter
    )
    frame = simulate(detector, exposure)
    content = raw_bytes(frame.array, cards(instrument, header))
    truth = json.dumps(frame.truth | {"static": truth_key(plan)}, indent=1, sort_keys=True).encode()
    with (
        full_disk_told(Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix="calibrant-frame-") as folder,
    ):
        scratch = Path(folder) / "file"

        def put(key: str, data: bytes, media_type: str) -> StoredFile:
            scratch.write_bytes(data)
            return StoredFile(detector=header.detector, ref=objects.put_if_absent(key, scratch, media_type))

        if not objects.exists(truth_key(plan)):
            put(truth_key(plan), _static_truth(detector), "image/fits")
        put(plan.key.removesuffix(".fits") + ".truth.json", truth, "application/json")
        return put(plan.key, content, "image/fits")


def truth_key(plan: FramePlan) -> str:
    """Return the key of the detector's static truth; it names the seed's and instrument's digest too."""
    instrument = _instrument(plan.camera.instrument)
    digest = derive(instrument.hash, str(plan.camera.seed))[:8]
    return f"{RAW}/truth/{instrument.name}_{plan.header.detector}_{digest}.fits"


def remove_image(objects: ObjectStore, night: str, image_name: str) -> None:
    """Remove every file of an image, whole or half-written; the camera owns ``raw/``. None there is no error."""
    objects.discard(f"{raw_prefix(night, image_name)}_")


@lru_cache(maxsize=2)
def _instrument(canonical: str) -> Instrument:
    return Instrument.model_validate_json(canonical)


@lru_cache(maxsize=4)
def _detector(camera: Camera, detector: int) -> SimulatedDetector:
    return SimulatedDetector.of(_instrument(camera.instrument), detector, camera.seed, camera.flaws)


def _static_truth(detector: SimulatedDetector) -> bytes:
    maps = detector.maps
    primary = fits.PrimaryHDU()
    primary.header["DETECTOR"] = detector.detector.id
    primary.header["SEED"] = detector.seed
    hdus = [primary]
    for name, plane, unit in (
        ("BIAS_STRUCTURE", maps.bias_structure_adu, "adu"),
        ("DARK", maps.dark_e_per_s, "electron/s"),
        ("RESPONSE", maps.response, ""),
    ):
        hdu = fits.ImageHDU(np.ascontiguousarray(plane), name=name)
        hdu.header["BUNIT"] = unit
        hdus.append(hdu)
    return fits_bytes(hdus)

"""What runs in a child process: simulate or play one frame and put it into the object store, with its truth beside it.

Owns the keys below ``raw/``. Must not know commands, tables or clocks: a frame is a function of its plan.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from calibrant.camera.recordings import NoRecording, recorded_pixels
from calibrant.camera.simulator import Earlier, Exposure, HeaderValues, SimulatedDetector, cards, simulate
from calibrant.camera.truth import as_json, effects_truth, static_truth
from calibrant.contracts.camera.v1 import StoredFile
from calibrant.frames.instrument import Instrument
from calibrant.frames.writing import raw_bytes
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
    effects
        Texts of the effects switched on.
    """

    instrument: str
    seed: int
    flaws: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Played:
    """A recorded frame that is played: the name of its image, and its file."""

    name: str
    file: str


@dataclass(frozen=True, slots=True)
class FramePlan:
    """One frame to be taken: everything that its bytes depend on."""

    camera: Camera
    header: HeaderValues
    night: str
    shutter: bool
    earlier: tuple[Earlier, ...] = ()
    played: Played | None = None

    @property
    def key(self) -> str:
        """Key of the frame's file in the object store."""
        return f"{raw_prefix(self.night, self.header.image_name)}_{self.header.detector}.fits"


def raw_prefix(night: str, image_name: str) -> str:
    """Return how the keys of an image's files begin; an underscore and the detector follow."""
    return f"{raw_folder(night)}/{image_name}"


def raw_folder(night: str) -> str:
    """Return the folder of a night's files in the object store."""
    return f"{RAW}/{night}"


def expose(plan: FramePlan, objects: ObjectStore) -> StoredFile:
    """Take one frame: the file, its truth, and once per simulated detector the detector's truth.

    The same plan puts the same bytes, so taking a frame again changes nothing.

    Raises
    ------
    CannotSimulate
        The instrument cannot be imitated.
    ObjectExists
        Another file has the frame's key.
    NoRecording
        A recorded frame is gone, or may not be read any more.
    StoreUnavailable
        The object store is full or away, or the folder for temporary files is full.
    """
    header = plan.header
    instrument = instrument_of(plan.camera.instrument)
    content, truth = _simulated(plan) if plan.played is None else _recorded(plan, plan.played, objects)
    with (
        full_disk_told(Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix="calibrant-frame-") as folder,
    ):
        scratch = Path(folder) / "file"

        def put(key: str, data: bytes, media_type: str) -> StoredFile:
            scratch.write_bytes(data)
            return StoredFile(
                detector=header.detector,
                ref=objects.put_if_absent(key, scratch, media_type),
                detector_name=instrument.detector(header.detector).name,
            )

        if plan.played is None and not objects.exists(truth_key(plan)):
            detector = _detector(plan.camera, header.detector)
            if detector.effects:
                put(effects_key(plan), effects_truth(detector), "application/json")
            put(truth_key(plan), static_truth(detector), "image/fits")
        put(plan.key.removesuffix(".fits") + ".truth.json", as_json(truth), "application/json")
        return put(plan.key, content, "image/fits")


def _simulated(plan: FramePlan) -> tuple[bytes, dict[str, Any]]:
    """Return the file of a simulated frame, and the truth about it."""
    header, detector = plan.header, _detector(plan.camera, plan.header.detector)
    exposure = Exposure(
        header.exposure_id,
        header.image_type,
        header.exposure_time_s,
        header.dark_time_s,
        plan.shutter,
        plan.earlier,
    )
    frame = simulate(detector, exposure)
    content = raw_bytes(frame.array, cards(instrument_of(plan.camera.instrument), header, frame.monitor_e))
    static = {"static": truth_key(plan)}
    if detector.effects:
        static["static_effects"] = effects_key(plan)
    return content, frame.truth | static


def _recorded(plan: FramePlan, played: Played, objects: ObjectStore) -> tuple[bytes, dict[str, Any]]:
    """Return the file of a recorded frame under the header of a new image, and what it was played from."""
    refusal = objects.outside.refusal(Path(played.file))  # a list outlives settings, and what lies at a path
    if refusal:
        raise NoRecording(f"a recorded frame cannot be played any more: {refusal}")
    instrument = instrument_of(plan.camera.instrument)
    array = recorded_pixels(instrument, Path(played.file), plan.header.detector)
    told = cards(instrument, plan.header) | {"PLAYED": (played.name, "image whose pixels these are")}
    return raw_bytes(array, told), {"played": asdict(played), "detector": plan.header.detector}


def truth_key(plan: FramePlan) -> str:
    """Return the key of the detector's static truth; it names the digest of seed, instrument and effects too."""
    instrument = instrument_of(plan.camera.instrument)
    digest = derive(instrument.hash, str(plan.camera.seed), *sorted(plan.camera.effects))[:8]
    return f"{RAW}/truth/{instrument.name}_{plan.header.detector}_{digest}.fits"


def effects_key(plan: FramePlan) -> str:
    """Return the key of the truth about the detector's effects; its maps are in the static truth."""
    return truth_key(plan).removesuffix(".fits") + ".effects.json"


def remove_image(objects: ObjectStore, night: str, image_name: str) -> None:
    """Remove every file of an image, whole or half-written; the camera owns ``raw/``. None there is no error."""
    objects.discard(f"{raw_prefix(night, image_name)}_")


@lru_cache(maxsize=2)
def instrument_of(canonical: str) -> Instrument:
    """Return an instrument of its canonical JSON."""
    return Instrument.model_validate_json(canonical)


@lru_cache(maxsize=4)
def _detector(camera: Camera, detector: int) -> SimulatedDetector:
    return SimulatedDetector.of(
        instrument_of(camera.instrument), detector, camera.seed, camera.flaws, camera.effects
    )

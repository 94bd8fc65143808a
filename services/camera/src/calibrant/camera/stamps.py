"""What runs in a child process for a guide sensor: its stamps of one image, as a cube, into the object store.

Must not know commands, tables or clocks: a file is a function of its plan.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from calibrant.camera.exposing import instrument_of, raw_prefix
from calibrant.camera.guiding import Common, Roi
from calibrant.camera.simulator import Seen, identity_cards, simulated_stamps
from calibrant.contracts.camera.v1 import StoredFile
from calibrant.frames.instrument import GuideSensor
from calibrant.frames.times import format_time
from calibrant.frames.writing import RawCards, write_cube
from calibrant.runtime.computing import full_disk_told
from calibrant.runtime.objects import ObjectStore

_NS_PER_MS = 1_000_000
_SEGMENTS_IN_A_ROW = 8


@dataclass(frozen=True, slots=True)
class StampsPlan:
    """The stamps that a guide sensor takes of one image: everything that the bytes of its file depend on.

    ``instrument`` is canonical JSON. The first stamp begins with the image, at ``begin_tai_ns`` since
    1970-01-01T00:00:00 TAI of the camera's clock, every other one when the one before it ends.
    """

    instrument: str
    sensor: GuideSensor
    common: Common
    roi: Roi
    image_name: str
    night: str
    begin_tai_ns: int
    count: int
    seen: Seen

    @property
    def key(self) -> str:
        """Key of the file in the object store."""
        return f"{raw_prefix(self.night, self.image_name)}_{self.sensor.name}_guider.fits"

    @property
    def end_tai_ns(self) -> int:
        """When the last stamp ends."""
        return self.begin_tai_ns + self.count * self.common.integrationTimeMillis * _NS_PER_MS


def take_stamps(plan: StampsPlan, objects: ObjectStore) -> StoredFile:
    """Take the stamps of one guide sensor; the same plan puts the same bytes.

    Raises
    ------
    StoreUnavailable
        The object store is full or away.
    DiskFull
        The folder for temporary files is full.
    """
    common = plan.common
    shape, time_s = (common.rows, common.cols), common.integrationTimeMillis / 1000
    with (
        full_disk_told(Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix="calibrant-stamps-") as folder,
    ):
        scratch = Path(folder) / "file"
        with scratch.open("wb") as stream:
            stamps = simulated_stamps(plan.seen, plan.sensor, shape, plan.count, time_s)
            write_cube(stream, (plan.count, *shape), stamps, _cards(plan))
        ref = objects.put_if_absent(plan.key, scratch, "image/fits")
    return StoredFile(detector=plan.sensor.id, ref=ref, detector_name=plan.sensor.name)


def _cards(plan: StampsPlan) -> RawCards:
    instrument, roi = instrument_of(plan.instrument), plan.roi
    raft, slot = plan.sensor.name.split("_")
    row, column = divmod(roi.segment, _SEGMENTS_IN_A_ROW)
    detector = instrument.header.detector.cards
    return {
        **identity_cards(instrument),
        **dict.fromkeys(detector[:1], (plan.sensor.id, "guide sensor")),
        "OBSID": (plan.image_name, "image name"),
        "RAFTBAY": (raft, "raft"),
        "CCDSLOT": (slot, "place in the raft"),
        "ROISEG": (f"Segment{row}{column}", "segment that is read"),
        "ROIROW": (roi.startRow, "first row that is read, from 0"),
        "ROICOL": (roi.startCol, "first column that is read, from 0"),
        "ROIROWS": (plan.common.rows, "rows that are read"),
        "ROICOLS": (plan.common.cols, "columns that are read"),
        "N_STAMPS": (plan.count, "stamps"),
        "STAMPT": (plan.common.integrationTimeMillis / 1000, "[s] from one stamp to the next"),
        "TIMESYS": ("TAI", "time scale"),
        "DATE-BEG": (format_time(plan.begin_tai_ns, "tai", 9), "start of the first stamp"),
        "DATE-END": (format_time(plan.end_tai_ns, "tai", 9), "end of the last stamp"),
        "SIMULATE": (True, "made by a simulator"),
    }

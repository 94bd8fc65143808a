"""What memory the jobs are allowed: as much as their images take, whatever the run."""

import pytest

from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.verify.v1 import MeasureJob
from calibrant.frames.instrument import load_instrument
from calibrant.sequencer.plan.memory import BAND_ROWS, BASE_BYTES, PIXEL_BYTES, footprint_of

SIMCAM = load_instrument("simcam")  # 1056 x 1096 pixels
MIB = 2**20


@pytest.mark.parametrize(
    (
        "images",
        "frames",
        "measured_mib",
    ),  # growth of VmData under the jobs with two threads, seen from outside
    [
        (0, 3, 51),
        (0, 20, 69),
        (1, 3, 77),
        (1, 20, 78),
        (2, 3, 139),
        (2, 20, 148),
        (2, 0, 73),
        (3, 0, 105),
        (4, 0, 166),
    ],
    ids=str,
)
def test_what_jobs_of_a_megapixel_were_seen_to_take_is_allowed_with_as_much_again_for_threads(
    images, frames, measured_mib
):
    allowed = footprint_of(SIMCAM, 1.0).allowed_bytes(1, images, frames)
    assert measured_mib < (allowed - BASE_BYTES / 2) / MIB
    assert (allowed - BASE_BYTES) / MIB < 2 * measured_mib


def test_a_factor_gives_more_or_no_limit_and_an_unknown_detector_has_none():
    once, twice, never = (footprint_of(SIMCAM, scale).allowed_bytes(1, 9) for scale in (1.0, 2.0, 0.0))
    assert (twice, never) == (2 * once, 0)
    assert footprint_of(SIMCAM, 1.0).allowed_bytes(99, 9) == 0


def jobs(kit, counts, **settings):
    world = kit.world()
    world.service.settings = world.service.settings.model_copy(update=settings)
    world.frames = kit.frames(counts)
    world.request(kit.request(folder=kit.folder))
    world.play()
    return {
        (type(job).__name__, getattr(job, "recipe", "") or job.kind): job.memory_bytes
        for job in (*world.of(CombineJob), *world.of(MeasureJob))
    }


def test_jobs_are_allowed_what_their_detector_frames_and_calibrations_need(kit):
    few, many = jobs(kit, {"bias": 3, "dark": 3}), jobs(kit, {"bias": 9, "dark": 9})
    rows, columns = load_instrument("simcam-tiny").detector(0).raw_shape
    image, band = PIXEL_BYTES * rows * columns, PIXEL_BYTES * BAND_ROWS * columns
    for kind in ("bias", "dark"):
        assert many["CombineJob", kind] - few["CombineJob", kind] == 6 * band  # of a frame it has some rows
    assert many["MeasureJob", "bias"] == few["MeasureJob", "bias"]  # it looks at one frame at a time
    assert (
        many["MeasureJob", "dark"] - few["MeasureJob", "dark"] == 6 * band
    )  # and splits the darks all at once
    assert few["CombineJob", "dark"] - few["CombineJob", "bias"] == image
    assert few["MeasureJob", "dark"] - few["MeasureJob", "bias"] == image + 3 * band
    assert set(jobs(kit, {"bias": 3, "dark": 3}, job_memory=0.0).values()) == {0}

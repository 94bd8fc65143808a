"""What memory the jobs are allowed: as much as their images take, whatever the run."""

import pytest

from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.verify.v1 import MeasureJob
from calibrant.frames.instrument import load_instrument
from calibrant.sequencer.plan.memory import BASE_BYTES, PIXEL_BYTES, footprint_of

SIMCAM = load_instrument("simcam")  # 1056 x 1096 pixels
MIB = 2**20


@pytest.mark.parametrize(
    ("images", "measured_mib"),  # growth of VmData under the jobs, seen from outside
    [(3, 74), (20, 304), (4, 114), (21, 480), (5, 108), (22, 472), (2, 49), (3, 65), (4, 95)],
    ids=str,
)
def test_what_jobs_of_a_megapixel_were_seen_to_take_is_allowed_and_not_three_times_as_much(
    images, measured_mib
):
    allowed = footprint_of(SIMCAM, 1.0).allowed_bytes(1, images) - BASE_BYTES
    assert measured_mib < allowed / MIB < 3 * measured_mib


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
    image = PIXEL_BYTES * rows * columns
    for kind in ("bias", "dark"):
        assert many["CombineJob", kind] - few["CombineJob", kind] == 6 * image
        assert many["MeasureJob", kind] == few["MeasureJob", kind]  # it looks at one frame at a time
    for job in ("CombineJob", "MeasureJob"):
        assert few[job, "dark"] - few[job, "bias"] == image
    assert set(jobs(kit, {"bias": 3, "dark": 3}, job_memory=0.0).values()) == {0}

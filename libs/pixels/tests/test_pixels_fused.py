"""Raw frames combined in one pass: the same as one by one, whatever the layout, the terms and the tile."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.pixels import (
    Amplifier,
    ArrayRows,
    Box,
    Composition,
    DoubleSpline,
    Geometry,
    Lookup,
    Mask,
    Overscan,
    Polynomial,
    Reference,
    Signature,
    Spline,
    Step,
    Terms,
    amplifier_statistics,
    combine,
    combine_raw,
    correct_frame,
    flat_statistics,
    frame_levels,
    frame_statistics,
)
from calibrant.pixels.corrected import CorrectedFrame, CorrectedStack
from calibrant.pixels.numbers import gather_numbers
from calibrant.pixels.plan import CorrectedFrames, RawFrames

PLANES = ("data", "variance", "count", "mask")


def detector(ny=12, nx=10, over=4, *, flips=((True, False), (False, True))):
    """Two amplifiers, one above the other when assembled, side by side in the raw frame."""
    amplifiers = tuple(
        Amplifier(
            name=f"A{index}",
            image=Box(0, ny, index * (nx + over), index * (nx + over) + nx),
            placed=Box(index * ny, (index + 1) * ny, 0, nx),
            flip_x=flip_x,
            flip_y=flip_y,
            serial_overscan=Box(0, ny, index * (nx + over) + nx, (index + 1) * (nx + over)),
            parallel_overscan=Box(ny, ny + 2, index * (nx + over), index * (nx + over) + nx),
            gain_e_per_adu=1.5 + index,
            read_noise_e=4.0,
            saturation_adu=40000.0,
        )
        for index, (flip_x, flip_y) in enumerate(flips)
    )
    return Geometry((ny + 2, 2 * (nx + over)), (2 * ny, nx), amplifiers)


def frames_of(geometry, count, seed, kind="u2"):
    rng = np.random.default_rng(seed)
    frames = rng.normal(1000, 5, (count, *geometry.raw_shape)) + rng.uniform(0, 20, (count, 1, 1))
    for amplifier in geometry.amplifiers:
        part = (slice(None), *amplifier.image.slices)
        frames[part] += rng.poisson(800, frames[part].shape)
    frames[rng.random(frames.shape) < 0.03] = 45000
    frames[1:, 2, 3] = 45000  # all frames but one are saturated there
    return list(frames.round().astype(kind))


def full_signature(geometry, seed):
    rng = np.random.default_rng(seed)

    def reference(level):
        mask = np.where(rng.random(geometry.shape) < 0.1, np.uint32(Mask.HOT), np.uint32(0))
        return Reference(rng.normal(level, level / 10, geometry.shape), np.full(geometry.shape, 0.01), mask)

    return Signature(
        overscan=Overscan("median-per-row"),
        parallel=Overscan("median"),
        linearity={one.name: Polynomial((1e-7,)) for one in geometry.amplifiers},
        bias=reference(3.0),
        dark=reference(0.1),
        defects=np.where(rng.random(geometry.shape) < 0.03, np.uint32(Mask.BAD), np.uint32(0)),
        flat=reference(1.0),
    )


def one_by_one(frames, geometry, signature, terms, **options):
    images = [
        correct_frame(frame, geometry, signature, one) for frame, one in zip(frames, terms, strict=True)
    ]
    return images, combine(
        [image.data for image in images],
        variances=[image.variance for image in images],
        masks=[image.mask for image in images],
        **options,
    )


def assert_same(found, expected):
    for plane in PLANES:
        np.testing.assert_array_equal(getattr(found, plane), getattr(expected, plane), err_msg=plane)


LINEARITIES = (
    None,
    Polynomial((1e-7,)),
    Spline((-10.0, 2000.0), (1.0, 5.0)),
    Polynomial((1e-7, -2e-12, 3e-17)),
    Spline((100.0, 900.0, 2000.0, 2100.0), (0.0, 3.0, -2.0, 1.0)),
    Lookup(np.linspace(0, 5, 1500, dtype=np.float32), 700),
    DoubleSpline(Spline((-10.0, 700.0, 2000.0), (1.0, 5.0, 2.0)), Spline((100.0, 900.0), (0.0, 3.0))),
)


@st.composite
def situations(draw):
    seed, count = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 9))
    flip = st.tuples(st.booleans(), st.booleans())
    geometry = detector(flips=draw(st.lists(flip, min_size=2, max_size=2)))
    frames = frames_of(geometry, count, seed, draw(st.sampled_from(["<u2", ">i4", ">f4", "<f8"])))
    if frames[0].dtype.kind == "f":
        frames[0][1, :4] = frames[-1][5, 1:3] = np.nan
        frames[0][2, 1], frames[-1][2, 2] = np.inf, -np.inf
    method = draw(st.sampled_from(["none", "median", "clipped-mean", "median-per-row", "polynomial"]))
    linearity = draw(st.sampled_from(LINEARITIES))
    signature = dataclasses.replace(
        full_signature(geometry, seed),
        overscan=Overscan(method),
        parallel=Overscan(draw(st.sampled_from(["none", "median", "median-per-row"]))),
        unit=draw(st.sampled_from(["electron", "adu"])),
        linearity={} if linearity is None else {one.name: linearity for one in geometry.amplifiers},
        photon_noise=draw(st.booleans()),
    )
    signature.flat.data[0, :3] = 0.0, np.nan, -1.0
    without = draw(st.sets(st.sampled_from(["bias", "dark", "flat", "defects"])))
    plain = draw(st.sets(st.sampled_from(["bias", "dark", "flat"])))
    bare = {name: dataclasses.replace(getattr(signature, name), mask=None, variance=None) for name in plain}
    return frames, geometry, dataclasses.replace(signature, **{**bare, **dict.fromkeys(without)})


@given(
    situations(),
    st.sampled_from(["clipped-mean", "median", "mean", "weighted-mean"]),
    st.sampled_from([1, 3000, 10**7]),
    st.sampled_from(["cpu", "numpy"]),
)
@settings(max_examples=100, deadline=None)
def test_one_pass_is_one_by_one_to_the_bit(situation, statistic, tile_bytes, backend):
    frames, geometry, signature = situation
    count = len(frames)
    terms = [Terms(10.0 + index, scale=(1.0 + index, 2.0), weight=1.0 + index) for index in range(count)]
    weights = [one.weight for one in terms] if statistic == "weighted-mean" else None
    images, expected = one_by_one(frames, geometry, signature, terms, statistic=statistic, weights=weights)
    found = combine_raw(
        frames, geometry, signature, terms, statistic=statistic, tile_bytes=tile_bytes, backend=backend
    )
    assert_same(found.combined, expected)
    assert found.overscan == tuple(image.overscan for image in images)


class Rows:
    """Unsigned values stored as signed ones, as FITS does; counts what is asked for."""

    zero = 2**15

    def __init__(self, plane):
        self.plane = (plane.astype("i4") - 2**15).astype(">i2")
        self.shape, self.dtype, self.asked = plane.shape, self.plane.dtype, 0

    def read_rows(self, first, last, into):
        self.asked += last - first
        into[...] = self.plane[first:last]


def test_rows_come_from_anything_and_are_read_once_beside_the_overscans():
    geometry = detector(flips=((False, False), (False, False)))
    frames = frames_of(geometry, 6, 1)
    for frame in frames:
        frame[2, 3] = 1000  # else one sample only is left there, and its variance wants its row again
    signature = full_signature(geometry, 1)
    terms = [Terms(5.0)] * 6
    sources = [Rows(frame) for frame in frames]
    found = combine_raw(sources, geometry, signature, terms, tile_bytes=4000)
    assert_same(found.combined, combine_raw(frames, geometry, signature, terms).combined)
    # overscan rows of both amplifiers (12 and 2), and 12 rows of each amplifier's part of the assembled frame
    assert {source.asked for source in sources} == {12 + 2 + 24}


class Torn(Rows):
    """A file that ends early, or is cut while it is read."""

    def __init__(self, plane, whole):
        super().__init__(plane)
        self.whole = whole

    def read_rows(self, first, last, into):
        super().read_rows(first, last, into)
        if self.asked > self.whole:
            raise OSError("frame_3.fits: the file ends early")


@pytest.mark.parametrize("backend", ["cpu", "numpy"])
@pytest.mark.parametrize("whole", [5, 20])
def test_what_a_source_says_when_it_fails_reaches_the_caller(whole, backend):
    """While overscans are measured, 14 rows of this detector, and while rows are combined."""
    geometry = detector()
    frames = frames_of(geometry, 6, 7)
    sources = [*(Rows(frame) for frame in frames[:5]), Torn(frames[5], whole)]
    signature = Signature(overscan=Overscan("median"), parallel=Overscan("median"))
    with pytest.raises(OSError, match=r"frame_3\.fits: the file ends early"):
        combine_raw(sources, geometry, signature, backend=backend, threads=2)


@pytest.mark.parametrize("reach", [2, None])
def test_a_barrier_sees_the_rows_it_reaches(reach):
    class Smear:
        """Each pixel takes the greatest of the rows within two of it."""

        def __init__(self):
            self.reach = reach

        def apply(self, band, geometry):
            edge = np.pad(band.data, ((2, 2), (0, 0)), constant_values=-np.inf)
            band.data[...] = np.max([edge[k : k + len(band.data)] for k in range(5)], axis=0)

    geometry = detector()
    frames = frames_of(geometry, 5, 2)
    signature = dataclasses.replace(full_signature(geometry, 2), barriers={Step.COSMIC_RAYS: Smear()})
    terms = [Terms(5.0)] * 5
    _, expected = one_by_one(frames, geometry, signature, terms)
    assert_same(combine_raw(frames, geometry, signature, terms, tile_bytes=1, threads=2).combined, expected)
    image = correct_frame(frames[0], geometry, signature, terms[0])
    described = amplifier_statistics(image, geometry)
    assert frame_statistics(frames[0], geometry, signature, terms[0]).amplifiers == described
    flat = flat_statistics(
        frames[0], geometry, signature, terms=terms[0], composition=Composition(1)
    ).amplifiers
    assert {name: one.median for name, one in flat.items()} == {
        name: one.median for name, one in described.items()
    }
    levels = frame_levels(frames, geometry, signature, terms, of="amplifier", statistic="median").levels
    assert levels[0].tolist() == [described[one.name].median for one in geometry.amplifiers]


def test_memory_does_not_grow_with_the_number_of_frames():
    geometry = detector(ny=256, nx=512, over=16)
    frame = frames_of(geometry, 1, 3)[0]
    signature, peaks = Signature(overscan=Overscan("median-per-row")), []
    for count in (10, 40):
        tracemalloc.start()
        combine_raw([frame] * count, geometry, signature, tile_bytes=2**20)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 2**20


def test_what_is_wrong_is_named():
    geometry = detector()
    frames = frames_of(geometry, 3, 4)
    dark = Reference(np.zeros(geometry.shape))
    blind = [*frames[:2], frames[2].astype("f4")]
    plain = Signature()
    for message, frames_given, signature, terms in [
        (r"frames\[1\]: shape", [frames[0], frames[1][1:]], plain, None),
        ("frames: shape", [frame[1:] for frame in frames], plain, None),
        ("frames: empty", [], plain, None),
        (r"frames\[2\]: values of type float32", blind, plain, None),
        ("terms: 2, but there are 3 frames", frames, plain, [Terms()] * 2),
        ("frame 0: dark_time_s is None", frames, Signature(dark=dark), None),
        ("frame 1: dark_time_s is nan", frames, Signature(dark=dark), [Terms(1.0), Terms(np.nan), Terms()]),
    ]:
        with pytest.raises(ValueError, match=message):
            combine_raw(frames_given, geometry, signature, terms)
    lost = np.array(frames, dtype="f4")
    lost[1, :, 10:14] = np.nan
    with pytest.raises(ValueError, match="frame 1: amplifier 'A0': no finite pixel in its overscan"):
        combine_raw(lost, geometry, plain)


def test_options_that_belong_to_the_terms_are_refused_by_name():
    geometry = detector()
    frames = frames_of(geometry, 3, 1)
    with pytest.raises(TypeError, match=r"no option weights; .* scales and weights stand in terms"):
        combine_raw(frames, geometry, Signature(), statistic="weighted-mean", weights=[1, 1, 1])


def test_a_masked_array_is_refused_wherever_it_would_lose_its_mask():
    geometry = detector()
    frame, *_ = frames_of(geometry, 1, 1)
    with pytest.raises(ValueError, match=r"raw frame: a masked array"):
        correct_frame(np.ma.array(frame), geometry, Signature())
    bias = Reference(np.ma.zeros(geometry.shape))
    with pytest.raises(ValueError, match=r"bias: a masked array"):
        combine_raw([frame], geometry, Signature(bias=bias))


def test_a_stack_that_has_masks_and_variances_takes_no_others():
    geometry = detector()
    sources = [ArrayRows(frame) for frame in frames_of(geometry, 3, 1)]
    numbers = gather_numbers(sources, geometry, Signature(), [Terms()] * 3)
    frames = [CorrectedFrame(index, one, numbers, noise=True) for index, one in enumerate(sources)]
    stack = CorrectedStack(frames, RawFrames(tuple(sources), numbers))
    assert isinstance(stack, CorrectedFrames)
    expected = combine_raw(sources, geometry, Signature(), [Terms()] * 3).combined
    found = combine(stack)
    for plane in PLANES:
        np.testing.assert_array_equal(getattr(found, plane), getattr(expected, plane))
    for beside in ({"masks": stack.masks}, {"variances": stack.variances}):
        with pytest.raises(ValueError, match="a stack of corrected frames has its own"):
            combine(stack, **beside)

"""What noise a frame less its product must show, and what cosmic rays do to it: simulated to stated accuracy."""

import gc

import numpy as np
import pytest
from astropy.io import fits

from calibrant.frames.reading.rows import HeldRows
from calibrant.pixels import Reference, remove_signature
from calibrant.rules.verification import ALL_EXPOSURES, Verdict
from calibrant.verify.measuring import once
from calibrant.verify.measuring.membership import membership
from calibrant.verify.noticing import findings


def ratios(report):
    """NOISE over what is expected of it, by membership."""
    inside = {frame.exposure_id: frame.in_reference for frame in report.frames}
    found = {True: [], False: []}
    for row in (row for row in report.measurements if row.amplifier and row.exposure_id != ALL_EXPOSURES):
        found[inside[row.exposure_id]].append(row.values["NOISE_RATIO"])
    return found


@pytest.mark.parametrize(("statistic", "n"), [("mean", 3), ("mean", 10), ("median", 4), ("median", 9)])
def test_biases_have_the_noise_expected_in_the_product_and_held_out(bench, statistic, n):
    """The mean of 12 to 40 amplifiers, each known to 1.4 %, agrees within 1.5 %; half of that is quantisation."""
    frames = bench.frames("bias", n + 8)
    bias = bench.master("bias", frames[:n], statistic=statistic)
    report, _ = bench.measure(bias, frames)
    found = ratios(report)
    assert np.mean(found[True]) == pytest.approx(1.0, abs=0.015)
    assert np.mean(found[False]) == pytest.approx(1.0, abs=0.015)
    assert {r.verdict for r in report.results if r.test == "NOISE"} == {Verdict.PASS}


@pytest.mark.parametrize(
    ("unit", "statistic"), [("electron", "clipped-mean"), ("adu", "mean"), ("electron", "median")]
)
def test_flats_of_unequal_levels_have_the_noise_expected_from_faint_to_bright(bench, unit, statistic):
    """A faint flat has nearly all the noise of the master. Taken as equal, bright ones had up to 1.6 times theirs."""
    levels = [300.0, 1000.0, *[20_000.0] * 4]
    made, new = ([bench.frame("flat", f"{name}-{e:.0f}-{i}", light_e=e) for i, e in enumerate(levels)]
                 for name in ("made", "new"))  # fmt: skip
    bias = bench.master("bias", bench.frames("bias", 30))
    flat = bench.master("flat", made, unit=unit, statistic=statistic, bias=bias)
    report, _ = bench.measure(flat, [*made, *new], bias)
    for name in ("made", "new"):
        for level in sorted(set(levels)):
            found = [row.values["NOISE_RATIO"] for row in report.measurements
                     if row.amplifier and row.exposure_id.startswith(f"{name}-{level:.0f}-")]  # fmt: skip
            assert np.mean(found) == pytest.approx(1.0, abs=0.05), (name, level)
    assert {r.verdict for r in report.results if r.test == "NOISE_MODEL"} == {Verdict.PASS}
    assert not [one for one in findings("flat", {0: report}) if "gain" in one or "shape" in one]


def test_darks_of_other_dark_times_have_the_noise_expected(bench):
    """Long ones have the bias in them once, and the dark made of short ones has it several times: it brings 20 %."""
    bias = bench.master("bias", bench.frames("bias", 6))
    darks = [bench.frame("dark", f"dark-{i}", time_s=t) for i, t in enumerate((*[10.0] * 5, 60.0))]
    dark = bench.master("dark", darks, bias=bias)
    report, _ = bench.measure(
        dark, [*darks, *(bench.frame("dark", f"out-{i}", time_s=60.0) for i in range(3))], bias
    )
    found = ratios(report)
    assert np.mean(found[True][:-4]) == pytest.approx(1.0, abs=0.03)
    assert np.mean(found[True][-4:]) == pytest.approx(1.0, abs=0.03)
    assert np.mean(found[False]) == pytest.approx(1.0, abs=0.03)


def split(report, amplifier="A00"):
    (row,) = [r for r in report.measurements if (r.exposure_id, r.amplifier) == (ALL_EXPOSURES, amplifier)]
    return row.values


def test_even_and_odd_darks_agree_and_their_difference_has_the_noise_of_both(bench):
    """The oracle: means of the corrected frames by NumPy."""
    times = (10.0, 10.0, 30.0, 30.0, 20.0)
    bias = bench.master("bias", bench.frames("bias", 10))
    darks = [bench.frame("dark", f"dark-{i}", time_s=t) for i, t in enumerate(times)]
    report, measured = bench.measure(bench.master("dark", darks, bias=bias), darks, bias)
    geometry, scaled = bench.instrument.geometry(0), []
    for dark, time_s in zip(darks, times, strict=True):
        raw = fits.getdata(bench.objects.path_of(dark.ref.uri))
        method = bench.instrument.overscan.method
        image = remove_signature(raw, geometry, overscan=method, bias=Reference(bias.image.data))
        scaled.append(image.data / (time_s / 20.0))
    difference = np.mean(scaled[::2], axis=0) - np.mean(scaled[1::2], axis=0)
    for amplifier in geometry.amplifiers:
        values, plain = split(report, amplifier.name), difference[amplifier.placed.slices]
        assert values["SPLIT_MEAN"] == pytest.approx(plain.mean(), abs=0.02)
        assert values["SPLIT_NOISE"] == pytest.approx(plain.std(ddof=1), rel=0.01)
        assert values["SPLIT_NOISE"] == pytest.approx(values["SPLIT_EXPECTED"], rel=0.05)
        assert values["N_SPLIT"] == 5
    mine = [r for r in report.results if r.exposure_id == ALL_EXPOSURES]
    assert {(r.test, r.verdict) for r in mine} == {("SPLIT_MEAN", "pass"), ("SPLIT_NOISE", "pass")}
    assert bench.decide("dark", [measured]).decision.outcome == "certified"


def test_darks_that_alternate_are_withheld_by_the_split(bench):
    """Each dark agrees with the mean of all within its noise; the even ones differ from the odd ones."""
    bias = bench.master("bias", bench.frames("bias", 10))
    darks = [bench.frame("dark", f"dark-{i}", time_s=10.0, light_e=5.0 * (i % 2)) for i in range(6)]
    report, measured = bench.measure(bench.master("dark", darks, bias=bias), darks, bias)
    assert {r.verdict for r in report.results if r.test == "MEAN"} == {Verdict.PASS}
    (detector,) = bench.decide("dark", [measured]).detectors
    assert not detector.accepted
    assert "SPLIT_MEAN fails in 6 of 6 exposures" in detector.reason
    assert "in A" in detector.reason
    assert ", all exposures, limit 0.5" in detector.reason


def test_the_split_holds_no_frame_in_memory(bench, monkeypatch):
    """However many darks there are: they are open at once, and read by rows."""
    held, split_of = [], once.split_values

    def watched(darks, *others):
        gc.collect()
        held.append(sum(isinstance(one, HeldRows) for one in gc.get_objects()))
        return split_of(darks, *others)

    monkeypatch.setattr(once, "split_values", watched)
    darks = bench.frames("dark", 5, time_s=10.0)
    bench.measure(bench.master("dark", darks), darks)
    assert len(held) == 1
    assert held[0] < 5


def test_three_darks_are_too_few_to_split(bench):
    darks = bench.frames("dark", 3, time_s=10.0)
    report, _ = bench.measure(bench.master("dark", darks), darks)
    mine = [r for r in report.results if r.exposure_id == ALL_EXPOSURES]
    assert {r.verdict for r in mine} == {Verdict.NOT_APPLICABLE}
    assert {r.because for r in mine} == {"needs at least four darks that can be read"}


def test_shares_and_weights(bench):
    frames = bench.frames("bias", 4)
    image = bench.master("bias", frames).image
    member, held_out = (membership(image, one, None) for one in (frames[1].id, "another"))
    assert (member.variance_factor, held_out.variance_factor) == (pytest.approx(0.75), pytest.approx(1.25))


def struck(bench, frame, places, charge_adu=800):
    """Put a cosmic ray into a copy of a frame at each place."""
    path = bench.objects.path_of(frame.ref.uri)
    with fits.open(path) as file:
        raw = file[0].data.copy()
        for y, x in places:
            raw[y, x] += charge_adu
        cards = file[0].header
        cards["EXPID"] = "struck"
    copy = bench.folder / "struck.fits"
    fits.writeto(copy, raw, cards)
    return bench.input(copy)


def test_a_few_cosmic_rays_are_repaired_and_the_noise_agrees(bench):
    frames = bench.frames("bias", 8)
    bias = bench.master("bias", frames)
    box = bench.instrument.geometry(0).amplifiers[0].image
    places = np.random.default_rng(2).integers((box.y0, box.x0), (box.y1, box.x1), (12, 2))
    report, _ = bench.measure(bias, [struck(bench, frames[0], places)])
    values = next(row.values for row in report.measurements if row.amplifier == "A00")
    assert values["N_STRUCK"] == len({tuple(place) for place in places})
    assert values["STD"] > 5 * values["NOISE"]
    assert values["CR_NOISE"] == pytest.approx(values["NOISE"], rel=0.01)
    mine = {r.test: r.verdict for r in report.results if r.amplifier == "A00" and not r.advisory}
    assert mine["CR_NOISE"] is mine["PROCESSING"] is Verdict.PASS


def test_too_many_cosmic_rays_are_not_believed(bench):
    frames = bench.frames("bias", 8)
    bias = bench.master("bias", frames)
    box = bench.instrument.geometry(0).amplifiers[0].image
    places = [(y, x) for y in range(box.y0, box.y1, 5) for x in range(box.x0, box.x1, 5)]
    report, _ = bench.measure(bias, [struck(bench, frames[0], places)])
    (row,) = [row for row in report.measurements if row.amplifier == "A00"]
    assert row.values["N_STRUCK"] == len(places)
    assert f"cosmic rays struck {len(places)} of 4096 pixels, more than 1%" in row.problem
    failed = {(r.test, r.amplifier) for r in report.results if r.verdict is Verdict.FAIL and not r.advisory}
    assert ("PROCESSING", "A00") in failed
    assert {amplifier for test, amplifier in failed if test == "PROCESSING"} == {"A00"}


def test_a_ray_of_a_frame_that_is_part_of_the_product_is_found_too(bench):
    frames = bench.frames("bias", 5)
    places = [(20, 20), (90, 40)]
    hit = struck(bench, frames[0], places)
    bias = bench.master(
        "bias", [hit, *frames[1:]]
    )  # a mean: a fifth of the ray is in it, and all its scatter
    report, _ = bench.measure(bias, [hit])
    rows = [row.values for row in report.measurements if row.exposure_id == "struck" and row.amplifier]
    assert sum(values["N_STRUCK"] for values in rows if "N_STRUCK" in values) == len(places)

"""What is noticed beside the verdicts: a wrong gain, a wrong read noise, a lamp that alternates or drifts."""

import dataclasses
import re

import numpy as np
import pytest

from calibrant.frames.instrument import load_instrument
from calibrant.verify.noticing import findings
from calibrant.verify.reports import MeasurementRow, ProductRecord


@pytest.fixture
def measured(bench):
    """Measurements of one detector, to be given other numbers."""
    frames = bench.frames("bias", 3)
    report, _ = bench.measure(bench.master("bias", frames), frames)
    return report


def with_numbers(report, times_s=None, **numbers):
    """Give every amplifier these numbers, one for each of as many exposures, of 1 s where there is light and nothing else is said."""
    exposures = range(len(next(iter(numbers.values()))))
    rows = [
        MeasurementRow(
            exposure_id=f"e{i}",
            amplifier=one.name,
            values={name: values[i] for name, values in numbers.items()},
        )
        for one in report.amplifiers
        for i in exposures
    ]
    frames = [
        report.frames[0].model_copy(
            update={
                "exposure_id": f"e{i}",
                "exposure_time_s": times_s[i] if times_s else float("LEVEL" in numbers),
            }
        )
        for i in exposures
    ]
    return {0: report.model_copy(update={"measurements": tuple(rows), "frames": tuple(frames)})}


def test_a_set_as_it_should_be_says_nothing(bench, measured):
    assert findings("bias", {0: measured}) == ()
    even = with_numbers(measured, NOISE_RATIO=[1.0, 1.01, 0.99, 1.0], LEVEL=[9000.0, 9001.0, 8999.5, 9000.2])
    assert findings("flat", even) == ()


def test_a_gain_that_is_too_high_is_told_with_the_one_that_fits(measured):
    (said,) = findings("flat", with_numbers(measured, NOISE_RATIO=[np.sqrt(1.13)] * 3, LEVEL=[9000.0] * 3))
    assert said.startswith("detector 0, amplifier A")
    assert "but the instrument file says" in said
    assert "13% too high; 3 more amplifiers like it" in said


def test_what_moves_the_noise_of_some_flats_is_no_gain(measured):
    """Faint ones as expected, bright ones quieter: a gain would move them all."""
    numbers = {"NOISE_RATIO": [1.0, 1.0, 1.0, 0.96, 0.955, 0.95, 0.95, 0.95], "LEVEL": [9000.0] * 8}
    assert findings("flat", with_numbers(measured, **numbers)) == ()
    numbers["NOISE_RATIO"] = [ratio * np.sqrt(1.2) for ratio in numbers["NOISE_RATIO"]]
    (said,) = findings("flat", with_numbers(measured, **numbers))
    assert "too high" in said


def test_a_gain_that_a_product_says_is_not_put_on_the_instrument_file(measured):
    curve = ProductRecord(role="ptc", product_id="ptc-1", sha256="0" * 64)
    report = measured.model_copy(update={"products": (*measured.products, curve)})
    numbers = {"NOISE_RATIO": [np.sqrt(1.13)] * 3, "LEVEL": [9000.0] * 3}
    (said,) = findings("flat", with_numbers(report, **numbers))
    assert "but ptc-1 says" in said
    nominal = report.correction.model_copy(update={"measured_gain": False})
    (said,) = findings("flat", with_numbers(report.model_copy(update={"correction": nominal}), **numbers))
    assert "but the instrument file says" in said


def test_too_little_light_tells_no_gain(measured):
    (said,) = findings("flat", with_numbers(measured, NOISE_RATIO=[1.5] * 3, LEVEL=[40.0] * 3))
    assert "the flats have hardly any light: 40 electron at a read noise of" in said
    assert findings("flat", with_numbers(measured, NOISE_RATIO=[1.5] * 3, LEVEL=[80.0] * 3)) == ()


@pytest.mark.parametrize(("noise", "says"), [(4.0, "below"), (7.0, "above")])
def test_a_read_noise_of_the_file_that_is_not_the_real_one_is_told(measured, noise, says):
    nominal = measured.amplifiers[0].read_noise_e
    (said,) = findings("bias", with_numbers(measured, NOISE_RATIO=[noise / nominal] * 3))
    assert re.search(
        rf"the noise is {noise:.3g} electron, \d+% {says} the [45](\.\d)? electron of the instrument", said
    )


def test_flats_that_alternate_and_flats_that_drift_are_told_apart(measured):
    (said,) = findings("flat", with_numbers(measured, LEVEL=[100.0, 101.0, 100.1, 101.1, 99.9, 100.9]))
    assert "the light alternates: 100 electron/s in the first, third … exposure, 101 in the second" in said
    assert "1.0% apart" in said
    (said,) = findings("flat", with_numbers(measured, LEVEL=[300.0, 250.0, 200.0, 180.0, 120.0, 100.0]))
    assert "the light drifts: 275 electron/s in the first exposures, 110 in the last" in said
    (said,) = findings("flat", with_numbers(measured, LEVEL=[250.0, 300.0, 290.0, 180.0, 120.0, 200.0]))
    assert "the light is not steady: from 120 electron/s to 300, 250 at first and 200 at last" in said


@pytest.mark.parametrize("times_s", [(1.0, 2.0, 4.0, 8.0), (1.0, 5.0, 1.0, 5.0), (0.0,) * 4])
def test_a_steady_lamp_is_steady_whatever_the_exposure_times(measured, times_s):
    levels = [9000.0 * (time_s or 1.0) for time_s in times_s]
    assert not any(
        "light" in said for said in findings("flat", with_numbers(measured, times_s, LEVEL=levels))
    )


def test_biases_held_out_of_a_small_bias_have_the_read_noise(bench):
    """Held out of three, a bias has 1.15 times the read noise; taken for one of the three, 1.41 times."""
    frames = bench.frames("bias", 9)
    report, _ = bench.measure(bench.master("bias", frames[:3]), frames)
    assert findings("bias", {0: report}) == ()


def test_a_stuck_amplifier_tells_nothing_and_stops_nothing(measured):
    assert findings("flat", with_numbers(measured, NOISE_RATIO=[0.0] * 4, LEVEL=[9000.0] * 4)) == ()


def test_flats_that_are_not_alike_tell_no_gain(measured):
    (said,) = findings("flat", with_numbers(measured, NOISE_RATIO=[1.8, 1.2, 1.01, 1.9], LEVEL=[9000.0] * 4))
    assert "the light changes its shape over the set: the noise is 1.01 times the expected one" in said
    assert "drifts" not in said


@pytest.mark.parametrize(("pixels", "told"), [(1024.0, 0), (262_144.0, 1)])
def test_noises_of_few_pixels_scatter_whatever_the_light_does(measured, pixels, told):
    """Of 1024 pixels each is good to 2 %, and of twenty one is often 12 % from another."""
    ratios = [0.96, 1.0, 1.09, 0.99, 1.02]
    numbers = with_numbers(measured, NOISE_RATIO=ratios, LEVEL=[9000.0] * 5, N_GOOD=[pixels] * 5)
    assert len(findings("flat", numbers)) == told


def with_claims(measured, n, **claims):
    """Give as many frames as that what their headers claim."""
    report = with_numbers(measured, [0.1] * n, NOISE_RATIO=[1.0] * n, LEVEL=[9000.0] * n)[0]
    told = [{name: values[i] for name, values in claims.items()} for i in range(n)]
    frames = [one.model_copy(update=claim) for one, claim in zip(report.frames, told, strict=True)]
    return {0: report.model_copy(update={"frames": tuple(frames)})}


def test_a_header_that_contradicts_the_instrument_file_gives_way_and_is_told(measured):
    first = measured.amplifiers[0]
    lies = {
        "gain_e_per_adu": [1.13 * first.gain_e_per_adu] * 4,
        "read_noise_e": [0.5 * first.read_noise_e] * 4,
    }
    noise, gain = findings("bias", with_claims(measured, 4, **lies))
    assert "the header says a read noise of" in noise
    assert f"of the instrument file, which is used; the frames show {first.read_noise_e:.3g}" in noise
    assert "the header says a gain of" in gain
    (gain,) = findings("flat", with_claims(measured, 4, **lies))
    assert "which is used; the noise of the flats fits" in gain


def test_a_header_that_rounds_contradicts_nothing(measured):
    assert {one.gain_e_per_adu for one in measured.amplifiers} == {1.48, 1.5, 1.52, 1.55}
    assert findings("bias", with_claims(measured, 4, gain_e_per_adu=[1.52] * 4)) == ()


def test_a_mixture_of_temperatures_and_of_gains_is_told_with_how_many_frames_have_which(measured):
    known = 1.52
    lies = {
        "temperature_c": [-10.1, -9.9, -5.0, None, -10.0],
        "gain_e_per_adu": [known, known, known, None, 2 * known],
    }
    warm, gains = findings("dark", with_claims(measured, 5, **lies))
    assert warm.endswith("temperatures of the sensor: -10.1 to -9.9 degree C in 3 exposures, -5.0 in 1 (e2)")
    assert f"{known:.4g} electron/ADU in 3 exposures, {2 * known:.4g} in 1 (e4)" in gains
    steady = [-10.2, -9.8, -10.0, -9.9, -10.1]
    assert findings("dark", with_claims(measured, 5, temperature_c=steady)) == ()


@pytest.mark.real_frames
@pytest.mark.parametrize(
    ("camera", "pattern", "told"),
    [
        (
            "afosc-ccd42-40",
            "bias/*",
            ["a read noise of 7.1 electron, 7% above the 6.62", "a gain of 1.91 electron/ADU, 13%"],
        ),
        (
            "kast-blue",
            "raw/b2[123]*",
            ["a gain of 1 electron/ADU, 19% below the 1.24 of the instrument file, which is used"],
        ),
        ("newton-du940p", "bias/*", []),
    ],
)
def test_real_headers_are_believed_where_they_are_right(real_bench, real_data, camera, pattern, told):
    bench = real_bench(camera)
    biases = [bench.input(path) for path in sorted((real_data / camera).glob(pattern))]
    report, _ = bench.measure(bench.master("bias", biases), biases)
    said = findings("bias", {0: report})
    assert len(said) == len(told)
    assert all(words in one for words, one in zip(told, said, strict=True))


@pytest.mark.real_frames
def test_the_header_gain_of_afosc_is_13_per_cent_too_high_and_its_flats_alternate(real_bench, real_data):
    """The header says 1.91 electron/ADU; taken at its word, the flats pass, and the finding says what is wrong."""
    bench = real_bench("afosc-ccd42-40")
    biases, flats = (
        [bench.input(path) for path in sorted((real_data / "afosc-ccd42-40" / folder).glob("*"))]
        for folder in ("bias", "flat")
    )
    detector = bench.instrument.detectors[0]
    amplifier = detector.amplifiers[0].model_copy(update={"gain_e_per_adu": 1.91})
    lying = detector.model_copy(update={"amplifiers": (amplifier,)})
    path = bench.folder / "afosc-ccd42-40.yaml"
    path.write_text(bench.instrument.model_copy(update={"detectors": (lying,)}).canonical())
    bench = dataclasses.replace(bench, instrument=load_instrument(path))
    bench.instruments = str(bench.folder)
    bias = bench.master("bias", biases)
    flat = bench.master("flat", flats, bias=bias)
    _, measured = bench.measure(flat, flats, bias)
    report = bench.decide("flat", [measured])
    assert report.detectors[0].accepted
    gain, light = report.findings  # the header's 1.91 is what this file says, too
    assert "fits a gain of 1.69 electron/ADU, but the instrument file says 1.91, 13% too high" in gain
    assert "the light alternates" in light
    assert "0.7% apart" in light


def test_a_finding_that_cannot_be_made_is_told_and_logged_and_hides_no_other(measured, caplog):
    damaged = with_numbers(measured, NOISE_RATIO=[np.sqrt(1.13)] * 3, LEVEL=[9000.0] * 3)[0]
    first = damaged.amplifiers[0].name
    rows = tuple(
        one.model_copy(update={"values": {"NOISE_RATIO": 1e200, "LEVEL": 9000.0}})
        if one.amplifier == first
        else one
        for one in damaged.measurements
    )
    gain, fault = findings("flat", {0: damaged.model_copy(update={"measurements": rows})})
    assert "13% too high; 2 more amplifiers like it" in gain
    assert fault.startswith(
        f"detector 0, amplifier {first}: nothing can be said of the gain, by a fault of this program: "
    )
    assert "OverflowError" in fault
    (record,) = caplog.records
    assert record.exc_info[0] is OverflowError

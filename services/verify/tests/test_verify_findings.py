"""What is noticed beside the verdicts: a wrong gain, a wrong read noise, a lamp that alternates or drifts."""

import dataclasses
import re

import numpy as np
import pytest

from calibrant.verify.findings import findings
from calibrant.verify.reports import MeasurementRow


@pytest.fixture
def measured(bench):
    """Measurements of one detector, to be given other numbers."""
    frames = bench.frames("bias", 3)
    report, _ = bench.measure(bench.master("bias", frames), frames)
    return report


def with_numbers(report, times_s=None, **numbers):
    """Give every amplifier these numbers, one for each of as many exposures, of 1 s if nothing else is said."""
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
            update={"exposure_id": f"e{i}", "exposure_time_s": times_s[i] if times_s else 1.0}
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


def test_too_little_light_tells_no_gain(measured):
    assert findings("flat", with_numbers(measured, NOISE_RATIO=[1.5] * 3, LEVEL=[50.0] * 3)) == ()


@pytest.mark.parametrize(("noise", "says"), [(4.0, "below"), (7.0, "above")])
def test_a_read_noise_of_the_file_that_is_not_the_real_one_is_told(measured, noise, says):
    nominal = measured.amplifiers[0].read_noise_e
    (said,) = findings("bias", with_numbers(measured, NOISE_RATIO=[noise / nominal] * 3))
    assert re.search(
        rf"the noise is {noise:.3g} electron, \d+% {says} the [45](\.\d)? electron of the instrument", said
    )


def test_flats_that_alternate_and_flats_that_drift_are_told_apart(measured):
    (said,) = findings("flat", with_numbers(measured, LEVEL=[100.0, 101.0, 100.1, 101.1, 99.9, 100.9]))
    assert "the light alternates: 100 electron/s in odd exposures, 101 in even ones, 1.0% apart" in said
    (said,) = findings("flat", with_numbers(measured, LEVEL=[300.0, 250.0, 200.0, 180.0, 120.0, 100.0]))
    assert "the light is not steady: from 100 to 300 electron/s, 300 at first and 100 at last" in said


@pytest.mark.parametrize("times_s", [(1.0, 2.0, 4.0, 8.0), (1.0, 5.0, 1.0, 5.0), (0.0,) * 4])
def test_a_steady_lamp_is_steady_whatever_the_exposure_times(measured, times_s):
    levels = [9000.0 * (time_s or 1.0) for time_s in times_s]
    assert findings("flat", with_numbers(measured, times_s, LEVEL=levels)) == ()


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
    bench = dataclasses.replace(bench, instrument=bench.instrument.model_copy(update={"detectors": (lying,)}))
    path.write_text(bench.instrument.canonical())
    bench.instruments = str(bench.folder)
    bias = bench.master("bias", biases)
    flat = bench.master("flat", flats, bias=bias)
    _, measured = bench.measure(flat, flats, bias)
    report = bench.decide("flat", [measured])
    assert report.detectors[0].accepted
    gain, light = report.findings
    assert "fits a gain of 1.69 electron/ADU, but the instrument file says 1.91, 13% too high" in gain
    assert "the light alternates" in light
    assert "0.7% apart" in light

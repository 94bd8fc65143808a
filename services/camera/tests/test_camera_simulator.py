"""What the simulator puts into a frame, the library takes out again: simulate, reduce, compare with the truth."""

import numpy as np
import pytest

from calibrant.camera.simulator import (
    IMAGE_TYPES,
    CannotSimulate,
    Exposure,
    HeaderValues,
    SimulatedDetector,
    can_take,
    cards,
    parameters_of,
    simulate,
)
from calibrant.frames.instrument import load_instrument
from calibrant.frames.reading import read_frames
from calibrant.frames.times import parse_time
from calibrant.frames.writing import write_raw
from calibrant.pixels.geometry import Geometry
from calibrant.pixels.isr import remove_signature

FIRST = 2026010100001
CLASSIFIED = {
    **{name: name.lower() for name in ("BIAS", "DARK", "FLAT", "SPOT")},
    **dict.fromkeys(("DFLAT", "SFLAT"), "flat"),
    "CBP": "spot",
    **dict.fromkeys(("OBJECT", "ENGTEST", "ACQ", "CWFS", "FOCUS", "STUTTERED", "INDOME"), "science"),
}
"""What the reader makes of each image type that can be commanded."""


@pytest.fixture(scope="module")
def instrument():
    return load_instrument("simcam-tiny")


@pytest.fixture(scope="module")
def camera(instrument):
    return SimulatedDetector.of(instrument, 0, seed=7)


def changed(instrument, **simulation):
    return instrument.model_copy(update={"simulation": instrument.simulation | simulation})


def expose(camera, n, image_type, exposure_s, *, shutter=False, first=FIRST):
    made = (
        simulate(camera, Exposure(first + i, image_type, exposure_s, exposure_s, shutter)) for i in range(n)
    )
    return [frame.array for frame in made]


def reduced(camera, arrays, unit="adu"):
    geometry: Geometry = camera.detector.geometry()
    return np.array(
        [remove_signature(a, geometry, overscan="median-per-row", unit=unit).data for a in arrays], np.float64
    )


def block(camera, amplifier):
    return camera.detector.geometry().amplifiers[amplifier].placed.slices


def test_the_bias_structure_comes_out_again(camera):
    n = 100
    mean = reduced(camera, expose(camera, n, "BIAS", 0.0)).mean(axis=0)
    residual = mean - camera.maps.bias_structure_adu
    for index, amplifier in enumerate(camera.detector.amplifiers):
        sigma_adu = amplifier.read_noise_e / amplifier.gain_e_per_adu
        part = residual[block(camera, index)]
        # Read noise and rounding, averaged; the rows' overscan medians (16 - 2 columns) add their own.
        expected = np.sqrt((sigma_adu**2 * (1 + 1.57 / 14) + 1 / 12) / n)
        assert abs(part.mean()) < 5 * np.sqrt(sigma_adu**2 * 1.57 / 14 / n / 64 + 1 / 12 / n)
        assert part.std() == pytest.approx(expected, rel=0.06)
    assert camera.maps.bias_structure_adu.std() == pytest.approx(3.0, rel=0.05)


def test_levels_differ_between_amplifiers_and_drift_between_exposures(camera):
    frames = [simulate(camera, Exposure(FIRST + i, "BIAS", 0.0, 0.0, shutter=False)) for i in range(30)]
    for amplifier in camera.detector.amplifiers:
        section = amplifier.serial_overscan
        for frame in frames:
            level = frame.array[section.y0 : section.y1, section.x0 : section.x1].mean()
            error = (
                amplifier.read_noise_e
                / amplifier.gain_e_per_adu
                / np.sqrt(section.shape[0] * section.shape[1])
            )
            assert level == pytest.approx(frame.truth["level_adu"][amplifier.name], abs=5 * error)
    assert np.std([frame.truth["bias_drift_adu"] for frame in frames]) == pytest.approx(1.0, abs=0.5)
    assert np.std(list(camera.maps.level_adu.values())) > 3


def test_the_dark_rate_comes_out_again_with_its_hot_pixels(instrument):
    camera = SimulatedDetector.of(changed(instrument, cosmic_rays_per_s=0.0), 0, seed=7)
    n, time_s = 40, 100.0
    bias = reduced(camera, expose(camera, n, "BIAS", 0.0), "electron").mean(axis=0)
    dark = reduced(camera, expose(camera, n, "DARK", time_s, first=FIRST + n), "electron").mean(axis=0)
    rate, truth = (dark - bias) / time_s, camera.maps.dark_e_per_s
    noise = np.sqrt(truth * time_s / n + 2 * 5.7**2 / n) / time_s
    assert np.abs((rate - truth) / noise).max() < 5.5
    assert np.median(rate) == pytest.approx(0.05, abs=0.002)
    assert (truth > 1).sum() == pytest.approx(0.0005 * truth.size, abs=3)


def test_the_flat_response_comes_out_again(instrument):
    camera = SimulatedDetector.of(changed(instrument, cosmic_rays_per_s=0.0), 0, seed=7)
    n, exposure_s = 20, 8.0
    bias = reduced(camera, expose(camera, n, "BIAS", 0.0), "electron").mean(axis=0)
    flats = reduced(camera, expose(camera, n, "FLAT", exposure_s, shutter=True, first=FIRST + n), "electron")
    light = flats.mean(axis=0) - bias
    response = light / (5000.0 * exposure_s)
    noise = 1 / np.sqrt(5000.0 * exposure_s * n * 0.8)
    assert (response - camera.maps.response).std() < 1.1 * noise
    assert abs((response - camera.maps.response).mean()) < 5e-4
    vignetting = camera.maps.response[:8, :8].mean() / camera.maps.response[60:68, 60:68].mean()
    assert vignetting == pytest.approx(0.85, abs=0.02)


@pytest.mark.parametrize("amplifier", range(4))
def test_the_gain_comes_out_of_a_pair_of_flats(camera, amplifier):
    one, other = reduced(camera, expose(camera, 2, "FLAT", 4.0, shutter=True))
    part = block(camera, amplifier)
    level_adu = (one[part] + other[part]).mean() / 2
    noise_adu2 = np.var(one[part] - other[part]) / 2
    true = camera.detector.amplifiers[amplifier]
    read_adu2 = (true.read_noise_e / true.gain_e_per_adu) ** 2 * (1 + 1.57 / 14) + 1 / 12
    # The variance of 4096 differences is known to sqrt(2 / 4096) = 2.2 %.
    assert level_adu / (noise_adu2 - read_adu2) == pytest.approx(true.gain_e_per_adu, rel=0.09)


def test_charge_stays_out_of_prescan_and_overscan(camera):
    flat = expose(camera, 1, "FLAT", 8.0, shutter=True)[0]
    for amplifier in camera.detector.amplifiers:
        for name, section in amplifier.regions().items():
            level = flat[section.y0 : section.y1, section.x0 : section.x1].mean()
            assert (level > 10_000) == (name == "image"), name


def test_a_bright_flat_saturates_at_the_full_well(camera):
    raw = expose(camera, 1, "FLAT", 60.0, shutter=True)[0]
    full = reduced(camera, [raw], "electron")[0]
    for index, amplifier in enumerate(camera.detector.amplifiers):
        highest_e = min(
            120_000.0, (65_535 - camera.maps.level_adu[amplifier.name]) * amplifier.gain_e_per_adu
        )
        assert np.median(full[block(camera, index)]) == pytest.approx(highest_e, rel=0.001)


def test_cosmic_rays_lie_where_the_truth_says(instrument):
    camera = SimulatedDetector.of(
        changed(instrument, cosmic_rays_per_s=0.1, hot_pixel_fraction=0.0), 0, seed=7
    )
    frame = simulate(camera, Exposure(FIRST, "DARK", 100.0, 100.0, shutter=False))
    image = reduced(camera, [frame.array], "electron")[0]
    image -= camera.maps.bias_structure_adu * 1.5
    hits = frame.truth["cosmic_rays"]
    assert len(hits) == pytest.approx(10, abs=9)
    for hit in hits:
        row, column = int(hit["row"]), int(hit["column"])
        assert image[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].max() > 40
    struck = np.argwhere(image > 150)
    for row, column in struck:
        distances = [np.hypot(hit["row"] - row, hit["column"] - column) - hit["length_px"] for hit in hits]
        assert min(distances) < 2
    charge = sum(hit["charge_e"] for hit in hits)
    assert image[image > 40].sum() <= charge * 1.05


def test_frames_of_one_plan_are_equal_and_all_others_differ(instrument, camera):
    again = SimulatedDetector.of(instrument, 0, seed=7)
    plan = Exposure(FIRST, "DARK", 10.0, 10.0, shutter=False)
    frame = simulate(camera, plan).array
    assert np.array_equal(simulate(again, plan).array, frame)
    others = [
        simulate(SimulatedDetector.of(instrument, 0, seed=8), plan),
        simulate(SimulatedDetector.of(instrument, 1, seed=7), plan),
        simulate(camera, Exposure(FIRST + 1, "DARK", 10.0, 10.0, shutter=False)),
    ]
    assert not any(np.array_equal(other.array, frame) for other in others)


def test_a_light_leak_lifts_darks_of_its_detector_alone_each_by_another_amount(instrument):
    n, time_s = 8, 10.0
    leaky = SimulatedDetector.of(instrument, 1, seed=7, flaws=("light-leak",))
    good = SimulatedDetector.of(instrument, 0, seed=7, flaws=("light-leak",))
    means = [image.mean() for image in reduced(leaky, expose(leaky, n, "DARK", time_s), "electron")]
    master = np.mean(means)
    beyond = [abs(mean - master) > 5 * np.sqrt(master) for mean in means]
    assert sum(beyond) > n / 2
    assert min(means) > 150
    assert max(image.mean() for image in reduced(good, expose(good, n, "DARK", time_s), "electron")) < 5
    assert abs(reduced(leaky, expose(leaky, 1, "BIAS", 0.0))[0].mean()) < 1


def test_a_noisy_amplifier_is_noisy_by_its_factor(instrument):
    noisy = SimulatedDetector.of(instrument, 1, seed=7, flaws=("noisy-amplifier",))
    one, other = reduced(noisy, expose(noisy, 2, "BIAS", 0.0), "electron")
    for index, amplifier in enumerate(noisy.detector.amplifiers):
        part = block(noisy, index)
        factor = (one[part] - other[part]).std() / np.sqrt(2) / amplifier.read_noise_e
        assert factor == pytest.approx(3.0 if amplifier.name == "A11" else 1.0, rel=0.1)


@pytest.mark.parametrize("image_type", IMAGE_TYPES)
def test_the_reader_understands_a_frame(instrument, camera, tmp_path, image_type):
    begin = parse_time("2026-01-01T22:00:07.123456789")
    values = HeaderValues("SC_O_20260101_000001", FIRST, 0, image_type, begin, 1.5, 1.5, "r")
    array = expose(camera, 1, image_type, 1.5)[0]
    path = tmp_path / "SC_O_20260101_000001_0.fits"
    write_raw(path, array, cards(instrument, values))
    (frame,) = read_frames(path, instrument)
    facts = frame.facts
    assert (facts.exposure_id, frame.detector, facts.begin_tai_ns) == (str(FIRST), 0, begin)
    assert (facts.exptime_s, facts.dark_time_s, facts.filter, facts.night) == (1.5, 1.5, "r", "20260101")
    assert facts.image_type.value == CLASSIFIED[image_type]
    assert np.array_equal(frame.array, array)


def test_other_cameras_are_imitated_as_far_as_their_cards_tell_types():
    takes = {
        name: tuple(t for t in ("BIAS", "DARK", "FLAT") if can_take(load_instrument(name), t))
        for name in ("kast-blue", "afosc-ccd42-40", "st402")
    }
    assert takes == {"kast-blue": ("BIAS", "FLAT"), "afosc-ccd42-40": ("BIAS", "FLAT"), "st402": ()}
    camera = SimulatedDetector.of(load_instrument("kast-blue"), 0, seed=1)
    assert expose(camera, 1, "FLAT", 1.0, shutter=True)[0].shape == (350, 2112)


@pytest.mark.parametrize(
    ("simulation", "text"),
    [
        ({"prnu": -1}, r"simcam-tiny.yaml: simulation.prnu: "),
        ({"vignettting": 0.1}, r"simulation.vignettting: Extra inputs"),
        (
            {"flaws": {"x": {"kind": "noisy-amplifier", "detector": 0, "amplifier": "Z", "factor": 2}}},
            "no amplifier Z",
        ),
        (
            {"flaws": {"x": {"kind": "light-leak", "detector": 9, "least_e_per_s": 1, "most_e_per_s": 2}}},
            "detector 9",
        ),
    ],
)
def test_a_wrong_simulation_section_is_named(instrument, simulation, text):
    with pytest.raises(CannotSimulate, match=text):
        parameters_of(changed(instrument, **simulation))


def test_an_unknown_flaw_is_named_with_those_there_are(instrument):
    with pytest.raises(CannotSimulate, match=r"no flaw 'rust' .* there are: light-leak, noisy-amplifier"):
        SimulatedDetector.of(instrument, 0, seed=1, flaws=("rust",))

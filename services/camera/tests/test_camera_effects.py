"""Each detector effect comes out of the frames again as its truth says; without effects frames are what they were."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from calibrant.camera.simulator import (
    EFFECTS,
    CannotSimulate,
    Earlier,
    Exposure,
    HeaderValues,
    SimulatedDetector,
    cards,
    parameters_of,
    simulate,
)
from calibrant.camera.simulator.effects import Stream
from calibrant.frames.instrument import MonitorSource, load_instrument
from calibrant.frames.reading.translation import translate
from calibrant.pixels.linearity import Polynomial

FIRST = 2026010100001
LIGHT_E_PER_S = 10_000.0
QUIET = {
    "bias_level_adu": 1000.0,
    "bias_amplifier_spread_adu": 0.0,
    "bias_structure_adu": 0.0,
    "bias_drift_adu": 0.0,
    "dark_current_e_per_s": 0.0,
    "hot_pixel_fraction": 0.0,
    "prnu": 0.0,
    "vignetting": 0.0,
    "flat_rate_e_per_s": LIGHT_E_PER_S,
    "cosmic_rays_per_s": 0.0,
}
"""A camera that has nothing but photons, so that what an effect does stands alone."""


@pytest.fixture(scope="module")
def instrument():
    return load_instrument("simcam-tiny")


@pytest.fixture(scope="module")
def quiet(instrument):
    detectors = tuple(
        detector.model_copy(
            update={
                "amplifiers": tuple(
                    one.model_copy(update={"read_noise_e": 0.0, "gain_e_per_adu": 1.0})
                    for one in detector.amplifiers
                )
            }
        )
        for detector in instrument.detectors
    )
    update = {"simulation": instrument.simulation | QUIET, "detectors": detectors}
    return instrument.model_copy(update=update)


def camera(instrument, *effects, detector=0, seed=7):
    return SimulatedDetector.of(instrument, detector, seed=seed, effects=effects)


def flat(seconds=4.0, number=1):
    return Exposure(FIRST + number - 1, "FLAT", seconds, seconds, shutter=True)


def dark(seconds, number=1, earlier=()):
    return Exposure(FIRST + number - 1, "DARK", seconds, seconds, shutter=False, earlier=earlier)


def trimmed(camera, frame):
    """Assemble a frame, its level taken off: electrons where the gain is 1."""
    image = np.empty(camera.detector.shape)
    for one in camera.detector.geometry().amplifiers:
        part = frame.array[one.image.slices].astype(float) - 1000.0
        image[one.placed.slices] = part[:: -1 if one.flip_y else 1, :: -1 if one.flip_x else 1]
    return image


def taken(camera, exposure):
    return trimmed(camera, simulate(camera, exposure))


def facts(camera, name):
    return camera.effects[name].truth().facts


def test_frames_without_effects_are_byte_for_byte_what_they_were(instrument):
    detector = SimulatedDetector.of(instrument, 1, seed=7, flaws=("light-leak", "noisy-amplifier"))
    plans = [
        Exposure(FIRST + n, kind, seconds, seconds, shutter=kind == "FLAT")
        for n, (kind, seconds) in enumerate((("BIAS", 0.0), ("DARK", 30.0), ("FLAT", 5.0)))
    ]
    frames = [simulate(detector, plan) for plan in plans]
    pixels = [hashlib.sha256(frame.array.astype(">u2").tobytes()).hexdigest()[:16] for frame in frames]
    assert pixels == ["03d34d2d647ff489", "11e36a3f2be20a8e", "ccf74d27d0fdabe7"]
    assert "effects" not in frames[0].truth
    assert "earlier" not in frames[0].truth["exposure"]


def test_all_effects_together_give_the_same_frame_again_and_each_draws_for_itself(instrument):
    plan = dark(10.0, earlier=(Earlier(flat(), 5.0),))
    every = camera(instrument, *EFFECTS)
    frame = simulate(every, plan)
    assert list(frame.truth["effects"]) == list(EFFECTS)
    again = simulate(camera(instrument, *reversed(EFFECTS)), plan)
    assert np.array_equal(again.array, frame.array)
    assert again.truth == frame.truth
    for name in ("telegraph-pixels", "bias-shifts"):
        alone = camera(instrument, name)
        assert facts(alone, name) == facts(every, name)
        assert simulate(alone, plan).truth["effects"] == {name: frame.truth["effects"][name]}
    assert facts(camera(instrument, "crosstalk", seed=8), "crosstalk") != facts(every, "crosstalk")


def test_a_drifting_lamp_shines_on_all_detectors_by_its_factor(quiet):
    lamp = "lamp-drift=per_exposure:0.02,jitter:0.01"
    steady = taken(camera(quiet), flat()).mean()
    factors = []
    for number in (1, 2, 5):
        one, other = (
            simulate(camera(quiet, lamp, detector=detector), flat(number=number)) for detector in (0, 1)
        )
        factor = one.truth["effects"]["lamp-drift"]["factor"]
        assert other.truth["effects"]["lamp-drift"]["factor"] == factor
        # 16384 pixels of 40000 electrons give a mean to 4e-5, and the ratio of two to 6e-5.
        assert trimmed(camera(quiet), one).mean() / steady == pytest.approx(factor, abs=3e-4)
        factors.append(factor - 0.02 * (number - 1))
    assert np.abs(np.array(factors) - 1).max() < 0.04
    assert np.ptp(factors) > 0


@pytest.mark.parametrize("reads", ["charge", "rate"])
def test_a_photodiode_sees_the_lamp_drift_and_the_header_tells_what_it_saw(quiet, reads):
    words = quiet.header.model_copy(update={"monitor": MonitorSource(cards=("PDC",), reads=reads)})
    watched = quiet.model_copy(update={"header": words})
    late = camera(watched, "lamp-drift", "shutter-offset=0.5")
    read = []
    for number, seconds in ((1, 1.0), (2, 4.0)):
        frame = simulate(late, flat(seconds, number=number))
        values = HeaderValues(
            "SC_O_1", 2026010100001, 0, "FLAT", 1_767_290_400 * 10**9, seconds, seconds, "r"
        )
        written = cards(watched, values, frame.monitor_e)
        plain = {name: card[0] if isinstance(card, tuple) else card for name, card in written.items()}
        read.append(translate(watched, plain, "one.fits").monitor)
        assert read[-1] == pytest.approx(frame.truth["light_e_per_s"] * (seconds + 0.5))
        assert written["PDC"][0] == pytest.approx(read[-1] / (seconds if reads == "rate" else 1))
    assert simulate(camera(watched), flat()).monitor_e is None
    assert "PDC" not in cards(watched, values, simulate(late, dark(5.0)).monitor_e)


def test_the_shutters_offset_and_travel_come_out_of_two_exposure_times(quiet):
    late = camera(quiet, "shutter-offset=offset_s:0.2,travel_s:0.1")
    short, long = taken(late, flat(1.0)), taken(late, flat(4.0, number=2))
    # m = r (t + offset): two times give r and the offset.
    rate = (long.mean() - short.mean()) / 3.0
    assert short.mean() / rate - 1.0 == pytest.approx(0.2, abs=5e-4)
    slope = np.polyfit(np.arange(128) / 127, short.mean(axis=1) / rate, 1)[0]
    assert slope == pytest.approx(0.1, abs=5 * np.sqrt(12 / 12_000 / 16_384))
    assert facts(late, "shutter-offset") == {"parameters": {"offset_s": 0.2, "travel_s": 0.1}}


def test_tearing_moves_light_between_the_columns_at_a_border_and_loses_none(quiet):
    torn = camera(quiet, "tearing=0.1")
    image = taken(torn, flat()) / 40_000.0
    borders = facts(torn, "tearing")["borders"]
    assert [(b["left"], b["right"], b["column"]) for b in borders] == [("A00", "A01", 64), ("A10", "A11", 64)]
    for border, rows in zip(borders, (slice(0, 64), slice(64, 128)), strict=True):
        a, error = border["a"], 5 / np.sqrt(40_000.0 * 64)
        assert 0.05 <= abs(a) <= 0.15
        columns = image[rows].mean(axis=0)[61:67]
        assert columns == pytest.approx([1, 1 + a, 1 - a, 1 - a, 1 + a, 1], abs=error)


def test_defects_lie_where_the_truth_says_and_nowhere_else(quiet):
    bad = camera(quiet, "defects=hot_pixels:5,dead_pixels:6,hot_columns:2,dead_columns:2,vampires:2")
    truth, planes = facts(bad, "defects"), bad.effects["defects"].truth().planes
    hot, response = np.zeros((128, 128)), np.ones((128, 128))
    for found, plane, value in (("hot", hot, 50.0), ("dead", response, 0.1)):
        for column in truth[f"{found}_columns"]:
            plane[column["row_begin"] : column["row_end"], column["column"]] = value
            assert 32 <= column["row_end"] - column["row_begin"] <= 64
    for row, column in truth["vampires"]:
        around = response[row - 1 : row + 2, column - 1 : column + 2]
        around[1, 1] += 0.2 * (around.sum() - around[1, 1])
        around[np.arange(9).reshape(3, 3) != 4] *= 0.8
    for found, plane, value in (("hot", hot, 50.0), ("dead", response, 0.1)):
        rows, columns = np.array(truth[f"{found}_pixels"]).T
        plane[rows, columns] = value
    assert np.array_equal(planes["DEFECT_DARK"][0], hot)
    assert np.abs(planes["DEFECT_RESPONSE"][0] - response).max() < 1e-6
    lit = taken(bad, flat(2.0)) - 2.0 * hot
    assert np.abs(lit - 20_000.0 * response).max() < 6 * np.sqrt(20_000.0 * response.max())
    unlit = taken(bad, dark(100.0))
    assert np.array_equal(unlit > 2500, hot > 0)


def test_telegraph_pixels_are_high_in_the_frames_that_the_truth_names(quiet):
    noisy = camera(quiet, "telegraph-pixels=pixels:40,step_e_per_s:50,high_fraction:0.3")
    places = facts(noisy, "telegraph-pixels")["places"]
    assert len(places) == 40
    high = 0
    for number in range(1, 9):
        frame = simulate(noisy, dark(10.0, number))
        told = frame.truth["effects"]["telegraph-pixels"]["high"]
        assert [list(map(int, place)) for place in np.argwhere(trimmed(noisy, frame) > 300)] == told
        assert all(place in places for place in told)
        high += len(told)
    assert high / (8 * 40) == pytest.approx(0.3, abs=5 * np.sqrt(0.3 * 0.7 / 320))


def test_a_dark_after_a_flat_shows_what_was_trapped_as_it_decays(quiet):
    slow = camera(quiet, "persistence=fraction:0.1,threshold_e:10000,decay_s:20")
    for gap_s, seconds in ((2.0, 10.0), (30.0, 60.0)):
        frame = simulate(slow, dark(seconds, 2, (Earlier(flat(), gap_s),)))
        # 0.1 of 40000 - 10000 electrons decays with 20 s; it is collected from gap_s on.
        latent_e = 3000.0 * (np.exp(-gap_s / 20) - np.exp(-(gap_s + seconds) / 20))
        assert trimmed(slow, frame).mean() == pytest.approx(latent_e, abs=5 * np.sqrt(latent_e) / 128 + 0.01)
        (told,) = frame.truth["effects"]["persistence"]["released"]
        assert told["exposure_id"] == FIRST
        assert told["mean_e"] == pytest.approx(latent_e, rel=1e-5)
    assert taken(slow, dark(10.0)).max() == 0
    assert taken(slow, dark(10.0, 2, (Earlier(flat(0.5), 2.0),))).max() == 0


def test_brighter_fatter_gives_a_flat_the_covariances_of_its_kernel_and_keeps_its_charge(quiet):
    effect = camera(quiet, "brighter-fatter=-2e-6").effects["brighter-fatter"]
    size, mean = 512, 1e5
    flux = np.full((size, size), mean, np.float32)
    before = np.random.default_rng(3).poisson(flux).astype(np.float32)
    after = before.copy()
    effect.charge(after, flux, None)
    assert after.sum(dtype=float) == pytest.approx(before.sum(dtype=float), rel=1e-9)
    planes = {name: plane.astype(float) for name, (plane, _) in effect.truth().planes.items()}
    k = np.pad(planes["BF_KERNEL"], 2)
    a = sum(np.roll(k, by, axis) for by in (-1, 1) for axis in (0, 1)) - 4 * k
    assert planes["BF_AREA"] == pytest.approx(a[1:-1, 1:-1], abs=1e-12)
    assert a.sum() == pytest.approx(0, abs=1e-12)
    assert a.min() == pytest.approx(-2e-6)
    # Astier et al. (2019), equation 20, in units of the mean: convolutions as products of transforms.
    x = np.fft.fft2(np.fft.ifftshift(np.pad(a, 20))) * mean
    expected = np.fft.ifft2(1 + x + 2 / 3 * x**2 + 1 / 3 * x**3).real
    for rows, columns in ((0, 0), (1, 0), (0, 1), (1, 1)):
        # Less the photons' own covariance, what is left is known to 1 / 512 of the change.
        own, seen = (
            ((q[: size - rows, : size - columns] - mean) * (q[rows:, columns:] - mean)).mean() / mean
            for q in (before.astype(float), after.astype(float))
        )
        change = expected[rows, columns] - (rows == columns == 0)
        assert seen - own == pytest.approx(change, abs=3e-3)
        assert abs(change) > 3e-3


def test_brighter_fatter_makes_bright_spots_wider_and_the_same_in_all_bands(quiet):
    effect = camera(quiet, "brighter-fatter=-5e-6").effects["brighter-fatter"]
    y, x = np.mgrid[:200, :40]
    spot = 5e4 * np.exp(-((y - 64) ** 2 + (x - 20) ** 2) / 8).astype(np.float32)
    wide = spot.copy()
    effect.charge(wide, spot, None)  # the spot lies over the border of two bands
    assert wide.sum(dtype=float) == pytest.approx(spot.sum(dtype=float), rel=1e-6)
    assert wide[64, 20] < 0.98 * spot[64, 20]
    assert np.abs(wide[:, 1:] - wide[:, :0:-1]).max() < 0.05
    assert np.abs(wide[40:89] - wide[88:39:-1]).max() < 0.05
    moment = ((y - 64) ** 2 + (x - 20) ** 2).astype(float)
    assert (wide * moment).sum() > 1.005 * (spot * moment).sum()


def test_charge_transfer_is_that_of_a_register_clocked_step_by_step(quiet):
    cti = 0.01
    effect = camera(quiet, f"charge-transfer=serial_cti:{cti},parallel_cti:0").effects["charge-transfer"]
    amplifier = quiet.detector(0).amplifiers[0]
    line = np.random.default_rng(1).uniform(0, 1e4, (72, 82)).astype(np.float32)
    register, clocked = line.astype(float), []
    for _ in range(82):
        moved = (1 - cti) * register
        clocked.append(moved[:, 0])
        register = cti * register + np.pad(moved[:, 1:], ((0, 0), (0, 1)))
    effect.transfer({"A00": Stream(amplifier, line, 2)}, None)
    assert np.abs(line - np.array(clocked).T).max() < 0.01


def overscans(camera):
    """Give, for each amplifier of a flat, its columns' means from the image on, and its rows' below it."""
    frame = simulate(camera, flat()).array.astype(float) - 1000.0
    for one in camera.detector.geometry().amplifiers:
        image, serial, parallel = (
            frame[box.slices] for box in (one.image, one.serial_overscan, one.parallel_overscan)
        )
        yield image, serial.mean(axis=0), parallel.mean(axis=1)


def test_charge_trails_into_both_overscans_of_every_amplifier(quiet):
    serial, parallel = 1e-3, 5e-4
    slow = camera(quiet, f"charge-transfer={serial},parallel_cti:{parallel}")
    for image, columns, rows in overscans(slow):
        # 2 + 64 serial and 64 parallel transfers each leave their part of the last pixel behind.
        assert columns.sum() == pytest.approx(image[:, -1].mean() * 66 * serial, rel=0.005)
        assert rows.sum() == pytest.approx(image[-1].mean() * 64 * parallel, rel=0.01)
        assert columns[0] > 20 * columns[1]


def test_a_trap_takes_from_the_first_column_and_gives_back_in_the_overscan(quiet):
    trapped = camera(quiet, "charge-transfer=0,parallel_cti:0,trap_e:600,trap_fill:0.1,trap_decay_px:1.5")
    left = np.exp(-1 / 1.5)
    for image, columns, rows in overscans(trapped):
        assert image[:, 0].mean() == pytest.approx(40_000 - 600, abs=5 * 200 / 8)
        assert image[:, 1].mean() == pytest.approx(40_000, abs=5 * 200 / 8)
        assert columns == pytest.approx(600 * (1 - left) * left ** np.arange(16), abs=0.51)
        assert rows.max() == 0


def test_traps_along_the_columns_are_those_of_pixels_clocked_step_by_step(quiet):
    """Each row passes the pixels before it one after the other; all charge that is late arrives with later rows."""
    trapping = "parallel-traps=density_e:0.02,release_rows:2,full_well_e:50000,power:0.5"
    effect, amplifier = camera(quiet, trapping).effects["parallel-traps"], quiet.detector(0).amplifiers[0]
    rows = np.zeros((72, 82), np.float32)
    rows[:64] = np.random.default_rng(1).uniform(1e3, 6e4, (64, 82))
    kept, held, clocked = np.exp(-1 / 2), np.zeros((64, 82)), rows.astype(float)
    for number, charge in enumerate(clocked):
        for place in range(min(number, 63), -1, -1):
            free = charge + (1 - kept) * held[place]
            now = np.maximum(0.02 * np.clip(free / 5e4, 0, 1) ** 0.5, kept * held[place])
            np.add(charge, held[place] - now, out=charge)
            held[place] = now
    read = rows.copy()
    effect.transfer({"A00": Stream(amplifier, read, 2)}, None)
    assert clocked[64:].sum(axis=0).mean() > 0.5
    assert np.abs(read - clocked).max() < 0.02
    assert read[64:] == pytest.approx(clocked[64:], rel=0.02, abs=1e-4)


def test_a_bounce_swings_behind_the_edge_of_the_light_and_is_no_charge(quiet):
    bouncing = camera(quiet, "pixel-bounce=scale:0.01,length_px:4,wave:1.5")
    pixels = np.arange(1, 17)
    for image, columns, rows in overscans(bouncing):
        expected = 0.01 * image[:, -1].mean() * np.exp(-pixels / 4) * np.cos(1.5 * pixels)
        assert columns == pytest.approx(expected, abs=0.6)
        assert columns[3] > columns[2] > columns[1]
        assert rows.max() == 0


def test_the_correction_in_the_truth_makes_a_signal_linear_again(quiet):
    bent = camera(quiet, "non-linearity=c2_per_adu:1e-6,c3_per_adu2:-2e-12,spread:0.3")
    curves = facts(bent, "non-linearity")["amplifiers"]
    signal = np.linspace(0, 64_000, 82, dtype=np.float32)[None, :].repeat(72, axis=0)
    for amplifier in bent.detector.amplifiers:
        read = signal.copy()
        bent.effects["non-linearity"].read({amplifier.name: Stream(amplifier, read, 2)}, None)
        curve = curves[amplifier.name]
        corrected, _ = Polynomial((curve["c2_per_adu"], curve["c3_per_adu2"])).apply(read.astype(float))
        assert np.abs(corrected - signal).max() < 0.01
        assert 1000 < signal[0, -1] - read[0, -1] < 6000
        assert 0.7e-6 <= curve["c2_per_adu"] <= 1.3e-6
    assert len({curve["c2_per_adu"] for curve in curves.values()}) == 4


def test_spots_stand_where_the_truth_says_and_in_exposures_of_their_type_alone(quiet):
    projector = camera(quiet, "spots=per_amplifier:2,background_e_per_s:0", "lamp-drift")
    exposure = Exposure(FIRST, "SPOT", 5.0, 5.0, shutter=True)
    frame = simulate(projector, exposure)
    spots = np.array(frame.truth["effects"]["spots"]["spots"])
    assert spots.shape == (2 * 4, 3)
    y, x = np.indices(projector.detector.shape)
    expected = sum(
        5.0 * peak * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 2.0**2))
        for row, column, peak in spots
    )
    off = trimmed(projector, frame) - np.minimum(expected, 64_535)
    assert np.abs(off / np.sqrt(expected + 1)).max() < 6
    other = simulate(projector, Exposure(FIRST + 1, "SPOT", 5.0, 5.0, shutter=True))
    assert other.truth["effects"]["spots"] != frame.truth["effects"]["spots"]
    lamp = simulate(projector, flat())
    assert lamp.truth["effects"]["spots"] == {}
    assert np.array_equal(lamp.array, simulate(camera(quiet, "lamp-drift"), flat()).array)


def test_the_matrix_of_crosstalk_comes_out_of_what_the_amplifiers_read(quiet):
    coupled = camera(quiet, "crosstalk=coefficient:1e-3,nonlinear_per_adu:1e-6")
    rng = np.random.default_rng(5)
    sent = {one.name: rng.uniform(0, 6e4, (72, 82)).astype(np.float32) for one in coupled.detector.amplifiers}
    streams = {one.name: Stream(one, sent[one.name].copy(), 2) for one in coupled.detector.amplifiers}
    coupled.effects["crosstalk"].read(streams, None)
    truth = facts(coupled, "crosstalk")
    heard = np.array([(s + 1e-6 * s.astype(float) ** 2).ravel() for s in sent.values()])
    for victim, row in zip(truth["amplifiers"], truth["matrix_victim_aggressor"], strict=True):
        more = (streams[victim].signal.astype(float) - sent[victim]).ravel()
        found = np.linalg.lstsq(heard.T, more, rcond=None)[0]
        assert found == pytest.approx(row, abs=1e-8)
    matrix = np.array(truth["matrix_victim_aggressor"])
    assert np.diag(matrix).max() == 0
    assert 0.5e-3 <= np.abs(matrix[0, 1]) <= 1.5e-3


def test_levels_shift_over_the_rows_that_the_truth_names(quiet):
    jumping = camera(quiet, "bias-shifts=step_adu:5,rows:20,per_amplifier:1")
    frame = simulate(jumping, Exposure(FIRST, "BIAS", 0.0, 0.0, shutter=False))
    shifts = frame.truth["effects"]["bias-shifts"]["shifts"]
    assert shifts
    for amplifier in jumping.detector.amplifiers:
        expected = np.full(72, 1000.0)
        for shift in shifts:
            if shift["amplifier"] == amplifier.name:
                expected[shift["row_begin"] : shift["row_end"]] += shift["step_adu"]
        for name, section in amplifier.regions().items():
            part = frame.array[section.y0 : section.y1, section.x0 : section.x1]
            rows = expected[64:] if name == "parallel_overscan" else expected[:64]
            assert np.array_equal(part, np.broadcast_to(rows[:, None], part.shape)), name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rust", "no effect 'rust'; there are: spots, lamp-drift, .*, bias-shifts"),
        (
            "crosstalk=coeff:1",
            "effect crosstalk: no parameter 'coeff'; there are: coefficient, negative_fraction",
        ),
        ("crosstalk=2", "effect crosstalk: coefficient is '2': Input should be less than or equal to 0.1"),
        ("charge-transfer=serial_cti:much", "serial_cti is 'much': Input should be a valid number"),
        ("bias-shifts,bias-shifts=1", "effect bias-shifts: named twice"),
    ],
)
def test_a_wrong_effect_is_named_with_what_there_is(instrument, text, words):
    texts = text.split(",") if text.count("bias") > 1 else [text]
    with pytest.raises(CannotSimulate, match=words):
        camera(instrument, *texts)


def test_an_instrument_file_sets_parameters_and_the_switch_goes_before_it(instrument):
    described = {"brighter-fatter": {"a00_per_e": -4e-6, "reach_px": 2}}
    changed = instrument.model_copy(update={"simulation": instrument.simulation | {"effects": described}})
    assert camera(changed).effects == {}
    told = facts(camera(changed, "brighter-fatter=-5e-6"), "brighter-fatter")["parameters"]
    assert (told["a00_per_e"], told["reach_px"]) == (-5e-6, 2)
    wrong = instrument.model_copy(update={"simulation": {"effects": {"rust": {}}}})
    with pytest.raises(CannotSimulate, match=r"simcam-tiny.yaml: simulation.effects: no effect 'rust'"):
        parameters_of(wrong)


def test_the_page_names_every_effect_with_its_parameters_and_defaults():
    page = (Path(__file__).parents[3] / "docs/simulator.md").read_text().split("## The effects")[1]
    rows = {
        line.split("`")[1]: line for line in page.split("\n## ")[0].splitlines() if line.startswith("| `")
    }
    assert list(rows) == list(EFFECTS)
    for name, kind in EFFECTS.items():
        for field, told in kind.model_fields.items():
            said = re.search(rf"`{field}` \(([^) ]+)", rows[name].split(" | ")[-1])
            assert said, f"{name}.{field}"
            assert type(told.default)(said[1]) == told.default, f"{name}.{field}"


def test_other_cameras_know_effects_too():
    other = camera(load_instrument("kast-blue"), *EFFECTS)
    assert simulate(other, flat(1.0)).array.shape == (350, 2112)

"""Effects of light and of pixels: lamps, shutters, borders, defects, trapped and repelled charge, as their truths say."""

import numpy as np
import pytest
from camera_effects import FIRST, camera, dark, facts, flat

from calibrant.camera.simulator import (
    Earlier,
    Exposure,
    HeaderValues,
    cards,
    simulate,
)
from calibrant.frames.instrument import MonitorSource
from calibrant.frames.reading.translation import translate


def trimmed(camera, frame):
    """Assemble a frame, its level taken off: electrons where the gain is 1."""
    image = np.empty(camera.detector.shape)
    for one in camera.detector.geometry().amplifiers:
        part = frame.array[one.image.slices].astype(float) - 1000.0
        image[one.placed.slices] = part[:: -1 if one.flip_y else 1, :: -1 if one.flip_x else 1]
    return image


def taken(camera, exposure):
    return trimmed(camera, simulate(camera, exposure))


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

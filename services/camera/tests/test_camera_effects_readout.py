"""Effects of the way out: transfer, traps, bounce, response, crosstalk, levels, as their truths say."""

import numpy as np
import pytest
from camera_effects import FIRST, camera, facts, flat

from calibrant.camera.simulator import (
    Exposure,
    simulate,
)
from calibrant.camera.simulator.effects import Stream, in_order
from calibrant.frames.instrument import Instrument, load_instrument
from calibrant.pixels.linearity import Polynomial


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


def test_an_image_that_is_stored_in_reverse_is_read_from_its_other_side():
    """Both overscans of Kast stand at the right; the second amplifier's image and overscan are stored backwards."""
    slow = camera(load_instrument("kast-blue"), "charge-transfer=1e-4,parallel_cti:0")
    columns = simulate(slow, flat()).array.mean(axis=0)
    for last, first in ((1023, 2048), (1024, 2111)):
        beyond = 2064 if first == 2048 else 2096
        charge, signal = columns[first] - columns[beyond], columns[last] - columns[beyond]
        assert charge == pytest.approx(signal * -np.expm1(-1024e-4), rel=0.02)


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


def test_what_another_detector_reads_is_heard_as_its_own_frame_shows_it(quiet):
    grouped = Instrument.model_validate(quiet.model_dump() | {"crosstalk_groups": ((0, 1),)})
    effects = ("spots", "crosstalk=coefficient:1e-4,between:{}")
    shot = Exposure(FIRST, "SPOT", 1.0, 1.0, shutter=True)

    def taken(detector, between, instrument=grouped):
        one = camera(instrument, effects[0], effects[1].format(between), detector=detector)
        return one, simulate(one, shot).array.astype(float)

    hearing, heard = taken(0, 0.01)
    more = heard - taken(0, 0)[1]
    aggressor = camera(grouped, "spots", detector=1)
    sent = in_readout_order(aggressor.detector, simulate(aggressor, shot).array.astype(float) - 1000)
    expected = dict.fromkeys(facts(hearing, "crosstalk")["amplifiers"], 0.0)
    for one in facts(hearing, "crosstalk")["between"]:
        assert one["detector"] == 1
        for name, c in zip(expected, one["c_by_victim"], strict=True):
            assert 0.005 <= abs(c) <= 0.015
            expected[name] = expected[name] + c * sent[one["aggressor"]]
    for name, plane in in_readout_order(hearing.detector, more).items():
        assert np.abs(plane).max() > 100
        assert np.abs(plane - expected[name]).max() < 2
    apart, alone = taken(0, 0.01, quiet)
    assert np.array_equal(alone, taken(0, 0)[1])
    assert "between" not in facts(apart, "crosstalk")


def in_readout_order(detector, raw):
    """Give the image of each amplifier, the pixel that is read first at the first place."""
    placements = detector.placements()
    trimmed = np.zeros(detector.shape)
    for one in detector.amplifiers:
        at = placements[one.name]
        image = raw[one.image.y0 : one.image.y1, one.image.x0 : one.image.x1]
        trimmed[at.y0 : at.y1, at.x0 : at.x1] = image[:: -1 if one.flip_y else 1, :: -1 if one.flip_x else 1]
    return {one.name: in_order(one, trimmed, placements[one.name]) for one in detector.amplifiers}


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

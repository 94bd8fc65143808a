"""Transfers solved for from overscans of many levels, and whole amplifiers: what was put in comes back with right errors."""

from dataclasses import replace

import numpy as np
import pytest
from trailing_ends import IMAGING, LINES, OVERSCAN, flat_end

from calibrant.pixels.charge_transfer import (
    End,
    Reason,
    RegisterTrap,
    TrailingCharge,
    Transfers,
    Traps,
    characterise,
    fit_tail,
    overscan_profile,
    restore,
    solve_transfers,
    trailing_charge,
    transfer,
)

TRAPS = Traps(0.3, 2.5, 1e5, power=0.6)


def test_transfers_are_solved_for_and_a_frame_corrected_with_them_trails_no_more():
    rng, levels = np.random.default_rng(8), (1000.0, 5000.0, 20000.0, 80000.0)
    ends = [flat_end(rng, level, traps=(TRAPS,)) for level in levels]
    found = solve_transfers([*map(overscan_profile, ends), Reason.NO_SIGNAL], imaging=IMAGING, full_well=1e5)
    assert found.inefficiency == pytest.approx(2e-5, abs=4 * found.inefficiency_error)
    assert found.inefficiency_error < 0.01 * 2e-5
    (traps,) = found.transfers.traps
    assert traps.density == found.density == pytest.approx(0.3, abs=4 * found.density_error)
    assert traps.release == found.release == pytest.approx(2.5, abs=4 * found.release_error)
    assert traps.power == 0.6
    assert max(found.density_error / 0.3, found.release_error / 2.5) < 0.05
    assert found.chi2 < found.free + 4 * np.sqrt(2 * found.free)
    transfers = replace(found.transfers, places=IMAGING)
    end = frame_end(*exposed_and_read(rng, 20000.0, (TRAPS,), transfers))
    assert abs(trailing_charge(end).charge) < 0.02 * trailing_charge(ends[2]).charge


def test_a_register_trap_is_told_from_traps_everywhere():
    rng = np.random.default_rng(12)
    profiles = []
    for level in (3000.0, 10000.0, 40000.0):
        exposed = np.zeros((LINES, IMAGING + OVERSCAN))
        exposed[:, :IMAGING] = rng.poisson(level, (LINES, IMAGING))
        trap = RegisterTrap(20.0, 0.1, 1.5)
        read = transfer(
            exposed, None, Transfers(inefficiency=2e-6, places=IMAGING, register_trap=trap)
        ) + rng.normal(0, 4, exposed.shape)
        profiles.append(overscan_profile(End(read[:, IMAGING - 10 : IMAGING], read[:, IMAGING:], IMAGING)))
    found = solve_transfers(profiles, imaging=IMAGING, full_well=1e5)
    assert found.transfers.traps == ()
    trap = found.transfers.register_trap
    assert trap.size == found.density == pytest.approx(20, abs=4 * found.density_error)
    assert trap.release == pytest.approx(1.5, abs=4 * found.release_error)
    assert max(found.density_error / 20, found.release_error / 1.5) < 0.05
    assert trap.fill * 3000 == pytest.approx(trap.size, rel=0.05)
    assert found.inefficiency == pytest.approx(2e-6, abs=4 * found.inefficiency_error)


def exposed_and_read(rng, signal, traps, transfers):
    exposed = np.zeros((LINES, IMAGING + OVERSCAN))
    exposed[:, :IMAGING] = rng.poisson(signal, (LINES, IMAGING))
    read = transfer(exposed, None, Transfers(traps, inefficiency=2e-5, places=IMAGING))
    return exposed, restore(read + rng.normal(0, 4, read.shape), None, transfers, tolerance=0.1).data


def frame_end(exposed, restored):
    assert np.abs(restored - exposed).mean() < 5
    return End(restored[:, IMAGING - 10 : IMAGING], restored[:, IMAGING:], IMAGING)


def test_transfers_without_traps_have_none():
    rng, levels = np.random.default_rng(9), (5000.0, 40000.0)
    profiles = [overscan_profile(flat_end(rng, level, scale=1e-3)) for level in levels]
    offset = fit_tail(
        np.array([one.values for one in profiles]),
        np.array([one.errors for one in profiles]),
        np.array([one.signal for one in profiles]),
    )
    found = solve_transfers(profiles, imaging=IMAGING, prescan=5, full_well=1e5, offset=offset)
    assert found.transfers.traps == ()
    assert (found.density, found.transfers.before) == (0, 5)
    assert found.inefficiency * (IMAGING + 5) / IMAGING == pytest.approx(2e-5, rel=0.02)
    assert solve_transfers([], imaging=IMAGING, full_well=1e5) is Reason.TOO_FEW_LEVELS
    assert solve_transfers(profiles, imaging=9, full_well=1e5, last=99) is Reason.TOO_FEW_PIXELS
    with pytest.raises(ValueError, match="full_well 0"):
        solve_transfers(profiles, imaging=9, full_well=0)


def test_noise_that_all_lines_share_makes_no_traps_and_larger_errors():
    """As rows have among them: parallel overscans are lines of columns, and no level is measured row by row."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        ends = [flat_end(rng, level) for level in (2000.0, 10000.0, 20000.0, 50000.0)]
        shared = [rng.normal(0, 3, (1, OVERSCAN)) for _ in ends]
        noisy = [End(end.image, end.overscan + more, IMAGING) for end, more in zip(ends, shared, strict=True)]
        found = characterise(noisy, full_well=1e5).solved
        assert found.density == 0
        assert found.inefficiency == pytest.approx(2e-5, abs=4 * found.inefficiency_error)


def test_an_amplifier_is_characterised_whatever_some_of_its_frames_are():
    """Biases settle, the electronics decay, one frame has no overscan, one is beyond the full well and trails badly."""
    rng, settling = np.random.default_rng(11), np.array([-4.0, -2.0, *np.zeros(OVERSCAN - 2)])

    def end(level, inefficiency=2e-5):
        one = flat_end(rng, level, scale=1e-3 if level else 0, inefficiency=inefficiency)
        return End(one.image, one.overscan + settling, IMAGING)

    ends = [end(80000.0, 4e-4), Reason.NO_OVERSCAN, *map(end, (2000.0, 10000.0, 30000.0, 60000.0))]
    found = characterise(ends, full_well=1e5, biases=[end(0.0)], offset="decay", limit=1e-4, highest=70000.0)
    assert isinstance(found.measured[0], TrailingCharge)
    assert found.measured[1] is Reason.NO_OVERSCAN
    assert found.turnoff.signal == pytest.approx(60000, rel=0.01)
    assert found.offset.scale == pytest.approx(1e-3, abs=4 * found.offset.errors[0])
    mean, error = found.mean
    for value, its_error in (
        (mean, error),
        (found.loss.inefficiency, found.loss.inefficiency_error),
        (found.solved.inefficiency * IMAGING / (IMAGING + 1), found.solved.inefficiency_error),
    ):
        assert value * (IMAGING + 1) / IMAGING == pytest.approx(2e-5, rel=0.05)
        assert its_error < 0.05 * 2e-5
    assert abs(found.loss.fixed) < 4 * found.loss.fixed_error


@pytest.mark.parametrize(
    ("settling", "inefficiency"), [([-8.0, -2.0, -0.5], 2e-7), ([0.0, 0.0, 0.0, 3.0, -3.0, 3.0], 2e-5)]
)
def test_an_overscan_that_rises_without_light_is_no_bounce_and_biases_tell_so(settling, inefficiency):
    rng, shape = np.random.default_rng(13), np.pad(settling, (0, OVERSCAN - len(settling)))

    def end(level):
        one = flat_end(rng, level, inefficiency=inefficiency)
        return End(one.image, one.overscan + shape, IMAGING)

    ends = [end(level) for level in (5000.0, 20000.0, 50000.0)]
    found = characterise(ends, full_well=1e5, offset="auto")
    assert {found.offset, found.mean, found.loss, found.solved} == {Reason.BOUNCES}
    assert found.used == (False, False, False)
    told = characterise(ends, full_well=1e5, offset="auto", biases=[end(0.0) for _ in range(3)])
    assert told.offset is None
    assert told.mean[0] * (IMAGING + 1) / IMAGING == pytest.approx(inefficiency, abs=4 * told.mean[1])


def test_an_amplifier_without_overscan_is_characterised_by_its_reason():
    found = characterise([Reason.NOT_BEHIND] * 2, full_well=1e5, offset="bounce")
    assert found.measured == (Reason.NOT_BEHIND, Reason.NOT_BEHIND)
    assert found.solved is Reason.NOT_BEHIND
    assert (found.mean, found.used) == (Reason.NOT_BEHIND, (False, False))
    assert {found.loss, found.offset} == {Reason.TOO_FEW_LEVELS}
    assert found.turnoff is None


def test_transfers_that_are_solved_for_have_the_error_of_the_baseline_that_all_levels_share():
    rng, baseline = np.random.default_rng(6), np.linspace(0.6, 0.3, OVERSCAN)
    profiles = [overscan_profile(flat_end(rng, level)) for level in (2000, 8000, 30_000)]
    exact = solve_transfers(profiles, imaging=IMAGING, full_well=1e5, powers=(0.5,))
    given = [
        replace(one, errors=np.hypot(one.errors, baseline), baseline_errors=baseline) for one in profiles
    ]
    found = solve_transfers(given, imaging=IMAGING, full_well=1e5, powers=(0.5,))
    shifts = [
        solve_transfers(
            [replace(one, values=one.values + off) for one in given],
            imaging=IMAGING,
            full_well=1e5,
            powers=(0.5,),
        ).inefficiency
        - found.inefficiency
        for off in np.diag(baseline)[:13]
    ]
    shared = np.sqrt(np.square(shifts).sum())
    assert shared > 2 * exact.inefficiency_error
    assert found.inefficiency_error == pytest.approx(shared, rel=0.1)

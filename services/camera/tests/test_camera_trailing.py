"""What simulated registers leave behind is measured, solved for and put back: two programs that share no code."""

import numpy as np
import pytest

from calibrant.camera.simulator import SimulatedDetector
from calibrant.camera.simulator.effects import Stream
from calibrant.frames.instrument import load_instrument
from calibrant.pixels.charge_transfer import End, Trailing, characterise, restore

EFFECTS = (
    "charge-transfer=2e-5,parallel_cti:2e-4,trap_e:{trap},trap_fill:0.1,trap_decay_px:1.5",
    "parallel-traps=density_e:2,release_rows:3,full_well_e:1e5,power:0.5",
)
ROWS, COLUMNS, PRESCAN = 64, 64, 2
LEVELS = (2000.0, 8000.0, 20_000.0, 50_000.0)


@pytest.mark.parametrize(("trap_e", "count"), [(0, 1), (150, 1), (0, 2)])
def test_simulated_registers_are_solved_for_and_undone(trap_e, count):
    rng = np.random.default_rng(1)
    effects = tuple(one.format(trap=trap_e) for one in EFFECTS[:count])
    camera = SimulatedDetector.of(load_instrument("simcam-tiny"), 0, seed=7, effects=effects)
    exposed, read = [], []
    for level in LEVELS:
        signal = np.zeros((ROWS + 8, PRESCAN + COLUMNS + 16), np.float32)
        signal[:ROWS, PRESCAN : PRESCAN + COLUMNS] = rng.poisson(level, (ROWS, COLUMNS))
        exposed.append(signal[:ROWS, PRESCAN : PRESCAN + COLUMNS].astype(float))
        stream = Stream(camera.detector.amplifiers[0], signal, PRESCAN)
        for effect in camera.effects.values():
            effect.transfer({"A00": stream}, None)
        read.append(signal + rng.normal(0, 1, signal.shape))
    inside = slice(PRESCAN, PRESCAN + COLUMNS)
    rows = [End(one[:ROWS, inside], one[:ROWS, inside.stop :], COLUMNS, PRESCAN) for one in read]
    columns = [End(one[:ROWS, inside].T, one[ROWS:, inside].T, ROWS) for one in read]
    ways = [
        characterise(ends, full_well=1e5, settings=Trailing(level_pixels=3), limit=1e-2)
        for ends in (rows, columns)
    ]
    serial, parallel = (one.solved for one in ways)
    assert serial.inefficiency == pytest.approx(2e-5, abs=max(4 * serial.inefficiency_error, 1e-6))
    assert parallel.inefficiency == pytest.approx(2e-4, rel=0.05)
    if count == 1:
        assert parallel.transfers.traps == ()
    else:
        assert parallel.density == pytest.approx(2, abs=4 * parallel.density_error)
        assert parallel.release == pytest.approx(3, abs=4 * parallel.release_error)
        assert max(parallel.density_error / 2, parallel.release_error / 3) < 0.1
        assert parallel.transfers.traps[0].power == 0.5
    if trap_e:
        assert serial.transfers.register_trap.size == pytest.approx(trap_e, rel=0.05)
        assert serial.transfers.register_trap.release == pytest.approx(1.5, rel=0.05)
    else:
        assert serial.density == 0
    deferred = read[3][:ROWS, inside] - exposed[3]
    left = restore(read[3][:ROWS, inside], parallel.transfers, serial.transfers).data - exposed[3]
    assert np.abs(deferred).max() > 15
    assert left.std() < 1.1
    assert abs(left.mean()) < 0.15 * abs(deferred.mean()) + 0.1

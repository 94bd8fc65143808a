"""The schedule: the seed decides it, and it has what was asked for."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from chaos.schedule import KILLS, OF_UNITS, UNITS, Kind, schedule


def test_the_same_seed_gives_the_same_schedule_in_another_process_too():
    said = [str(fault) for fault in schedule(7, 40)]
    command = [sys.executable, Path(__file__).with_name("main.py"), "--seed", "7", "--kills", "40", "--dry"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [line for line in told.splitlines() if line in said] == said
    assert schedule(7, 40) == schedule(7, 40) != schedule(8, 40)


@pytest.mark.parametrize("kills", [3, 8, 200])
def test_it_has_the_kills_asked_for_and_every_kind_of_fault(kills):
    faults = schedule(1, kills)
    counts = Counter(fault.kind for fault in faults)
    assert sum(counts[kind] for kind in KILLS) == kills
    assert min(counts[kind] for kind in Kind if kind is not Kind.KILL_TREE) >= 1
    assert [fault.number for fault in faults] == list(range(1, len(faults) + 1))
    assert sorted(faults, key=lambda fault: fault.at_s) == list(faults)


def test_targets_are_processes_and_over_time_each_of_them():
    faults = schedule(1, 200)
    assert all((fault.target in UNITS) == (fault.kind in OF_UNITS) for fault in faults)
    assert {fault.target for fault in faults if fault.kind in KILLS} >= set(UNITS)


def test_too_few_kills_are_refused():
    with pytest.raises(ValueError, match="at least 3"):
        schedule(1, 2)

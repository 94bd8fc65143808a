"""A short storm over real servers: a few kills of services, one of the broker, one of the database; all holds."""

import json

import pytest

from chaos.report import as_json
from chaos.schedule import KILLS, Kind, schedule
from chaos.storm import Plan, Storm

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.postgres,
    pytest.mark.timeout(600),
    # aiokafka leaves a connection that a dying broker cuts in its first words to the garbage collector, and asyncio's
    # server one that comes while it closes.
    pytest.mark.filterwarnings("ignore:.*_SelectorTransport:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*socket.socket:pytest.PytestUnraisableExceptionWarning"),
]
SEED = 20260101
ENOUGH_KILLS = 4
"""The fewest with every kind: a service alone and with its children, the broker, the database."""
GAP_S = 1.25
"""Less than many faults last, so that several are there at once."""


def test_four_kills_and_every_other_fault_lose_nothing_and_do_nothing_twice(tmp_path):
    faults = schedule(SEED, ENOUGH_KILLS, GAP_S)
    assert {fault.kind for fault in faults} == set(Kind)
    storm = Storm(Plan(tmp_path / "site", faults, in_flight=1, settle_s=300))
    result = storm.run()
    told = json.dumps(as_json(SEED, result), indent=1)
    assert [check for check in result.checks if check.wrong] == [], told
    assert result.good, told
    assert result.counts["kills (SIGKILL)"] == sum(fault.kind in KILLS for fault in faults) == ENOUGH_KILLS
    assert result.counts["sequences"] >= 1, told
    assert result.impossible.keys() <= {Kind.FULL_DISK}, told

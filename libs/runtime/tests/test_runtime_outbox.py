"""Claims on the outbox: relays side by side lose nothing, repeat nothing they need not, and keep each key's order."""

import asyncio
import random
import threading
from contextlib import ExitStack
from itertools import pairwise

import pytest
from sqlmodel import select

from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime.health import Health
from calibrant.runtime.outbox import AT_ONCE, Outbox
from calibrant.runtime.probe import Probe
from calibrant.runtime.relay import Relay
from calibrant.runtime.tables import LANES, OutboxRow, lane_of
from calibrant.runtime.testing.fakes import FakeClock
from calibrant.runtime.testing.probe_service import MIGRATIONS
from calibrant.runtime.unit_of_work import unit_of_work

MANY = [f"run-{number}" for number in range(200)]
"""So many keys that there is a row in every lane."""


def emit(database, clock, cause, *runs):
    with unit_of_work(database, "sequencer", clock, cause=cause) as unit:
        unit.emit(RunProgress(run_id=run, phase=cause, message="", nodes_ended=0, nodes=0) for run in runs)


def left(database):
    with database.reading() as session:
        return len(session.exec(select(OutboxRow)).all())


def lanes(claim):
    return {row.lane for row in claim.rows}


def remove_everything(outbox):
    removed = 0
    while (claim := outbox.claim()) is not None:
        removed += len(claim.rows)
        claim.remove()
    return removed


@pytest.fixture
def server(database):
    if not database.is_shared:
        pytest.fail("only for tests with the marker postgres")
    return database


on_a_server = pytest.mark.parametrize(
    "database_site", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def test_everything_is_claimed_once_and_in_order_within_its_lane(database, clock):
    emit(database, clock, "a", *MANY)
    emit(database, clock, "b", *MANY)
    outbox, seen = Outbox(database), []
    while (claim := outbox.claim()) is not None:
        seen += [(row.lane, row.number) for row in claim.rows]
        claim.remove()
    assert len(seen) == len(set(seen)) == 2 * len(MANY)
    for lane in range(LANES):
        numbers = [number for mine, number in seen if mine == lane]
        assert numbers == sorted(numbers)
    assert left(database) == 0


def test_what_is_released_is_claimed_again(database, clock):
    emit(database, clock, "a", "run-1", "run-1")
    outbox = Outbox(database)
    first = outbox.claim()
    first.release()
    again = outbox.claim()
    assert [row.number for row in again.rows] == [row.number for row in first.rows]
    again.remove()
    assert outbox.claim() is None


def test_messages_of_one_key_and_topic_share_a_lane_and_others_spread():
    assert lane_of("t", "k") == lane_of("t", "k")
    assert {lane_of("t", key) for key in MANY} == set(range(LANES))
    assert lane_of("t", None) == lane_of("t", "")


def test_in_a_file_a_second_relay_may_repeat_but_loses_nothing(tmp_path, clock):
    from calibrant.runtime.testing.databases import DatabaseSite  # noqa: PLC0415

    with DatabaseSite(f"sqlite:///{tmp_path}/own.sqlite").opened() as database:
        emit(database, clock, "a", "run-1")
        slow = Outbox(database).claim()
        quick = Outbox(database).claim()
        assert [row.number for row in slow.rows] == [row.number for row in quick.rows]
        quick.remove()
        emit(database, clock, "b", "run-1")
        slow.remove()
        assert [row.number for row in Outbox(database).claim().rows] == [2]


@on_a_server
def test_relays_share_the_lanes_and_a_stuck_one_keeps_its_own_only(server, clock):
    emit(server, clock, "a", *MANY)
    stuck, other = Outbox(server).claim(), Outbox(server)
    assert len(lanes(stuck)) == AT_ONCE
    assert remove_everything(other) == len(MANY) - len(stuck.rows)
    emit(server, clock, "b", *MANY)
    remove_everything(other)
    with server.reading() as session:
        waiting = {row.lane for row in session.exec(select(OutboxRow)).all()}
    assert waiting == lanes(stuck)
    stuck.release()
    remove_everything(other)
    assert left(server) == 0


@on_a_server
def test_no_lane_starves_while_others_always_have_something(server, clock):
    outbox, seen = Outbox(server), set()
    for number in range(2):
        emit(server, clock, f"cause-{number}", *MANY)
        claim = outbox.claim()
        seen |= lanes(claim)
        claim.remove()
    assert seen == set(range(LANES))


@on_a_server
def test_rows_whose_sending_took_longer_than_a_transaction_may_last_are_removed_all_the_same(
    server, clock, postgres
):
    emit(server, clock, "a", "run-1", "run-2")
    outbox = Outbox(server)
    claim = outbox.claim()
    with postgres.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE state = 'idle in transaction' "
            "AND datname = %s",
            [server.url.rpartition("/")[2]],
        )
    claim.remove()
    assert left(server) == 0
    emit(server, clock, "b", "run-1")
    assert remove_everything(outbox) == 1


class Log:
    """A producer that takes its time, never the same, and writes down what it is given."""

    def __init__(self, seed):
        self.sent = []
        self.random = random.Random(seed)

    async def send(self, messages):
        for _ in range(self.random.randrange(20)):
            await asyncio.sleep(0)
        self.sent += [(message.key, RunProgress.from_json(message.value).phase) for message in messages]


def emit_many(database, name, rounds):
    """Emit for the same keys as everybody else, in rounds; phases tell the order of commits."""
    clock = FakeClock()
    for _ in range(rounds):
        with unit_of_work(database, "sequencer", clock, cause=name) as unit:
            number = ORDER.setdefault(database.url, iter(range(10_000)))
            unit.emit(
                RunProgress(run_id=run, phase=f"{next(number):05d}", message="", nodes_ended=0, nodes=0)
                for run in MANY[:12]
            )


ORDER = {}
"""Numbers in the order of commits: they are drawn inside the transaction, of which there is one at a time."""


@pytest.mark.asyncio
@pytest.mark.parametrize("replicas", [2, 3])
async def test_replicas_send_everything_in_the_order_of_each_key(database_site, replicas):
    log = Log(seed=replicas)
    with ExitStack() as stack:
        databases = [stack.enter_context(database_site.opened(MIGRATIONS)) for _ in range(replicas)]
        relays = [Relay(database, log, Health(), Probe()) for database in databases]
        writers = [
            threading.Thread(target=emit_many, args=(database, f"writer-{number}", 10))
            for number, database in enumerate(databases)
        ]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers) or left(databases[0]):
            await asyncio.gather(*(relay.flush() for relay in relays))
        expected = replicas * 10 * 12
    unique = list(dict.fromkeys(log.sent))
    assert len(unique) == expected
    for run in MANY[:12]:
        phases = [phase for key, phase in unique if key == run]
        assert all(one < other for one, other in pairwise(phases))
    if not database_site.is_file:
        assert len(log.sent) == expected

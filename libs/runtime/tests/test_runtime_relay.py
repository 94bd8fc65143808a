"""The relay: in order, again after a crash in between, and with patience while the bus is away."""

import asyncio
import logging

import pytest
import pytest_asyncio
from sqlmodel import select

from calibrant.bus.errors import AccessDenied, BusUnavailable
from calibrant.contracts.sequencer.v1 import RunProgress
from calibrant.runtime.health import Health
from calibrant.runtime.outbox import BATCH
from calibrant.runtime.probe import Probe, Step
from calibrant.runtime.relay import Relay
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.unit_of_work import unit_of_work


class Killed(BaseException):
    """What a test's probe raises in place of a kill."""


class KillOnce(Probe):
    def __init__(self, step):
        self.step = step

    def at(self, step):
        if step is self.step:
            self.step = None
            raise Killed


class Log:
    """A producer that writes down what it is given, and fails when told to."""

    def __init__(self, failures=0, error=BusUnavailable):
        self.sent = []
        self.failures = failures
        self.error = error
        self.went_out = asyncio.Event()

    async def send(self, messages):
        if self.failures:
            self.failures -= 1
            raise self.error("the bus is away: start it")
        self.sent += [(message.key, message.value, dict(message.headers)["ce_id"]) for message in messages]
        self.went_out.set()


@pytest_asyncio.fixture
async def producer():
    return Log()


def emit(database, clock, cause, *numbers, run="run-1"):
    with unit_of_work(database, "sequencer", clock, cause=cause) as unit:
        unit.emit(
            RunProgress(run_id=run, phase="p", message=str(number), nodes_ended=0, nodes=0)
            for number in numbers
        )


def left(database):
    with database.reading() as session:
        return len(session.exec(select(OutboxRow)).all())


def numbers(producer):
    return [RunProgress.from_json(value).message for _, value, _ in producer.sent]


@pytest.mark.asyncio
async def test_everything_is_sent_in_order_and_removed(database, clock, producer):
    emit(database, clock, "a", *range(BATCH + 5))
    emit(database, clock, "b", "last")
    await Relay(database, producer, Health(), Probe()).flush()
    assert numbers(producer) == [*map(str, range(BATCH + 5)), "last"]
    assert left(database) == 0


@pytest.mark.asyncio
async def test_after_a_crash_between_sending_and_removing_the_same_goes_out_again(database, clock, producer):
    emit(database, clock, "a", 1, 2)
    with pytest.raises(Killed):
        await Relay(database, producer, Health(), KillOnce(Step.RELAYED)).flush()
    assert left(database) == 2
    emit(database, clock, "b", 3)
    await Relay(database, producer, Health(), Probe()).flush()
    assert numbers(producer) == ["1", "2", "1", "2", "3"]
    assert producer.sent[:2] == producer.sent[2:4]  # the same identifiers: their reader drops them
    assert left(database) == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [BusUnavailable, AccessDenied], ids=["away", "right-withdrawn"])
async def test_while_the_bus_takes_nothing_it_says_so_keeps_everything_and_goes_on(
    database, clock, caplog, error
):
    producer, health = Log(failures=2, error=error), Health()
    health.trouble("consumer of x", "another part's trouble")
    emit(database, clock, "a", 1, 2)
    relay = Relay(database, producer, health, Probe())
    with caplog.at_level(logging.WARNING):
        running = asyncio.create_task(relay.run())
        async with asyncio.timeout(20):
            while "outbox" not in health.troubles:  # noqa: ASYNC110  told by another task
                await asyncio.sleep(0)
            assert left(database) == 2
            await producer.went_out.wait()
            relay.end()
            await running
    assert numbers(producer) == ["1", "2"]
    assert health.troubles == {"consumer of x": "another part's trouble"}
    assert "the bus is away: start it" in caplog.text


@pytest.mark.asyncio
async def test_it_wakes_up_from_any_thread_and_flushes_when_it_ends(database, clock, producer, monkeypatch):
    monkeypatch.setattr("calibrant.runtime.relay.IDLE_S", 60.0)
    relay = Relay(database, producer, Health(), Probe())
    relay.wake()  # before it runs: nothing to wake
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(20):
        await asyncio.sleep(0)
        await asyncio.to_thread(emit, database, clock, "a", 1)
        await asyncio.to_thread(relay.wake)
        await producer.went_out.wait()
        await asyncio.to_thread(emit, database, clock, "b", 2)
        relay.end()
        await running
    assert numbers(producer) == ["1", "2"]
    assert left(database) == 0


def test_waking_it_after_its_loop_has_ended_does_nothing(database):
    async def once():
        relay = Relay(database, Log(), Health(), Probe())
        relay.end()
        await relay.run()
        return relay

    asyncio.run(once()).wake()

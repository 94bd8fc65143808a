"""Job lanes as members of a real group: more of them than partitions, coming and going, outliving the poll interval."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from itertools import count

import pytest
import pytest_asyncio

from calibrant.bus import kafka
from calibrant.bus.embedded import open_bus
from calibrant.bus.ports import Message, TopicSpec
from calibrant.runtime.health import Health
from calibrant.runtime.job_lanes import JobLanes
from calibrant.runtime.membership import Membership
from calibrant.runtime.probe import Probe
from calibrant.runtime.testing.services import until

pytestmark = pytest.mark.asyncio
numbers = count()
INTERVAL_S = 2.0


@pytest_asyncio.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
async def bus(request, tmp_path):
    if request.param == "embedded":
        bus = await open_bus(tmp_path / "bus.sqlite")
    else:
        servers = request.getfixturevalue("broker").servers
        bus = await kafka.open_bus(servers, max_poll_interval_s=INTERVAL_S)
    yield bus
    await bus.close()


@pytest.fixture
def member(bus, hands):
    @asynccontextmanager
    async def member(topic):
        lanes = JobLanes(hands.attempt, slots=1, let_go_s=3600.0, health=Health(), probe=Probe())
        async with Membership(bus, topic, [topic], lanes) as membership:
            running = asyncio.create_task(lanes.run(membership))
            try:
                yield lanes
            finally:
                lanes.drain()
                await running

    return member


async def filled(bus, *, partitions, records):
    topic = f"jobs-{next(numbers)}"
    await bus.ensure_topics([TopicSpec(topic, partitions)])
    async with bus.producer() as producer:
        await producer.send([Message(topic, str(n), b"") for n in range(records)])
    return topic


async def all_done(bus, topic):
    return dict(await bus.committed(topic)) == dict(await bus.end_offsets([topic]))


async def test_more_members_than_partitions_do_everything_and_the_idle_harm_nobody(bus, hands, member):
    hands.open = True
    topic = await filled(bus, partitions=2, records=20)
    async with member(topic), member(topic), member(topic):
        await until(lambda: all_done(bus, topic))
        async with member(topic):  # who comes and goes
            pass
        async with bus.producer() as producer:
            await producer.send([Message(topic, str(n), b"") for n in range(20)])
        await until(lambda: all_done(bus, topic))
    assert len(set(hands.ended)) == 40


async def test_a_job_that_outlives_the_poll_interval_is_begun_and_committed_once(bus, hands, member):
    topic = await filled(bus, partitions=1, records=2)
    now_s = asyncio.get_running_loop().time
    async with member(topic):

        async def begun():
            return hands.begun

        await until(begun)
        end_s = now_s() + 2 * INTERVAL_S

        async def passed():
            return now_s() > end_s

        await until(passed)
        for offset in range(2):
            hands.gate(0, offset).set()
        await until(lambda: all_done(bus, topic))
    assert Counter(hands.begun) == {(0, 0): 1, (0, 1): 1}

"""Kafka when the world is against it: brokers killed and frozen, lines cut, clients that fail inside."""

import asyncio
import os
import signal
from contextlib import suppress

import aiokafka
import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from calibrant.bus.errors import BusUnavailable, CommitFailed, MessageTooLarge
from calibrant.bus.kafka import open_bus
from calibrant.bus.ports import Message, TopicPartition, TopicSpec
from calibrant.bus.testing.broker import Broker
from calibrant.bus.testing.broker.ports import free_ports
from calibrant.bus.testing.harness import (
    PARTITIONS,
    PATIENCE_S,
    Listener,
    Site,
    all_partitions,
    collect,
    ends,
    kill,
    lines,
    numbered,
    send,
    settle,
    values,
)
from calibrant.bus.testing.proxy import Proxy

pytestmark = [pytest.mark.asyncio, pytest.mark.kafka]
IMPATIENT = {
    "session_timeout_s": 2.0,
    "rebalance_timeout_s": 10.0,
    "request_timeout_s": 5.0,
    "delivery_timeout_s": 5.0,
}


@pytest.fixture(scope="module")
def victim():
    """A broker to be killed."""
    with Broker() as broker:
        yield broker


@pytest_asyncio.fixture
async def bus(victim):
    bus = await open_bus(victim.servers, **IMPATIENT)
    yield bus
    await bus.close()


@pytest_asyncio.fixture
async def topic(request, bus):
    topic = request.node.name
    await bus.ensure_topics([TopicSpec(topic, PARTITIONS)])
    return topic


class Traffic:
    """A writer that sends numbers until told to stop, again what was not acknowledged; and a reader."""

    def __init__(self, bus, topic):
        self.bus, self.topic = bus, topic
        self.acknowledged = []
        self.received = []
        self.sent = 0
        self._moved = asyncio.Condition()
        self._stop = asyncio.Event()

    async def __aenter__(self):
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._read())]
        await self.flows()
        return self

    async def __aexit__(self, *_):
        self._stop.set()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()

    async def flows(self):
        """Wait until something that was sent from now on has come through."""
        target = self.sent + 10
        async with asyncio.timeout(PATIENCE_S), self._moved:
            await self._moved.wait_for(lambda: len(self.received) >= target)

    async def _write(self):
        async with self.bus.producer() as producer:
            while not self._stop.is_set():
                numbers = range(self.sent, self.sent + 5)
                try:
                    await producer.send(
                        [Message(self.topic, f"key-{n % 8}", str(n).encode()) for n in numbers]
                    )
                except BusUnavailable:
                    continue
                self.acknowledged += numbers
                self.sent += 5
                async with self._moved:
                    await self._moved.wait_for(lambda: self.sent - len(self.received) < 50)

    async def _read(self):
        async with self.bus.consumer(self.topic, [self.topic]) as consumer:
            writer, _ = self._tasks
            while not writer.done() or set(self.acknowledged) - set(self.received):
                with suppress(BusUnavailable, CommitFailed):
                    records = await consumer.fetch(max_records=100, timeout_s=0.2)
                    async with self._moved:
                        self.received += [int(record.value) for record in records]
                        self._moved.notify_all()
                    await consumer.commit(ends(records))

    def check(self):
        """Nothing acknowledged is lost, and each key's numbers first came in their order."""
        assert set(self.acknowledged) <= set(self.received)
        first = list(dict.fromkeys(self.received))
        for key in range(8):
            mine = [number for number in first if number % 8 == key]
            assert mine == sorted(mine)


async def test_a_killed_broker_loses_nothing_acknowledged(victim, bus, topic):
    async with Traffic(bus, topic) as traffic:
        for end in (victim.kill, victim.stop):
            await asyncio.to_thread(end)
            await asyncio.to_thread(victim.start)
            await traffic.flows()
    traffic.check()


async def test_a_frozen_broker_is_unavailable_and_then_goes_on(victim, bus, topic):
    async with bus.producer() as producer, Traffic(bus, topic) as traffic:
        await producer.send([Message(topic, "k", b"0")])
        victim.suspend()
        try:
            with pytest.raises(BusUnavailable, match=f"append to {topic}"):
                await producer.send([Message(topic, "k", b"0")])
            with pytest.raises(BusUnavailable):
                await bus.end_offsets([topic])
        finally:
            victim.resume()
        await traffic.flows()
        await producer.send([Message(topic, "k", b"0")])
    traffic.check()


async def test_cut_lines_lose_nothing(victim, topic):
    async with Proxy(victim.ports.behind_proxy, victim.ports.proxy) as proxy:
        bus = await open_bus(victim.servers_behind_proxy, **IMPATIENT)
        async with Traffic(bus, topic) as traffic:
            for _ in range(5):
                await proxy.cut()
                await traffic.flows()
            await proxy.refuse()
            with pytest.raises(BusUnavailable):
                await bus.end_offsets([topic])
            await proxy.accept()
            await traffic.flows()
            proxy.delay_s = 0.2
            await traffic.flows()
            proxy.delay_s = 0.0
        traffic.check()
        await bus.close()


async def test_a_paused_member_outlives_the_poll_interval(victim, bus, topic):
    listener = Listener()
    impatient = await open_bus(victim.servers, **IMPATIENT, max_poll_interval_s=1.0)
    async with impatient.consumer(topic, [topic], listener=listener) as consumer:
        await settle(topic, consumer)
        consumer.pause(all_partitions(topic))
        await send(bus, numbered(topic, 8))
        loop = asyncio.get_running_loop()
        end_s = loop.time() + 4.0  # of long work: four poll intervals, two sessions
        while loop.time() < end_s:
            assert await consumer.fetch(max_records=8, timeout_s=0.2) == []
        consumer.resume(all_partitions(topic))
        await consumer.commit(ends(await collect(consumer, 8)))
    assert listener.heard == [("assigned", all_partitions(topic))]
    await impatient.close()


async def test_a_member_that_does_not_fetch_leaves(victim, bus, topic):
    impatient = await open_bus(victim.servers, **IMPATIENT, max_poll_interval_s=0.5)
    async with impatient.consumer(topic, [topic]) as stuck, bus.consumer(topic, [topic]) as other:
        await settle(topic, stuck, other)
        await settle(topic, other)
        mine = next(iter(stuck.assignment()))
        with pytest.raises(CommitFailed):
            await stuck.commit({mine: 0})
        await settle(topic, stuck, other)
    await impatient.close()


async def test_a_stopped_process_loses_its_partitions_and_comes_back(victim, bus, topic):
    site = Site("calibrant.bus.kafka:open_bus", {"servers": victim.servers, **IMPATIENT})
    async with bus.consumer(topic, [topic]) as consumer, site.child("hold", topic, topic) as child:
        await settle(topic, consumer)
        await send(bus, numbered(topic, 40, keys=40))
        saying = asyncio.create_task(lines(child, 1))
        async with asyncio.timeout(PATIENCE_S):
            while not saying.done():
                await consumer.fetch(max_records=40, timeout_s=0.05)
            await saying
        os.kill(child.pid, signal.SIGSTOP)
        await settle(topic, consumer)
        os.kill(child.pid, signal.SIGCONT)
        async with asyncio.timeout(PATIENCE_S):
            while not 0 < len(consumer.assignment()) < PARTITIONS:
                await consumer.fetch(max_records=40, timeout_s=0.05)
        await kill(child)


async def test_a_producer_that_lost_count_is_replaced(bus, topic):
    async with bus.producer() as producer:
        ((place, _),) = await producer.send([Message(topic, "k", b"0")])
        counts = producer._inner._txn_manager._sequence_numbers
        counts[aiokafka.TopicPartition(topic, place.partition)] += 5
        with pytest.raises(BusUnavailable, match="OutOfOrderSequence"):
            await producer.send([Message(topic, "k", b"1")])
        assert await producer.send([Message(topic, "k", b"1")]) == [(place, 1)]


async def test_a_consumer_that_died_inside_is_replaced(bus, topic):
    listener = Listener()
    await send(bus, numbered(topic, 8))
    async with bus.consumer(topic, [topic], listener=listener) as consumer:
        await collect(consumer, 8)
        consumer._inner._fetcher._fetch_task.cancel()
        assert values(await collect(consumer, 8)) == [str(number) for number in range(8)]
    whole = all_partitions(topic)
    assert listener.heard == [("assigned", whole), ("revoked", whole), ("assigned", whole)]


async def test_too_large_a_message_is_refused_and_the_largest_is_sent_and_read(bus, topic):
    async with bus.producer() as producer:
        with pytest.raises(MessageTooLarge, match=topic):
            await producer.send([Message(topic, "k", bytes(5_000_000))])
        await producer.send([Message(topic, "k", bytes(4_190_000))])
    async with bus.consumer(topic, [topic]) as consumer:
        assert [len(record.value) for record in await collect(consumer, 1)] == [4_190_000]
    assert [len(record.value) for record in await bus.read(topic, from_start=True, limit=9)] == [4_190_000]


async def test_retention_is_brought_up_to_date_and_other_settings_stay(victim, bus, topic):
    async def setting(name):
        answers = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, {name: None})]
        )
        return answers[0].resources[0][4][0][1]

    admin = AIOKafkaAdminClient(bootstrap_servers=victim.servers)
    await admin.start()
    assert await setting("retention.ms") == "-1"
    await bus.ensure_topics([TopicSpec(topic, PARTITIONS, retention_s=7200.0)])
    async with asyncio.timeout(PATIENCE_S):
        while await setting("retention.ms") != "7200000":  # noqa: ASYNC110  the broker hears of it from its controller
            await asyncio.sleep(0.05)
    assert await setting("message.timestamp.type") == "LogAppendTime"
    await admin.close()


async def test_nobody_there_is_a_transient_error_that_names_the_place():
    servers = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(BusUnavailable, match=rf"no Kafka broker answers at {servers} .*check the address"):
        await open_bus(servers)


async def test_closing_the_bus_closes_what_is_open(victim, bus, topic):
    other = await open_bus(victim.servers, **IMPATIENT)
    producer = await other.producer().__aenter__()
    left = await other.consumer(topic, [topic]).__aenter__()
    await settle(topic, left)
    await other.close()
    await other.close()
    with pytest.raises(BusUnavailable, match="async with"):
        await left.fetch(max_records=1, timeout_s=0.0)
    assert producer._inner is None
    async with bus.consumer(topic, [topic]) as consumer:
        await settle(topic, consumer)


async def test_numbers_out_of_range_are_refused(bus, topic):
    async with bus.consumer(topic, [topic]) as consumer:
        with pytest.raises(ValueError, match="max_records"):
            await consumer.fetch(max_records=0, timeout_s=0.0)
        await settle(topic, consumer)
        partition = TopicPartition(topic, 0)
        with pytest.raises(ValueError, match="offset"):
            await consumer.commit({partition: -1})
        with pytest.raises(ValueError, match="offset"):
            await consumer.seek(partition, -1)
    with pytest.raises(ValueError, match="limit"):
        await bus.read(topic, from_start=True, limit=0)

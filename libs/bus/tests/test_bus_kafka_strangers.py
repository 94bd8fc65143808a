"""What strangers write to Kafka: read as far as it can be, and never in the way of other records."""

import aiokafka
import pytest
import pytest_asyncio
from aiokafka.errors import CorruptRecordException

from calibrant.bus.kafka import inside, open_bus
from calibrant.bus.kafka.batches import decoded
from calibrant.bus.ports import Message, TopicPartition, TopicSpec
from calibrant.bus.testing.harness import PARTITIONS, collect, ends, send
from calibrant.bus.testing.strangers import batch, signed, write

pytestmark = pytest.mark.asyncio
ATTRIBUTES = slice(21, 23)
GZIP = 1
SNAPPY = 2
PLACE = TopicPartition("topic", 0)


@pytest_asyncio.fixture
async def bus(broker):
    bus = await open_bus(broker.servers)
    yield bus
    await bus.close()


@pytest_asyncio.fixture
async def topic(request, bus):
    topic = f"strangers.{request.node.name}".translate(str.maketrans("[]", "__"))
    await bus.ensure_topics([TopicSpec(topic, PARTITIONS)])
    await bus.end_offsets([topic])  # waits for the leaders
    return topic


def batch_of(*header_names):
    return signed(batch(*header_names))


@pytest.mark.kafka
async def test_an_undecodable_batch_is_one_record_and_nothing_else_is_lost(broker, bus, topic):
    place = TopicPartition(topic, 1)
    own = [Message(topic, f"key-{number}", str(number).encode()) for number in range(40)]
    await send(bus, own[:20])
    spoilt = batch_of(b"ok", b"\xff\xfe", b"ok")
    await write(broker.servers, place, spoilt)
    await send(bus, own[20:])
    read = await bus.read(topic, from_start=True, limit=100)
    async with bus.consumer(topic, [topic]) as consumer:
        records = await collect(consumer, 41)
        await consumer.commit(ends(records))
    assert sorted(records, key=offset_of) == sorted(read, key=offset_of)
    (stranger,) = [record for record in records if len(record.value) > 2]
    assert stranger.topic_partition == place
    assert stranger.value[61:] == spoilt[61:]
    assert {record.value for record in records if record is not stranger} == {one.value for one in own}
    assert ends(sorted(records, key=offset_of)) == await bus.end_offsets([topic])


@pytest.mark.kafka
async def test_an_undecodable_batch_is_not_given_again_after_its_commit(broker, bus, topic):
    place = TopicPartition(topic, 0)
    for _ in range(2):
        await write(broker.servers, place, batch_of(b"\xff\xfe", b"\xff"))
    for offset in (1, 3):
        async with bus.consumer(topic, [topic]) as consumer:
            (record,) = await collect(consumer, 1)
            await consumer.commit(ends([record]))
        assert record.offset == offset


@pytest.mark.kafka
async def test_a_key_and_a_value_that_are_none_are_read(broker, bus, topic):
    stranger = aiokafka.AIOKafkaProducer(bootstrap_servers=broker.servers)
    await stranger.start()
    await stranger.send_and_wait(topic, None, b"\xff\x00", headers=[("h", None)])
    await stranger.stop()
    async with bus.consumer(topic, [topic]) as consumer:
        (record,) = await collect(consumer, 1)
    assert (record.key, record.value, record.headers) == ("\\xff\x00", b"", (("h", b""),))


async def test_a_batch_in_a_codec_that_we_lack_is_one_record():
    content = batch(b"ok", b"ok")
    content[ATTRIBUTES] = SNAPPY.to_bytes(2)
    (record,) = decoded(PLACE, signed(content))
    assert (record.offset, record.value) == (1, bytes(content))


@pytest.mark.kafka
async def test_a_batch_that_unpacks_to_too_much_is_one_record_and_what_unpacks_to_less_is_read(
    broker, bus, topic, monkeypatch
):
    monkeypatch.setattr(inside, "MAX_UNPACKED_BYTES", 50_000)
    place = TopicPartition(topic, 0)
    sizes = (40_000, 60_000, 100)
    packed = [signed(batch(b"x", value=b"a" * size, compression=GZIP)) for size in sizes]
    for content in packed:
        assert len(content) < 1_000
        await write(broker.servers, place, content)
    async with bus.consumer(topic, [topic]) as consumer:
        records = await collect(consumer, 3)
    assert [record.value for record in records if record.offset != 1] == [b"a" * 40_000, b"a" * 100]
    (bomb,) = [record for record in records if record.offset == 1]
    assert bomb.value[61:] == packed[1][61:]


async def test_a_batch_that_is_cut_off_waits_for_its_rest():
    whole = batch_of(b"ok")
    assert [record.value for record in decoded(PLACE, whole + whole[:-1])] == [b"a"]
    assert list(decoded(PLACE, whole[:10])) == []


async def test_damage_is_not_taken_for_a_strangers_record():
    content = bytearray(batch_of(b"ok"))
    content[-1] ^= 1
    with pytest.raises(CorruptRecordException, match="the batch at 0 is damaged"):
        list(decoded(PLACE, bytes(content)))


def offset_of(record):
    return record.topic_partition, record.offset

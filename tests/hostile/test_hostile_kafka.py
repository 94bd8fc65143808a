"""The bus edge on a real Kafka: what strangers write there ends as a dead letter with its reason, and holds up nothing."""

import asyncio
from pathlib import Path

import aiokafka
import pytest

from calibrant.bus.cloudevents import Envelope, to_message
from calibrant.bus.kafka import open_bus
from calibrant.bus.kafka.options import MAX_MESSAGE_BYTES
from calibrant.bus.ports import Message, TopicSpec
from calibrant.bus.records import MOST_BODY_BYTES
from calibrant.bus.testing.strangers import batch, signed, write
from calibrant.observatory.composition import observatory
from calibrant.observatory.settings import ObservatorySettings
from calibrant.runtime import dead_letters
from calibrant.runtime.testing.hostile import NOT_JSON
from calibrant.runtime.unit_of_work import was_done

GOLDEN = Path(__file__).parents[2] / "libs/contracts/tests/golden"
KIND = "calibrant.common.v1.JobDone"
BODY = (GOLDEN / f"{KIND}.json").read_bytes()
TOPIC, KEY = "combine-results", "one-key"
PATIENCE_S = 110.0
NEEDED = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time")
ODD = (b"", b"\0", b"a\r\nb: c", b"\xff", b"x" * 100_000)


def message(event_id, body=BODY):
    said = {"source": "/somewhere/else", "type": KIND, "time_utc": "2026-01-01T00:00:00Z"}
    return to_message(Envelope(id=event_id, **said, data=body), TOPIC, KEY)


def hostile():
    """Yield what our own client can send, by what is wrong with it."""
    for number, body in enumerate((*NOT_JSON, b" " * MOST_BODY_BYTES, b" " * (MOST_BODY_BYTES + 1))):
        yield message(f"body-{number}", body)
    fine = message("header")
    for name in NEEDED:
        others = tuple(one for one in fine.headers if one[0] != name)
        yield Message(TOPIC, KEY, BODY, others)
        yield Message(TOPIC, KEY, BODY, (*fine.headers, (name.upper(), b"again")))
        for value in ODD if name != "ce_type" else ODD[:2]:
            yield Message(TOPIC, KEY, BODY, (*others, (name, value)))
    many = tuple((f"x-{number}", b"y") for number in range(5000))
    yield Message(TOPIC, KEY, b"", (*many, ("x-large", bytes(MAX_MESSAGE_BYTES - 100_000))))


async def written_by_strangers(servers, place):
    """Write what our client cannot, and return where it lies: no value, no header's value, names that are not UTF-8."""
    stranger = aiokafka.AIOKafkaProducer(bootstrap_servers=servers)
    await stranger.start()
    try:
        none = await stranger.send_and_wait(TOPIC, None, b"\xff\x00", place.partition)
        odd = await stranger.send_and_wait(TOPIC, BODY, None, place.partition, headers=[("ce_id", None)])
    finally:
        await stranger.stop()
    await write(servers, place, signed(batch(b"\xff\xfe")))
    return {none.offset, odd.offset, odd.offset + 1}


async def groups_are_had(servers):
    """Wait until the broker takes members into groups, which one that has just started does not."""
    bus = await open_bus(servers)
    try:
        await bus.ensure_topics([TopicSpec("hostile.group", 1)])
        async with bus.consumer("hostile", ["hostile.group"]) as consumer:
            while not consumer.assignment():
                await consumer.fetch(max_records=1, timeout_s=0.2)
    finally:
        await bus.close()


async def dealt_with(process):
    assert process.faults() == []
    return sum((await process.lag()).values()) == 0


@pytest.mark.kafka
@pytest.mark.asyncio
async def test_what_strangers_write_is_a_dead_letter_with_its_reason_and_what_is_behind_it_is_done(
    tmp_path, broker
):
    await groups_are_had(broker.servers)
    settings = ObservatorySettings(data_dir=tmp_path, bus=f"kafka://{broker.servers}", port=0)
    async with observatory(settings, ("sequencer",)) as running:
        process = running.process("sequencer")
        async with running.platform.bus.producer() as producer:
            sent = await producer.send(list(hostile()))
            place, first = sent[0]
            wrong = {offset for _, offset in sent} | await written_by_strangers(broker.servers, place)
            (behind,) = await producer.send([message("behind")])
        assert {at for at, _ in (*sent, behind)} == {place}
        async with asyncio.timeout(PATIENCE_S):
            while not await dealt_with(process):  # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.1)
        with running.database("sequencer").reading() as session:
            letters = dead_letters.letters(session, state=None)
            assert was_done(session, "behind")
    found = [
        row
        for row in letters
        if (row.topic, row.partition) == (TOPIC, place.partition) and row.log_offset >= first
    ]
    assert {row.log_offset for row in found} == wrong
    assert [row for row in found if row.error != "poison" or not row.reason] == []

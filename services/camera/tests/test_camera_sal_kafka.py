"""A plain client of SAL, made of Kafka, Avro and the registry's answers alone, drives the camera and reads what it says."""

from __future__ import annotations

import asyncio
import io
import json
import struct

import fastavro
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from calibrant.runtime.settings import WrongSetting
from calibrant.sal import NOT_NOW
from calibrant.sal.testing import INTERFACES
from calibrant.sal.testing.registry import RegistryDouble, served

START = "lsst.bench.BenchCamera."
WAITED = 60.0


class PlainRemote:
    """A client as others write it: knows the names of topics, and takes schemas from the registry."""

    def __init__(self, servers, registry):
        self.registry = registry
        self.producer = AIOKafkaProducer(bootstrap_servers=servers)
        topics = [START + name for name in ("ackcmd", "logevent_summaryState", "logevent_startIntegration")]
        topics += [START + name for name in ("logevent_endReadout", "logevent_heartbeat")]
        self.consumer = AIOKafkaConsumer(*topics, bootstrap_servers=servers, auto_offset_reset="earliest")
        self.heard = []
        self.number = 1000

    async def __aenter__(self):
        await self.producer.start()
        await self.consumer.start()
        return self

    async def __aexit__(self, *_):
        await self.consumer.stop()
        await self.producer.stop()

    async def command(self, name, identity="me@here", number=None, **fields):
        topic = f"{START}command_{name}"
        schema_id = self.registry.subjects[f"{topic}-value"][-1]
        self.number += 1
        own = {
            "private_sndStamp": 1.0,
            "private_seqNum": number or self.number,
            "private_identity": identity,
            "private_origin": 42,
        }
        body = io.BytesIO()
        fastavro.schemaless_writer(body, json.loads(self.registry.schemas[schema_id - 1]), own | fields)
        await self.producer.send_and_wait(topic, struct.pack(">bI", 0, schema_id) + body.getvalue())
        return own["private_seqNum"]

    async def hear(self, topic, wanted):
        """Return the first sample of a topic that is wanted, whether it has come or is to come."""
        async with asyncio.timeout(WAITED):
            while True:
                for key, name, sample in self.heard:
                    if name == topic and wanted(sample):
                        return key, sample
                for records in (await self.consumer.getmany(timeout_ms=200)).values():
                    self.heard += [self._read(record) for record in records]

    def _read(self, record):
        magic, schema_id = struct.unpack(">bI", record.value[:5])
        assert magic == 0
        schema = json.loads(self.registry.schemas[schema_id - 1])
        sample = fastavro.schemaless_reader(io.BytesIO(record.value[5:]), schema)
        return record.key, record.topic.removeprefix(START), sample

    def acks(self, number):
        return [one for _, name, one in self.heard if name == "ackcmd" and one["private_seqNum"] == number]

    async def done(self, name, **fields):
        number = await self.command(name, **fields)
        _, ack = await self.hear(
            "ackcmd", lambda one: one["private_seqNum"] == number and one["ack"] not in {300, 301}
        )
        return ack

    async def state(self, number):
        return await self.hear("logevent_summaryState", lambda one: one["summaryState"] == number)


def sal(broker, registry):
    return {
        "sal_interfaces": INTERFACES,
        "sal_component": "BenchCamera",
        "sal_subname": "bench",
        "sal_brokers": broker,
        "sal_registry": registry,
    }


@pytest.mark.kafka
@pytest.mark.asyncio
async def test_a_plain_client_drives_the_camera_and_reads_its_answers_and_events(
    broker, tmp_path, tools, caplog
):
    double = RegistryDouble()
    with served(double) as address:
        async with tools.running_camera(tmp_path, **sal(broker.servers, address)) as (app, _):
            health = app.state.process.health
            await tools.until(lambda: START + "ackcmd-value" in double.subjects, "schemas")
            async with PlainRemote(broker.servers, double) as remote:
                key, told = await remote.state(5)
                assert key == b'{ "name": "BenchCamera", "topic": "logevent_summaryState" }'
                assert told["private_identity"] == "BenchCamera"
                refused = await remote.done("takeImages", numImages=1, keyValueMap="imageType: BIAS")
                assert (refused["ack"], refused["error"]) == (-302, NOT_NOW)
                assert "not allowed in state STANDBY" in refused["result"]
                for garbage in (b"", b"no frame", struct.pack(">bI", 0, 4711) + b"unknown"):
                    await remote.producer.send_and_wait(f"{START}command_start", garbage)
                started = await remote.done("start", identity="you@there")
                assert (started["ack"], started["identity"], started["origin"]) == (303, "you@there", 42)
                assert (await remote.done("enable"))["ack"] == 303
                await remote.state(2)
                await check_images(remote)
                assert "knows no such command" in (await remote.done("purr"))["result"]
                await remote.hear("logevent_heartbeat", lambda one: one["heartbeat"])
            assert "sal" not in health.troubles
    assert "speak_sal ended" not in caplog.text
    assert await cleanup_policies(broker.servers) == ("compact", "delete")


async def check_images(remote):
    """Two images: in progress with a time, both events of each, done; the same command again is answered, not done."""
    fields = {"numImages": 2, "expTime": 0.0, "sensors": "", "keyValueMap": "imageType: BIAS, groupId: g:1"}
    done = await remote.done("takeImages", **fields)
    assert (done["ack"], done["result"]) == (303, "2 image(s) taken")
    number = done["private_seqNum"]
    first = remote.acks(number)[0]
    assert first["ack"] == 301
    assert first["timeout"] > 0
    _, begun = await remote.hear("logevent_startIntegration", lambda one: one["imageIndex"] == 2)
    _, read = await remote.hear("logevent_endReadout", lambda one: one["imageIndex"] == 2)
    assert begun["imageName"] == read["imageName"]
    assert read["imageName"].endswith("_000002")
    began = begun["timestampAcquisitionStart"]
    assert read["timestampEndOfReadout"] >= began
    assert abs(began - begun["private_sndStamp"]) < 60.0  # the camera's clock is the system's
    again = await remote.command("takeImages", number=number, **fields)
    await remote.hear("ackcmd", lambda _: len(remote.acks(again)) > 2)
    assert remote.acks(again)[-1]["result"] == "2 image(s) taken"
    assert [one["imageIndex"] for _, name, one in remote.heard if name == "logevent_endReadout"] == [1, 2]


async def cleanup_policies(servers):
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    found = []
    for name in ("logevent_summaryState", "ackcmd"):
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, START + name)])
        settings = {entry[0]: entry[1] for entry in answer.resources[0][4]}
        found.append(settings["cleanup.policy"])
    await admin.close()
    return tuple(found)


@pytest.mark.asyncio
async def test_a_registry_that_is_away_is_told_as_trouble_and_the_camera_goes_on(tmp_path, tools):
    nowhere = sal("127.0.0.1:1", "http://127.0.0.1:1")
    async with tools.running_camera(tmp_path, **nowhere) as (app, commander):
        await tools.until(lambda: "sal" in app.state.process.health.troubles, "trouble")
        await commander.enable()


@pytest.mark.asyncio
async def test_brokers_that_are_not_named_are_a_wrong_setting(tmp_path, tools):
    with pytest.raises(WrongSetting, match="setting sal_brokers: needed with sal_interfaces"):
        async with tools.running_camera(tmp_path, sal_interfaces=INTERFACES):
            pass

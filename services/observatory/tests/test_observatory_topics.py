"""``calibrant topics``: what it lists, makes and prints is the data flow."""

import asyncio

from calibrant.bus.embedded import open_bus
from calibrant.contracts.access import acl_lines
from calibrant.contracts.flow import topics
from calibrant.observatory.testing import asked, here
from calibrant.runtime.platform import topic_specs
from calibrant.sal.testing import INTERFACES


async def partitions(path):
    bus = await open_bus(path)
    try:
        return await bus.end_offsets([topic.name for topic in topics().values()])
    finally:
        await bus.close()


def test_the_list_is_the_data_flow():
    rows = asked("topics", "list")
    assert [row["topic"] for row in rows] == [topic.name for topic in topics().values()]
    jobs = {row["topic"]: row for row in rows if row["topic"].endswith("-jobs.cpu")}
    assert {row["partitions"] for row in jobs.values()} == {64}


def test_create_makes_every_topic_and_may_be_repeated(tmp_path):
    for _ in range(2):
        said = here("topics", "create", "--data-dir", tmp_path).out
        assert said.startswith(f"{len(topics())} topics are there")
    found = asyncio.run(partitions(tmp_path / "bus.sqlite"))
    assert len(found) == sum(spec.partitions for spec in topic_specs())


def test_rights_are_the_lines_for_the_brokers_that_are_named():
    lines = here("topics", "rights", "--bus", "kafka://one:9092,two:9092", "--config", "mine.properties").out
    assert lines.splitlines() == acl_lines("one:9092,two:9092", "mine.properties")


def test_rights_of_clients_and_of_a_camera_on_sal_come_after_the_services():
    bus = ("--bus", "kafka://one:9092")
    before = here("topics", "rights", *bus).out.splitlines()
    lines = here("topics", "rights", *bus, "--client", "night", "--sal", "at").out.splitlines()
    assert set(lines) > set(before)
    assert any("User:night" in line and "--topic camera-commands" in line for line in lines)
    assert any("User:camera" in line and "--group camera-sal-at" in line for line in lines)


def test_rights_on_sals_brokers_are_printed_for_a_component_and_its_clients():
    said = here("sal", "rights", INTERFACES, "Lamp", "--brokers", "sal:9092", "--client", "night")
    lines = said.out.splitlines()
    assert len(lines) == 6
    assert all(line.startswith("kafka-acls --bootstrap-server sal:9092 ") for line in lines)
    assert "User:camera --operation Write --topic lsst.test.Lamp.ackcmd" in lines[0]


def test_rights_need_brokers(tmp_path):
    said = here("topics", "rights", "--data-dir", tmp_path, code=1).err
    assert "--bus kafka://HOST:PORT" in said

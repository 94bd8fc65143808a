"""Schemas and names are those that SAL's own clients expect; wrong interface files are refused by file and field."""

from __future__ import annotations

import hashlib
import json
import shutil

import fastavro
import pytest

from calibrant.sal.testing import INTERFACES
from calibrant.sal.wire import (
    InterfaceError,
    TopicNames,
    avro_schema,
    component_names,
    read_component,
    record_key,
    revision_code,
    topic_settings,
)
from calibrant.sal.wire.rights import commander_rights, component_rights

PRIVATE = [
    "private_sndStamp",
    "private_rcvStamp",
    "private_efdStamp",
    "private_kafkaStamp",
    "private_seqNum",
    "private_revCode",
    "private_identity",
    "private_origin",
]


@pytest.fixture(scope="module")
def camera():
    return read_component(INTERFACES, "BenchCamera")


@pytest.fixture(scope="module")
def lamp():
    return read_component(INTERFACES, "Lamp")


def test_a_component_has_its_own_topics_the_generic_ones_it_names_and_the_acknowledgement(camera, lamp):
    assert component_names(INTERFACES) == ("BenchCamera", "Lamp")
    assert {"command_takeImages", "command_start", "command_enterControl", "ackcmd"} <= camera.topics.keys()
    assert {"logevent_heartbeat", "logevent_configurationApplied"} <= camera.topics.keys()
    assert "command_enterControl" not in lamp.topics
    assert "logevent_configurationApplied" not in lamp.topics
    assert lamp.indexed
    assert not camera.indexed


def test_the_schema_has_private_fields_then_public_ones_in_the_files_order(camera):
    schema = avro_schema(camera, camera.topics["command_takeImages"])
    names = [field["name"] for field in schema["fields"]]
    assert names == [*PRIVATE, "numImages", "expTime", "shutter", "sensors", "keyValueMap", "obsNote"]
    assert list(schema) == ["type", "name", "namespace", "fields", "description"]
    assert (schema["name"], schema["namespace"]) == ("command_takeImages", "lsst.sal.BenchCamera")
    assert json.dumps(schema["fields"][9]) == (
        '{"name": "expTime", "type": "double", "default": 0.0, "description": "Exposure time", "units": "second"}'
    )


def test_an_indexed_component_puts_its_number_first_and_arrays_have_lists_as_defaults(lamp):
    fields = avro_schema(lamp, lamp.topics["currents"])["fields"]
    assert [fields[0]["name"], fields[1]["name"]] == ["salIndex", "private_sndStamp"]
    ampere, hours, label, shots, cold = fields[-5:]
    assert (ampere["type"], ampere["default"]) == ({"type": "array", "items": "float"}, [0.0, 0.0, 0.0])
    assert (label["type"], label["default"]) == ("string", "")  # there are no arrays of strings
    assert (hours["type"], shots["type"], cold["default"]) == ("long", "long", False)


def test_every_schema_is_avro_and_its_code_follows_from_its_text(camera, lamp):
    for component in (camera, lamp):
        for topic in component.topics.values():
            schema = avro_schema(component, topic)
            assert fastavro.parse_schema(schema)["name"] == f"lsst.sal.{component.name}.{topic.name}"
            text = json.dumps(schema, indent=4).encode()
            assert revision_code(schema) == hashlib.md5(text).hexdigest()[:8]


def test_the_code_of_a_schema_written_by_hand():
    """printf '{\\n    "type": "record",\\n    "fields": []\\n}' | md5sum"""
    assert revision_code({"type": "record", "fields": []}) == "be26c75e"


def test_topics_subjects_keys_and_compaction(camera, lamp):
    names = TopicNames("sal", "Lamp", "logevent_heartbeat")
    assert names.kafka == "lsst.sal.Lamp.logevent_heartbeat"
    assert names.subject == "lsst.sal.Lamp.logevent_heartbeat-value"
    heartbeat = lamp.topics["logevent_heartbeat"]
    assert record_key(lamp, heartbeat, 3) == '{ "name": "Lamp", "index": 3, "topic": "logevent_heartbeat" }'
    assert record_key(lamp, lamp.topics["currents"], 3) == ""
    assert record_key(camera, camera.topics["ackcmd"], 0) == '{ "name": "BenchCamera", "topic": "ackcmd" }'
    assert topic_settings(heartbeat) == {"cleanup.policy": "compact"}
    assert topic_settings(camera.topics["ackcmd"]) == {}


def test_the_number_of_a_command_is_its_place_among_all_topics(camera):
    assert camera.command_number("command_disable") == 1  # after ackcmd, before command_enable
    assert camera.sorted_names[0] == "ackcmd"


EVENTS = "BenchCamera/BenchCamera_Events.xml"
BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">]><SALEventSet>&a;</SALEventSet>'


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (EVENTS, "<IDL_Type>double", "<IDL_Type>complex", "timestampAcquisitionStart has the type 'complex'"),
        (EVENTS, "<Count>1<", "<Count>-1<", "additionalKeys has the count '-1'"),
        (EVENTS, "imageIndex", "imageName", "has the field imageName twice"),
        (EVENTS, "mode", "private_origin", "has the field private_origin twice"),
        (EVENTS, "logevent_endReadout", "logevent_heartbeat", "has the topic logevent_heartbeat twice"),
        (EVENTS, "<EFDB_Name>mode<", "<EFDB_Name>../mode<", "'../mode', which is no name"),
        (EVENTS, "</SALEventSet>", "", "no element found"),
        (EVENTS, None, BOMB, "a document type (a) is not taken"),
        ("SALSubsystems.xml", "configurable", "configurabel", "no category 'configurabel'"),
        ("SALSubsystems.xml", "<Name>Lamp", "<Name>BenchCamera", "2 components are called 'BenchCamera'"),
    ],
)
def test_wrong_files_are_refused_by_file_and_field(tmp_path, file, old, new, said):
    folder = tmp_path / "sal_interfaces"
    shutil.copytree(INTERFACES, folder)
    text = (folder / file).read_text()
    (folder / file).write_text(new if old is None else text.replace(old, new))
    with pytest.raises(InterfaceError) as refused:
        read_component(tmp_path, "BenchCamera")
    assert said in str(refused.value)


def test_a_folder_without_interfaces_and_a_component_that_is_none_are_refused(tmp_path):
    with pytest.raises(InterfaceError, match="has no interface files"):
        read_component(tmp_path, "Lamp")
    with pytest.raises(InterfaceError, match="there are: BenchCamera, Lamp"):
        read_component(INTERFACES, "Lampe")


def test_a_component_hears_commands_and_says_the_rest_and_a_client_the_other_way_round():
    lamp = read_component(INTERFACES, "Lamp")
    own, client = component_rights(lamp, "sal", "lamp"), commander_rights(lamp, "sal", "night")

    def names(rights, operation, resource="topic"):
        return {one.name for one in rights if (one.operation, one.resource) == (operation, resource)}

    commands = {f"lsst.sal.Lamp.{name}" for name in lamp.topics if name.startswith("command_")}
    others = {f"lsst.sal.Lamp.{name}" for name in lamp.topics} - commands
    assert "lsst.sal.Lamp.ackcmd" in others
    assert (names(own, "Read"), names(own, "Write"), names(own, "Create")) == (
        *(commands, others),
        commands | others,
    )
    assert (names(client, "Write"), names(client, "Read")) == (commands, others)
    assert (names(client, "Read", "group"), names(own, "Read", "group")) == ({"*"}, set())

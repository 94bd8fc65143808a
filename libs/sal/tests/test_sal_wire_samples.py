"""Samples are framed and encoded byte by byte as Avro and the registry say; strangers' bytes are refused as such."""

from __future__ import annotations

import io
import json
import struct

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.sal.testing import INTERFACES
from calibrant.sal.testing.registry import RegistryDouble
from calibrant.sal.wire import (
    RegistryAway,
    RegistryRefused,
    SampleMalformed,
    SampleWrong,
    SchemaRegistry,
    TopicCodec,
    avro_schema,
    read_component,
)
from calibrant.sal.wire.private import stamped

CAMERA = read_component(INTERFACES, "BenchCamera")
LAMP = read_component(INTERFACES, "Lamp")


def unknown(number):
    raise RegistryRefused(f"no schema {number}")


def codec(component, topic, number=258, find=unknown):
    return TopicCodec(component, component.topics[topic], number, find)


def test_a_frame_computed_by_hand():
    """A zero, 258 in four bytes, then Avro: little-endian doubles, zigzag numbers, texts behind their lengths."""
    fields = stamped(
        {"summaryState": 5},
        now_tai_ns=37_500_000_000,
        number=300,
        code="ab",
        identity="BenchCamera",
        origin=7,
    )
    record = codec(CAMERA, "logevent_summaryState").encode(fields)
    body = [
        struct.pack("<d", 37.5),
        struct.pack("<d", 0.0),
        struct.pack("<d", 0.5),
        struct.pack("<d", 37.5),
        b"\xd8\x04",  # 300 is 600 zigzag: 0x58 and a bit for more, then 4
        b"\x04ab",
        b"\x16BenchCamera",
        b"\x0e",
        b"\x0a",
    ]
    assert record == b"\x00\x00\x00\x01\x02" + b"".join(body)


def test_fastavro_reads_what_is_written_and_what_is_not_given_has_its_default():
    lamp = codec(LAMP, "currents")
    record = lamp.encode({"salIndex": 2, "ampere": [1.0, 2.0, 0.5], "shots": -(2**40), "label": "Ä"})
    found = fastavro.schemaless_reader(io.BytesIO(record[5:]), avro_schema(LAMP, LAMP.topics["currents"]))
    assert found == lamp.decode(record)
    assert found["ampere"] == [1.0, 2.0, 0.5]
    assert (found["salIndex"], found["shots"], found["label"]) == (2, -(2**40), "Ä")
    assert (found["hours"], found["cold"], found["private_seqNum"]) == (0, False, 0)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"volt": 1.0}, "has no field 'volt'"),
        ({"ampere": [1.0]}, "ampere has 3 elements; 1 were given"),
        ({"label": 5}, "cannot be written"),
        ({"hours": "many"}, "cannot be written"),
    ],
)
def test_values_that_do_not_fit_are_refused(fields, said):
    with pytest.raises(SampleWrong, match=said):
        codec(LAMP, "currents").encode(fields)


GOOD = codec(CAMERA, "command_takeImages").encode({"numImages": 3, "sensors": "R22_S11", "obsNote": "n"})


@given(cut=st.integers(0, len(GOOD) - 1), at=st.integers(0, len(GOOD) - 1), byte=st.integers(0, 255))
def test_hostile_bytes_are_malformed_or_a_sample(cut, at, byte):
    reader = codec(CAMERA, "command_takeImages")
    with pytest.raises(SampleMalformed):
        reader.decode(GOOD[:cut])
    changed = GOOD[:at] + bytes([byte]) + GOOD[at + 1 :]
    try:
        assert reader.decode(changed).keys() == reader.decode(GOOD).keys()
    except (SampleMalformed, RegistryRefused):
        assert changed != GOOD


def test_bytes_behind_a_sample_are_malformed():
    with pytest.raises(SampleMalformed, match="2 bytes follow"):
        codec(CAMERA, "command_takeImages").decode(GOOD + b"ab")


def test_a_sample_of_another_writers_schema_is_read_by_ours():
    """Another version of the interface lacks a field, has one of its own and has half the digits of a third."""
    double = RegistryDouble()
    theirs = avro_schema(CAMERA, CAMERA.topics["command_takeImages"])
    theirs["fields"] = [one for one in theirs["fields"] if one["name"] != "obsNote"]
    theirs["fields"].append({"name": "mood", "type": "string", "default": ""})
    next(one for one in theirs["fields"] if one["name"] == "expTime")["type"] = "float"
    with SchemaRegistry("http://registry", transport=double.transport()) as registry:
        number = registry.register("theirs-value", theirs)
        body = io.BytesIO()
        fastavro.schemaless_writer(body, theirs, {"numImages": 2, "expTime": 1.5, "mood": "fine"})
        record = b"\x00" + number.to_bytes(4) + body.getvalue()
        found = codec(CAMERA, "command_takeImages", find=registry.schema).decode(record)
        assert (found["numImages"], found["expTime"], found["obsNote"]) == (2, 1.5, "")
        assert "mood" not in found
        with pytest.raises(RegistryRefused, match="40403: Schema 77 not found"):
            codec(CAMERA, "command_takeImages", find=registry.schema).decode(b"\0\0\0\0\x4d")


def test_a_schema_is_registered_once_for_each_subject_and_its_number_is_shared():
    double = RegistryDouble()
    schema = avro_schema(CAMERA, CAMERA.topics["ackcmd"])
    with SchemaRegistry("http://registry", transport=double.transport()) as registry:
        first = registry.register("lsst.sal.BenchCamera.ackcmd-value", schema)
        assert registry.register("lsst.sal.BenchCamera.ackcmd-value", schema) == first
        assert registry.register("lsst.test.BenchCamera.ackcmd-value", schema) == first
        assert registry.schema(first) == schema
    assert double.subjects["lsst.sal.BenchCamera.ackcmd-value"] == [first]


def test_what_the_registry_refuses_is_told_with_its_own_words():
    double = RegistryDouble()
    schema = avro_schema(CAMERA, CAMERA.topics["ackcmd"])
    other = json.loads(
        json.dumps(schema).replace('"name": "error", "type": "int"', '"name": "error", "type": "string"')
    )
    other["fields"][9]["default"] = ""
    with SchemaRegistry("http://registry", transport=double.transport()) as registry:
        registry.register("one-value", schema)
        with pytest.raises(RegistryRefused, match="409: Schema is incompatible"):
            registry.register("one-value", other)
        with pytest.raises(RegistryRefused, match="42201: Invalid schema"):
            registry.register("two-value", {"type": "recrod"})
        double.away = True
        with pytest.raises(RegistryAway, match="50302: no leader"):
            registry.register("one-value", schema)
    with SchemaRegistry("http://127.0.0.1:1") as nobody, pytest.raises(RegistryAway):
        nobody.schema(1)

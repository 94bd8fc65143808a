"""Rights follow the flow: nobody may write what is another's, nor read what is not for him."""

import shlex

from calibrant.contracts.access import (
    acl_arguments,
    acl_lines,
    client_rights,
    consumed_by,
    produced_by,
    rights_of,
    services,
    telling_rights,
)
from calibrant.contracts.flow import topics


def granted(service, operation, resource="topic"):
    return {
        right.name
        for right in rights_of(service)
        if right.operation == operation and right.resource == resource
    }


def test_every_topic_is_written_by_its_producer_alone_and_read_by_its_consumers_alone():
    for topic in topics().values():
        assert [name for name in services() if topic.name in granted(name, "Write")] == [topic.producer]
        readers = {name for name in services() if topic.name in granted(name, "Read")}
        assert readers == set(topic.consumers)


def test_groups_are_a_services_own():
    assert granted("combine", "Read", "group") == {"combine", "combine-jobs"}


def test_what_combine_may_do_is_what_the_flow_table_says():
    assert produced_by("combine") == ("combine-results",)
    assert consumed_by("combine") == ("combine-jobs.cpu",)
    assert granted("combine", "Write") == {"combine-results"}
    assert granted("combine", "DescribeConfigs") == {"combine-results", "combine-jobs.cpu"}


def test_an_operator_can_apply_the_lines():
    lines = acl_lines("h:1,i:2", "my file")
    assert len(lines) == sum(len(acl_arguments(rights_of(service))) for service in services())
    words = shlex.split(lines[0])
    assert words[:5] == ["kafka-acls", "--bootstrap-server", "h:1,i:2", "--command-config", "my file"]
    assert words[5:] == acl_arguments(rights_of(services()[0]))[0]
    assert (
        "--allow-principal User:sequencer --operation Write --topic runs --topic camera-commands" in lines[0]
    )


def test_the_lines_grant_each_right_once():
    for service in services():
        named = [word for arguments in acl_arguments(rights_of(service)) for word in arguments]
        assert named.count("--topic") + named.count("--group") == len(rights_of(service))


def test_a_client_may_command_and_hear_and_a_camera_on_sal_reads_what_it_has_told():
    client, *heard = acl_arguments(client_rights("night"))
    assert client == [
        *("--add", "--allow-principal", "User:night", "--operation", "Write"),
        *("--topic", "camera-commands", "--topic", "sequencer-commands"),
    ]
    assert [word for arguments in heard for word in arguments][4:] == [
        *("Read", "--topic", "camera-acks", "--topic", "camera-events", "--topic", "camera-telemetry"),
        *("--topic", "sequencer-answers"),
    ]
    assert {right.name for right in client_rights("night")} <= topics().keys()
    assert {(one.service, one.operation, one.name) for one in telling_rights("at")} == {
        ("camera", "Read", name)
        for name in ("camera-acks", "camera-events", "camera-telemetry", "camera-sal-at")
    }

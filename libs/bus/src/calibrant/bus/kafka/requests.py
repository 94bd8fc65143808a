"""Requests that aiokafka does not speak yet, or only in versions that are too old for us.

Owns their layout on the wire. Must not know when they are sent.

Source: Apache Kafka's protocol guide; the versions are the last ones before flexible fields.
"""

# mypy: disable-error-code="misc"
# aiokafka has no types, so its base classes are Any.

from typing import Any, Final

from aiokafka.protocol.admin import DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

_TEXT: Final = String("utf-8")
TOPIC: Final = 2
"""The number of the resource type "topic"."""
SET: Final = 0
"""The number of the operation that gives a setting a value."""
DEFAULT: Final = -1
"""A replication factor: the brokers' own."""


class CreateTopicsResponse_v4(Response):  # noqa: N801  aiokafka's way of naming versions
    """What became of each topic."""

    API_KEY = 19
    API_VERSION = 4
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("topics", Array(("topic", _TEXT), ("error_code", Int16), ("error_message", _TEXT))),
    )


class CreateTopicsRequest_v4(RequestStruct):  # noqa: N801
    """The first version in which the replication factor may be left to the brokers."""

    API_KEY = 19
    API_VERSION = 4
    RESPONSE_TYPE = CreateTopicsResponse_v4
    SCHEMA = Schema(
        (
            "topics",
            Array(
                ("topic", _TEXT),
                ("partitions", Int32),
                ("replication_factor", Int16),
                ("assignments", Array(("partition", Int32), ("replicas", Array(Int32)))),
                ("settings", Array(("name", _TEXT), ("value", _TEXT))),
            ),
        ),
        ("timeout_ms", Int32),
        ("validate_only", Boolean),
    )


class AlterResponse_v0(Response):  # noqa: N801
    """What became of each resource."""

    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "resources",
            Array(("error_code", Int16), ("error_message", _TEXT), ("type", Int8), ("name", _TEXT)),
        ),
    )


class AlterRequest_v0(RequestStruct):  # noqa: N801
    """Changes single settings and leaves the others, which the older request would reset."""

    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = AlterResponse_v0
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("type", Int8),
                ("name", _TEXT),
                ("settings", Array(("name", _TEXT), ("operation", Int8), ("value", _TEXT))),
            ),
        ),
        ("validate_only", Boolean),
    )


class RightsResponse_v8(Response):  # noqa: N801
    """The topics, each with a number whose bits are the operations that the asker may do."""

    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT))),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline", Array(Int32)),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
        ("cluster_operations", Int32),
    )


class RightsRequest_v8(RequestStruct):  # noqa: N801
    """The request for metadata in the version that tells what one may do."""

    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = RightsResponse_v8
    SCHEMA = Schema(
        ("topics", Array(_TEXT)),
        ("auto_create", Boolean),
        ("with_cluster_operations", Boolean),
        ("with_topic_operations", Boolean),
    )


class GroupRightsRequest_v3(RequestStruct):  # noqa: N801
    """aiokafka's own of this version takes the answer for one of version 2, and so loses the operations."""

    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = DescribeGroupsResponse_v3
    SCHEMA = Schema(("groups", Array(_TEXT)), ("with_operations", Boolean))


class CreateTopics(Request[CreateTopicsRequest_v4]):
    """Create topics, given as (name, partitions, settings).

    Parameters
    ----------
    topics
        What to create.
    timeout_ms
        How long to wait for it, in milliseconds.
    replication
        On how many brokers each is kept; None: the brokers' default.
    """

    API_KEY = 19

    def __init__(
        self,
        topics: list[tuple[str, int, list[tuple[str, str]]]],
        timeout_ms: int,
        replication: int | None = None,
    ) -> None:
        copies = DEFAULT if replication is None else replication
        self._topics: list[Any] = [(name, count, copies, [], settings) for name, count, settings in topics]
        self._timeout_ms = timeout_ms

    def build(self, request_struct_class: Any) -> Any:
        """Fill in the version agreed on."""
        return request_struct_class(self._topics, self._timeout_ms, False)


class AlterTopics(Request[AlterRequest_v0]):
    """Set single settings of topics, given as (topic, setting, value)."""

    API_KEY = 44

    def __init__(self, changes: list[tuple[str, str, str]]) -> None:
        self._resources = [(TOPIC, topic, [(name, SET, value)]) for topic, name, value in changes]

    def build(self, request_struct_class: Any) -> Any:
        """Fill in the version agreed on."""
        return request_struct_class(self._resources, False)


class TopicRights(Request[RightsRequest_v8]):
    """Ask what may be done with topics; creates none."""

    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: Any) -> Any:
        """Fill in the version agreed on."""
        return request_struct_class(self._topics, False, False, True)


class GroupRights(Request[GroupRightsRequest_v3]):
    """Ask what may be done with a group."""

    API_KEY = 15

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: Any) -> Any:
        """Fill in the version agreed on."""
        return request_struct_class([self._group], True)

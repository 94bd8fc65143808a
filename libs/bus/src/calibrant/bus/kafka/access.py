"""What we may do, as the brokers tell it.

Owns the question and the names of the rights. Which rights a service should have is not known here.
"""

from collections.abc import Collection
from typing import Final

from aiokafka import errors as kafka
from aiokafka.protocol.coordination import FindCoordinatorRequest

from calibrant.bus.errors import AccessDenied, UnknownTopic
from calibrant.bus.kafka.link import Link
from calibrant.bus.kafka.requests import GroupRights, TopicRights

_BITS: Final = {"Read": 3, "Write": 4}
_GROUP: Final = 0


async def check_access(
    link: Link, *, produces: Collection[str], consumes: Collection[str], groups: Collection[str]
) -> None:
    """Raise if a right is missing; see `calibrant.bus.ports.Bus.check_access`."""
    topics = await link.retried(
        "tell what may be done with topics", lambda: _topic_rights(link, {*produces, *consumes})
    )
    missing = [f"Write on topic {topic!r}" for topic in produces if not _may("Write", topics[topic])]
    missing += [f"Read on topic {topic!r}" for topic in consumes if not _may("Read", topics[topic])]
    missing += [f"Read on group {group!r}" for group in groups if not _may("Read", await _group(link, group))]
    if missing:
        name = link.options.security.username or "this client"
        raise AccessDenied(
            f"{name} lacks these rights on the log: {', '.join(missing)}; an operator grants them"
        )


async def _topic_rights(link: Link, topics: Collection[str]) -> dict[str, int]:
    if not topics:
        return {}
    answer = await link.ask(TopicRights(sorted(topics)))
    rights = {}
    for code, topic, _, _, operations in answer.topics:
        error = kafka.for_code(code)
        if error is kafka.UnknownTopicOrPartitionError:
            raise UnknownTopic(topic)
        if error is kafka.TopicAuthorizationFailedError:
            rights[topic] = 0
        elif error is kafka.NoError:
            rights[topic] = operations
        else:
            raise error(topic)
    return rights


async def _group(link: Link, group: str) -> int:
    return await link.retried(
        f"tell what may be done with group {group!r}",
        lambda: _group_rights(link, group),
        not_yet_s=link.options.cold_start_s,
    )


async def _group_rights(link: Link, group: str) -> int:
    coordinator = await link.ask(FindCoordinatorRequest(group, _GROUP))
    error = kafka.for_code(coordinator.error_code)
    if error is kafka.NoError:
        answer = await link.ask(GroupRights(group), coordinator.coordinator_id)
        code, *_, operations = answer.groups[0]
        error = kafka.for_code(code)
        if error is kafka.NoError:
            return int(operations)
    if error is kafka.GroupAuthorizationFailedError:
        return 0
    raise error(group)


def _may(right: str, operations: int) -> bool:
    return bool(operations & 1 << _BITS[right])

"""Where the partitions end, and where groups go on.

Owns these two questions. Must not know consumers.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import Final

from aiokafka import errors as kafka
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.offset import OffsetRequest

from calibrant.bus.kafka.link import Link
from calibrant.bus.kafka.topics import Leaders, Topics
from calibrant.bus.records import TopicPartition

NEWEST: Final = -1
OLDEST: Final = -2
_NO_REPLICA: Final = -1
_ALL_RECORDS: Final = 0
_GROUP: Final = 0


async def bounds(link: Link, topics: Topics, names: Collection[str], which: int) -> dict[TopicPartition, int]:
    """Give the next (`NEWEST`) or the first (`OLDEST`) offset of each partition."""

    async def attempt() -> dict[TopicPartition, int]:
        found: dict[TopicPartition, int] = {}
        for node, wanted in _by_leader(await topics.leaders(names), which).items():
            answer = await link.ask(OffsetRequest(_NO_REPLICA, _ALL_RECORDS, list(wanted.items())), node)
            for topic, partitions in answer.topics:
                for number, code, _, offset in partitions:
                    _check(code)
                    found[TopicPartition(topic, number)] = offset
        return found

    return await link.retried("tell the offsets of topics", attempt) if names else {}


async def committed(link: Link, group: str) -> dict[TopicPartition, int]:
    """Give where a group goes on, for each partition it ever committed."""

    async def attempt() -> dict[TopicPartition, int]:
        coordinator = await link.ask(FindCoordinatorRequest(group, _GROUP))
        _check(coordinator.error_code)
        answer = await link.ask(OffsetFetchRequest(group, None), coordinator.coordinator_id)
        _check(answer.error_code)
        found: dict[TopicPartition, int] = {}
        for topic, partitions in answer.topics:
            for number, offset, _, code in partitions:
                _check(code)
                found[TopicPartition(topic, number)] = offset
        return found

    return await link.retried(f"tell the offsets of group {group!r}", attempt)


def _by_leader(leaders: Leaders, which: int) -> dict[int, dict[str, list[tuple[int, int]]]]:
    """Sort the partitions by the broker that has to be asked."""
    wanted: dict[int, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for topic, nodes in leaders.items():
        for number, node in enumerate(nodes):
            wanted[node][topic].append((number, which))
    return wanted


def _check(code: int) -> None:
    error = kafka.for_code(code)
    if error is not kafka.NoError:
        raise error

"""Which topics there are, how many partitions they have, and making them as they should be.

Owns metadata and settings of topics. Must not know records or groups.
"""

import asyncio
from collections.abc import Collection, Iterable
from typing import Any, Final

from aiokafka import errors as kafka
from aiokafka.protocol.admin import DescribeConfigsRequest
from aiokafka.protocol.metadata import MetadataRequest

from calibrant.bus.errors import AccessDenied, BusUnavailable, TopicMismatch, UnknownTopic
from calibrant.bus.kafka.link import Link
from calibrant.bus.kafka.options import MAX_MESSAGE_BYTES, Options
from calibrant.bus.kafka.requests import TOPIC, AlterTopics, CreateTopics
from calibrant.bus.records import TopicSpec

_GRACE_S: Final = 0.5
_RETRY_S: Final = 0.05
_RETENTION: Final = "retention.ms"
Leaders = dict[str, list[int]]
"""For each topic the broker that leads each partition, by number."""


class Topics:
    """The topics of a cluster.

    Parameters
    ----------
    link
        To ask with.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self._counts: dict[str, int] = {}

    @property
    def options(self) -> Options:
        """What the cluster was connected to with."""
        return self.link.options

    async def count(self, topic: str) -> int:
        """Give a topic's number of partitions, which never changes.

        Raises
        ------
        UnknownTopic, AccessDenied, BusUnavailable
            It does not exist; it is hidden from us; nobody answers.
        """
        if topic not in self._counts:
            await self.leaders([topic])
        return self._counts[topic]

    async def leaders(self, topics: Collection[str], grace_s: float = _GRACE_S) -> Leaders:
        """Give the leaders of topics that must exist; a topic that was made just now is waited for."""
        end_s = asyncio.get_running_loop().time() + grace_s
        while True:
            found = await self._existing(topics)
            missing = [topic for topic in topics if topic not in found]
            if not missing:
                return found
            if asyncio.get_running_loop().time() >= end_s:
                raise UnknownTopic(missing[0])
            await asyncio.sleep(_RETRY_S)

    async def ensure(self, specs: Collection[TopicSpec]) -> None:
        """Create missing topics and set every retention; see `calibrant.bus.ports.Bus.ensure_topics`."""
        existing = await self._existing([spec.topic for spec in specs])
        for spec in specs:
            _check_count(spec, existing)
        if missing := [spec for spec in specs if spec.topic not in existing]:
            await self.link.retried("create topics", lambda: self._create(missing))
            for spec in missing:
                _check_count(spec, await self._made(spec.topic))
        if kept := [spec for spec in specs if spec.topic in existing]:
            await self.link.retried("set the retention of topics", lambda: self._set_retention(kept))

    async def _made(self, topic: str) -> Leaders:
        """Wait for a topic: many partitions take a busy broker a while, and somebody else may be making them."""
        try:
            return await self.leaders([topic], self.options.cold_start_s)
        except UnknownTopic as error:
            raise BusUnavailable(
                f"Kafka has not made topic {topic!r} after {self.options.cold_start_s:g} s: try again"
            ) from error

    async def _existing(self, topics: Collection[str]) -> Leaders:
        async def attempt() -> Leaders:
            request = MetadataRequest(list(topics), allow_auto_topic_creation=False)
            return _leaders((await self.link.ask(request)).topics)

        found = await self.link.retried("describe topics", attempt) if topics else {}
        self._counts |= {topic: len(leaders) for topic, leaders in found.items()}
        return found

    async def _create(self, specs: list[TopicSpec]) -> None:
        wanted = [(spec.topic, spec.partitions, _settings(spec)) for spec in specs]
        timeout_ms = round(self.link.options.request_timeout_s * 1e3)
        request = CreateTopics(wanted, timeout_ms, self.link.options.replication)
        answer = await self.link.ask(request, await self.link.controller())
        for topic, code, said in answer.topics:
            error = kafka.for_code(code)
            if error not in {kafka.NoError, kafka.TopicAlreadyExistsError}:
                _raise("Create", topic, error, said)

    async def _set_retention(self, specs: list[TopicSpec]) -> None:
        request = DescribeConfigsRequest([(TOPIC, spec.topic, [_RETENTION]) for spec in specs])
        answer = await self.link.ask(request)
        now = {}
        for code, said, _, topic, settings in answer.resources:
            if code:
                _raise("DescribeConfigs", topic, kafka.for_code(code), said)
            now[topic] = settings[0][1]
        changes = [
            (spec.topic, _RETENTION, _retention_ms(spec))
            for spec in specs
            if now[spec.topic] != _retention_ms(spec)
        ]
        if changes:
            answer = await self.link.ask(AlterTopics(changes), await self.link.controller())
            for code, said, _, topic in answer.resources:
                if code:
                    _raise("AlterConfigs", topic, kafka.for_code(code), said)


def _leaders(topics: Iterable[Any]) -> Leaders:
    """Read an answer; raises for a topic that cannot be described now."""
    found: Leaders = {}
    for code, topic, _, partitions in topics:
        error = kafka.for_code(code)
        if error is kafka.UnknownTopicOrPartitionError:
            continue
        if error is not kafka.NoError:
            _raise("Describe", topic, error, None)
        leaders = {number: leader for _, number, leader, *_ in partitions}
        if not leaders or -1 in leaders.values():
            raise kafka.LeaderNotAvailableError(topic)
        found[topic] = [leaders[number] for number in range(len(leaders))]
    return found


def _raise(right: str, topic: str, error: Any, said: str | None) -> None:
    if error in {kafka.TopicAuthorizationFailedError, kafka.ClusterAuthorizationFailedError}:
        raise AccessDenied(f"the right {right} on topic {topic!r} is missing: an operator must grant it")
    if error is kafka.InvalidReplicationFactorError and "fenced" in (said or ""):
        raise kafka.NodeNotReadyError(
            f"{topic}: {said}"
        )  # the brokers are there and not heard of: this passes
    raise error(f"{topic}: {said or error.__name__}")


def _check_count(spec: TopicSpec, existing: Leaders) -> None:
    count = len(existing.get(spec.topic, ())) or spec.partitions
    if count != spec.partitions:
        raise TopicMismatch(
            f"topic {spec.topic!r} has {count} partitions, {spec.partitions} were asked for: "
            "keep the number, or name a new topic"
        )


def _settings(spec: TopicSpec) -> list[tuple[str, str]]:
    return [
        (_RETENTION, _retention_ms(spec)),
        ("max.message.bytes", str(MAX_MESSAGE_BYTES)),
        ("message.timestamp.type", "LogAppendTime"),
        ("cleanup.policy", "delete"),
    ]


def _retention_ms(spec: TopicSpec) -> str:
    return "-1" if spec.retention_s is None else str(round(spec.retention_s * 1e3))

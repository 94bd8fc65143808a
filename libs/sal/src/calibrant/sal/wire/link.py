"""A component's place on SAL's Kafka: its topics made, its schemas registered, commands read, the rest written.

Owns the connections. Must not know what a command does.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from calibrant.bus.kafka import KafkaSecurity
from calibrant.bus.kafka.failures import translated
from calibrant.bus.kafka.inside import abandon_consumer, abandon_producer
from calibrant.runtime.clock import Clock
from calibrant.sal.wire.errors import RegistryRefused, SampleMalformed
from calibrant.sal.wire.interface import INDEX, Component
from calibrant.sal.wire.private import stamped
from calibrant.sal.wire.registry import SchemaRegistry
from calibrant.sal.wire.samples import TopicCodec
from calibrant.sal.wire.schemas import TopicNames, avro_schema, record_key, topic_settings

log = logging.getLogger(__name__)
_HIGHEST = 2**31 - 1
_LEAST_STEP_NS = 1000


@dataclass(frozen=True, slots=True)
class SalPlace:
    """Where a component of SAL is.

    Parameters
    ----------
    brokers
        As ``HOST:PORT[,HOST:PORT]``.
    registry
        Address of the schema registry.
    subname
        ``LSST_TOPIC_SUBNAME``.
    index
        Number of the component; of no account for one that is not indexed.
    replication
        On how many brokers each topic that is made is kept.
    security
        Credentials for the brokers.
    """

    brokers: str
    registry: str
    subname: str
    index: int = 0
    replication: int = 1
    security: KafkaSecurity = field(default_factory=KafkaSecurity)


@dataclass(frozen=True, slots=True)
class Heard:
    """A sample of a command that has come."""

    topic: str
    sample: dict[str, Any]


class SalLink:
    """Speaks as a component on SAL. An async context manager: entered, every topic exists and commands are heard.

    Parameters
    ----------
    component
        The component.
    place
        Where it is.
    clock
        Where stamps are taken from.

    Notes
    -----
    Entering and every call raise ``TransientError`` where the same may be tried again, else ``PermanentError``.
    """

    def __init__(self, component: Component, place: SalPlace, clock: Clock) -> None:
        self.component = component
        self.place = place
        self._clock = clock
        self._stack = AsyncExitStack()
        self._registry = SchemaRegistry(place.registry)
        self._codecs: dict[str, TopicCodec] = {}
        self._numbers: dict[str, int] = {}
        self._last_ns = 0
        self._producer: Any = None
        self._consumer: Any = None

    async def __aenter__(self) -> Self:
        """Make missing topics, register the schemas, begin to hear commands from now on."""
        async with AsyncExitStack() as stack:
            stack.callback(self._registry.close)
            with translated("open the topics of SAL"):
                await self._make_topics()
                await asyncio.to_thread(self._register)
                await self._connect(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self._stack.aclose()

    @property
    def identity(self) -> str:
        """Who the component says it is."""
        return f"{self.component.name}:{self.place.index}" if self.component.indexed else self.component.name

    async def send(self, topic: str, fields: dict[str, Any], *, number: int | None = None) -> None:
        """Send a sample, and wait until a broker has it.

        Parameters
        ----------
        topic
            The topic's name in SAL.
        fields
            Its public fields; those left out have their defaults.
        number
            Its sequence number; None: the next of this topic.
        """
        codec = self._codecs[topic]
        indexed = fields | ({INDEX: self.place.index} if self.component.indexed else {})
        sample = stamped(
            indexed,
            now_tai_ns=self._now(),
            number=self._next(topic) if number is None else number,
            code=codec.code,
            identity=self.identity,
            origin=os.getpid(),
        )
        key = record_key(self.component, codec.topic, self.place.index).encode()
        with translated(f"send to SAL's topic {topic}"):
            await self._producer.send_and_wait(self._kafka(topic), codec.encode(sample), key=key)

    async def hear(self, timeout_s: float) -> Sequence[Heard]:
        """Return commands that have come, in the order of each topic; empty after so many seconds without one.

        What cannot be read is logged and passed over: it names nobody who could be told.
        """
        with translated("read SAL's commands"):
            batches = await self._consumer.getmany(timeout_ms=round(timeout_s * 1e3))
        return [
            Heard(topic, sample)
            for place, records in batches.items()
            for topic in [place.topic.rpartition(".")[2]]
            for record in records
            if (sample := await self._read(topic, record.value)) is not None
        ]

    async def _read(self, topic: str, value: bytes | None) -> dict[str, Any] | None:
        try:
            sample = await asyncio.to_thread(self._codecs[topic].decode, value or b"")
        except (SampleMalformed, RegistryRefused) as error:
            log.warning("a command of SAL is passed over: %s", error)
            return None
        ours = self.place.index in {0, sample.get(INDEX, 0)}
        return sample if ours or not self.component.indexed else None

    async def _make_topics(self) -> None:
        admin = AIOKafkaAdminClient(**self._client())
        await admin.start()
        try:
            known = set(await admin.list_topics())
            wanted = [
                NewTopic(self._kafka(name), 1, self.place.replication, topic_configs=topic_settings(topic))
                for name, topic in self.component.topics.items()
                if self._kafka(name) not in known
            ]
            answers = (await admin.create_topics(wanted)).topic_errors if wanted else []
        finally:
            await admin.close()
        for name, code, *said in answers:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise for_code(code)(f"topic {name}: {said[0] if said else ''}")

    def _register(self) -> None:
        for name, topic in self.component.topics.items():
            names = TopicNames(self.place.subname, self.component.name, name)
            number = self._registry.register(names.subject, avro_schema(self.component, topic))
            self._codecs[name] = TopicCodec(self.component, topic, number, self._registry.schema)

    async def _connect(self, stack: AsyncExitStack) -> None:
        self._producer = AIOKafkaProducer(**self._client(), acks=1)
        stack.push_async_callback(abandon_producer, self._producer)
        await self._producer.start()
        commands = [self._kafka(name) for name, topic in self.component.topics.items() if topic.is_command]
        self._consumer = AIOKafkaConsumer(*commands, **self._client(), auto_offset_reset="latest")
        stack.push_async_callback(abandon_consumer, self._consumer)
        await self._consumer.start()
        await self._consumer.seek_to_end()  # nobody waits for an answer to a command of the past

    def _client(self) -> dict[str, Any]:
        return {"bootstrap_servers": self.place.brokers, **self.place.security.client_arguments()}

    def _kafka(self, topic: str) -> str:
        return TopicNames(self.place.subname, self.component.name, topic).kafka

    def _now(self) -> int:
        """Return the time, later than any before: readers drop a sample that looks older than the last."""
        self._last_ns = max(self._clock.tai_ns(), self._last_ns + _LEAST_STEP_NS)
        return self._last_ns

    def _next(self, topic: str) -> int:
        self._numbers[topic] = self._numbers.get(topic, 0) % _HIGHEST + 1
        return self._numbers[topic]

"""Appending to Kafka.

Owns partitions, deadlines and the replacement of an inner producer that can go on no more. Must not know groups.
"""

import asyncio
from collections.abc import Collection, Sequence
from itertools import count
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from calibrant.bus.kafka.failures import translate, translated
from calibrant.bus.kafka.inside import abandon_producer
from calibrant.bus.kafka.topics import Topics
from calibrant.bus.partitioner import partition_of
from calibrant.bus.records import Message, TopicPartition


class KafkaProducer:
    """`calibrant.bus.ports.Producer` on Kafka: idempotent, acknowledged by all replicas in sync.

    After any failure the inner producer is replaced: its numbering of messages has a hole that the brokers
    do not forgive, or it still holds what was given up and would append it late.

    Parameters
    ----------
    topics
        Of the bus.
    still_open
        Where it is listed between entering and closing, for the bus to close what was left open.
    """

    def __init__(self, topics: Topics, still_open: set["KafkaProducer"]) -> None:
        self._options = topics.options
        self._topics = topics
        self._still_open = still_open
        self._turns = count()
        self._inner: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._started()
        self._still_open.add(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self.close()

    async def close(self) -> None:
        """Disconnect; a second call does nothing. Nothing is under way: each `send` waits for its own."""
        self._still_open.discard(self)
        inner, self._inner = self._inner, None
        if inner is not None:
            await abandon_producer(inner)

    async def send(self, messages: Sequence[Message]) -> list[tuple[TopicPartition, int]]:
        """Append messages; see `calibrant.bus.ports.Producer.send`."""
        if not messages:
            return []
        places = [await self._place(message) for message in messages]
        inner = await self._started()
        try:
            async with asyncio.timeout(self._options.delivery_timeout_s):
                offsets = await _append(inner, messages, places)
        except (KafkaError, OSError) as error:
            await self._give_up(inner)
            names = ", ".join(sorted({message.topic for message in messages}))
            raise translate(error, f"append to {names}") from error
        return list(zip(places, offsets, strict=True))

    async def _place(self, message: Message) -> TopicPartition:
        partitions = await self._topics.count(message.topic)
        if message.key is None:
            return TopicPartition(message.topic, next(self._turns) % partitions)
        return TopicPartition(message.topic, partition_of(message.key, partitions))

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._inner is None:
                inner = AIOKafkaProducer(**self._options.producer())
                try:
                    with translated("open a producer"):
                        async with asyncio.timeout(self._options.request_timeout_s):
                            await inner.start()
                except BaseException:
                    await abandon_producer(inner)
                    raise
                self._inner = inner
            return self._inner

    async def _give_up(self, inner: AIOKafkaProducer) -> None:
        if self._inner is inner:
            self._inner = None
            await abandon_producer(inner)


async def _append(
    inner: AIOKafkaProducer, messages: Sequence[Message], places: Collection[TopicPartition]
) -> list[int]:
    """Hand all over in their order, then wait for all; give their offsets."""
    under_way: list[asyncio.Future[Any]] = []
    try:
        for message, place in zip(messages, places, strict=True):
            under_way.append(
                await inner.send(
                    message.topic,
                    message.value,
                    None if message.key is None else message.key.encode(),
                    place.partition,
                    headers=list(message.headers),
                )
            )
        return [sent.offset for sent in await asyncio.gather(*under_way)]
    finally:
        for future in under_way:
            future.cancel()

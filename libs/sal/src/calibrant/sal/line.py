"""One program's line to the topics of components: it says messages, and follows what is said.

Owns how a message becomes a record, and positions in the log. It joins no consumer group: what it has not heard is
not kept for it. Must not know states or what a command means.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

from calibrant.bus.cloudevents import Envelope, to_message
from calibrant.bus.errors import Malformed, TransientError
from calibrant.bus.ports import Bus, Producer, Record, TopicPartition
from calibrant.contracts.base import Message
from calibrant.contracts.flow import Topic, topics
from calibrant.runtime.clock import Clock, utc_text
from calibrant.runtime.ids import Ids
from calibrant.runtime.intake import decode

log = logging.getLogger(__name__)
COMMANDS_TOPIC: Final = "camera-commands"
ACKS: Final = "camera-acks"
EVENTS: Final = "camera-events"
TELEMETRY: Final = "camera-telemetry"
_ALL: Final = (COMMANDS_TOPIC, ACKS, EVENTS, TELEMETRY)
POLL_S = 0.05
_RETRY_S = 1.0
_AT_ONCE = 1000


class Line:
    """A line to the topics of one component. An async context manager.

    Parameters
    ----------
    bus
        The log.
    component
        Whose messages are followed.
    speaker
        Who says what is said here.
    clock
        For the times of messages.
    ids
        For their identifiers.
    """

    def __init__(self, bus: Bus, component: str, speaker: str, clock: Clock, ids: Ids) -> None:
        self._bus, self._component, self._speaker = bus, component, speaker
        self._clock, self._ids = clock, ids
        self._open = AsyncExitStack()
        self._producer: Producer | None = None

    async def __aenter__(self) -> Self:
        """Connect.

        Raises
        ------
        BusUnavailable
            The log cannot be reached.
        """
        self._producer = await self._open.enter_async_context(self._bus.producer())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self._open.aclose()

    async def say(self, *messages: Message) -> None:
        """Append messages to their topics; they are durable when this returns.

        Raises
        ------
        BusUnavailable, AccessDenied
            The log is away, or does not let us.
        """
        assert self._producer is not None, "enter the context first"
        await self._producer.send(
            [
                to_message(self._envelope(one), topic.name, topic.key_of(one))
                for one in messages
                for topic in [_topic_of(one)]
            ]
        )

    async def newest(self, topic: str, limit: int) -> list[Message]:
        """Return the component's messages among the newest of a topic, oldest first."""
        records = await self._bus.read(topic, from_start=False, limit=limit)
        return self._heard(records)

    async def ends(self, names: Sequence[str]) -> dict[TopicPartition, int]:
        """Return where topics end now, for ``follow`` to begin there."""
        return dict(await self._bus.end_offsets(names))

    async def follow(self, names: Sequence[str], after: dict[TopicPartition, int]) -> AsyncIterator[Message]:
        """Give the component's messages on topics as they come, for ever; while the log is away, wait for it.

        Parameters
        ----------
        names
            The topics.
        after
            Where to begin; kept up to date.
        """
        while True:
            try:
                records = [record for name in names for record in await self._read(name, after)]
            except TransientError as error:
                log.warning("%s hears nothing for now: %s", self._speaker, error)
                await asyncio.sleep(_RETRY_S)
                continue
            for message in self._heard(records):
                yield message
            if not records:
                await asyncio.sleep(POLL_S)

    async def _read(self, name: str, after: dict[TopicPartition, int]) -> list[Record]:
        offsets = {place: offset for place, offset in after.items() if place.topic == name}
        records = await self._bus.read(name, from_start=True, limit=_AT_ONCE, offsets=offsets)
        for record in records:
            after[record.topic_partition] = record.offset + 1
        return records

    def _heard(self, records: Sequence[Record]) -> list[Message]:
        heard = []
        for record in records:
            try:
                decoded = decode(record, frozenset(topics()[record.topic].messages))
            except Malformed as error:
                log.warning("%s@%d is skipped: %s", record.topic, record.offset, error)
                continue
            if decoded is not None and record.key == self._component:
                heard.append(decoded.message)
        return heard

    def _envelope(self, message: Message) -> Envelope:
        return Envelope(
            id=self._ids.new(),
            source=f"/calibrant/{self._speaker}",
            type=message.message_type,
            time_utc=utc_text(self._clock.tai_ns()),
            data=message.to_json(),
            subject=self._component,
            dataschema=f"urn:calibrant:schema:{message.message_type}",
        )


async def heard_of(bus: Bus) -> list[str]:
    """Return the components that the newest events and telemetry are of, sorted.

    Raises
    ------
    BusUnavailable, UnknownTopic, AccessDenied
        The log is away, has no topics of components, or does not let us.
    """
    said = [await bus.read(name, from_start=False, limit=_AT_ONCE) for name in (EVENTS, TELEMETRY)]
    return sorted({record.key for records in said for record in records if record.key})


def _topic_of(message: Message) -> Topic:
    """Return the topic of a component's message.

    Raises
    ------
    LookupError
        No topic of components takes it.
    """
    for name in _ALL:
        if message.message_type in topics()[name].messages:
            return topics()[name]
    raise LookupError(
        f"{message.message_type} is neither a command, an acknowledgement nor an event of a component"
    )

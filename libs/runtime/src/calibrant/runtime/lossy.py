"""Telemetry: messages that may be lost, sent at once, outside outbox and inbox."""

from __future__ import annotations

import logging

from calibrant.bus.cloudevents import Envelope, to_message
from calibrant.bus.errors import CalibrantError
from calibrant.bus.ports import Producer
from calibrant.contracts.base import Message
from calibrant.contracts.flow import topic_for
from calibrant.runtime.clock import Clock, utc_text
from calibrant.runtime.ids import derive

log = logging.getLogger(__name__)


async def send_lossy(producer: Producer, service: str, clock: Clock, message: Message) -> None:
    """Send a message of a lossy topic; what cannot be sent is lost.

    Raises
    ------
    LookupError
        The contract lets this service send no such message.
    ValueError
        The message's topic is not lossy.
    """
    topic = topic_for(service, message.message_type)
    if not topic.lossy:
        raise ValueError(f"{message.message_type} goes to {topic.name}, which is not lossy: use the outbox")
    key = topic.key_of(message)
    now = clock.tai_ns()
    envelope = Envelope(
        id=derive(service, key, str(now), message.message_type),
        source=f"/calibrant/{service}",
        type=message.message_type,
        time_utc=utc_text(now),
        data=message.to_json(),
        subject=key or None,
        dataschema=f"urn:calibrant:schema:{message.message_type}",
    )
    try:
        await producer.send([to_message(envelope, topic.name, key)])
    except CalibrantError as error:
        log.debug("telemetry lost: %s", error)

"""How far a service is behind the log: where its groups go on, and how many records wait for it."""

from __future__ import annotations

from calibrant.bus.ports import Bus, TopicPartition
from calibrant.contracts.flow import topics_consumed


async def committed(bus: Bus, service: str) -> dict[TopicPartition, int]:
    """Return where a service goes on in each partition that it has committed: its events' group and its jobs'.

    Raises
    ------
    BusUnavailable
        The log cannot be reached.
    """
    done = dict(await bus.committed(service))
    done.update(await bus.committed(f"{service}-jobs"))
    return done


async def lag(bus: Bus, service: str) -> dict[str, int]:
    """Return how many records wait for a service, by topic.

    Raises
    ------
    UnknownTopic, BusUnavailable
        A topic does not exist; the log cannot be reached.
    """
    names = [topic.name for topic in topics_consumed(service)]
    ends = await bus.end_offsets(names)
    done = await committed(bus, service)
    waiting = dict.fromkeys(names, 0)
    for partition, end in ends.items():
        waiting[partition.topic] += end - done.get(partition, 0)
    return waiting

"""What we need of aiokafka beyond its public face, all in one place, written against version 0.14.

Owns every use of its private names: to know when and where data have come, that it has died inside, and to end it
without waiting for a broker that does not answer; and that what it unpacks has a bound. Must not know why.
"""

import asyncio
import gzip
import io
import sys
from contextlib import suppress
from typing import Any, Final

from aiokafka.record.default_records import DefaultRecordBatch

from calibrant.bus.records import TopicPartition

_PATIENCE_S: Final = 0.1
_COORDINATION: Final = (
    *("_coordination_task", "_heartbeat_task", "_commit_refresh_task"),
    "_reset_committed_task",
)
"""Tasks of a consumer of a group, and of one without."""
MAX_UNPACKED_BYTES: Final = 64 * 1024 * 1024
"""To how much a compressed batch may unpack, sixteen times of what the brokers take."""


def touch(consumer: Any) -> None:
    """Say that the consumer is in use, so that it is not taken for stuck while a rebalance keeps it from data."""
    with consumer._subscription.fetch_context():  # noqa: SLF001
        pass


def fetched(consumer: Any) -> set[TopicPartition]:
    """Give the partitions of which data, or errors, have come and were not taken."""
    return {TopicPartition(at.topic, at.partition) for at in consumer._fetcher._records}  # noqa: SLF001


def data_waiter(consumer: Any) -> asyncio.Future[None]:
    """Give a future that ends when data have come, or fails with what keeps them from coming."""
    waiter: asyncio.Future[None] = consumer._fetcher._create_fetch_waiter()  # noqa: SLF001
    return waiter


def has_died(consumer: Any) -> bool:
    """Tell whether one of its tasks has ended, so that nothing would ever come again."""
    return bool(consumer._fetcher._fetch_task.done() or consumer._coordinator._coordination_task.done())  # noqa: SLF001


async def abandon_consumer(consumer: Any) -> None:
    """End a consumer at once: nothing is committed, no group is left, no broker is waited for."""
    consumer._closed = True  # noqa: SLF001
    coordinator, fetcher = consumer._coordinator, consumer._fetcher  # noqa: SLF001
    tasks = [fetcher._fetch_task, *fetcher._pending_tasks] if fetcher else []  # noqa: SLF001
    tasks += [getattr(coordinator, name, None) for name in _COORDINATION]
    await _cancel(tasks)
    await consumer._client.close()  # noqa: SLF001


async def abandon_producer(producer: Any) -> None:
    """End a producer at once: what it has not sent it forgets, and whoever waits for it runs out of time."""
    producer._closed = True  # noqa: SLF001
    await _cancel([producer._sender.sender_task])  # noqa: SLF001
    await producer.client.close()


async def _cancel(tasks: list[asyncio.Task[Any] | None]) -> None:
    """Cancel until they end: aiokafka's tasks take the first time for a request to finish what is under way."""
    running = {task for task in tasks if task is not None}
    while running:
        for task in running:
            task.cancel()
        ended, running = await asyncio.wait(running, timeout=_PATIENCE_S)
        for task in ended:
            with suppress(asyncio.CancelledError, Exception):
                task.result()


def bound_unpacking() -> None:
    """Have batches refused, in all of this process, that unpack to more than `MAX_UNPACKED_BYTES`.

    Four megabytes of gzip, which the brokers take, may hold four gigabytes.
    """
    records: Any = sys.modules[DefaultRecordBatch.__module__]  # compiled where it could be
    records.gzip_decode = _unpacked


def _unpacked(payload: bytes) -> bytes:
    content = gzip.GzipFile(fileobj=io.BytesIO(payload)).read(MAX_UNPACKED_BYTES + 1)
    if len(content) > MAX_UNPACKED_BYTES:
        raise ValueError(f"the batch unpacks to more than {MAX_UNPACKED_BYTES} bytes")
    return content

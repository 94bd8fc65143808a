"""The Kafka bus.

Owns opening and closing, and hands the work to `topics`, `offsets`, `reading`, `producer` and `consumer`.
"""

import logging
from collections.abc import Collection, Mapping, Sequence

from calibrant.bus.kafka import offsets
from calibrant.bus.kafka.access import check_access
from calibrant.bus.kafka.consumer import KafkaConsumer
from calibrant.bus.kafka.inside import bound_unpacking
from calibrant.bus.kafka.link import Link
from calibrant.bus.kafka.options import Options
from calibrant.bus.kafka.producer import KafkaProducer
from calibrant.bus.kafka.reading import look
from calibrant.bus.kafka.security import KafkaSecurity
from calibrant.bus.kafka.topics import Topics
from calibrant.bus.ports import RebalanceListener
from calibrant.bus.records import Record, TopicPartition, TopicSpec


async def open_bus(
    servers: str,
    *,
    security: KafkaSecurity | None = None,
    client_id: str = "calibrant",
    session_timeout_s: float = 10.0,
    rebalance_timeout_s: float = 30.0,
    max_poll_interval_s: float = 60.0,
    request_timeout_s: float = 10.0,
    delivery_timeout_s: float = 30.0,
    cold_start_s: float = 60.0,
    replication: int | None = None,
) -> "KafkaBus":
    """Connect to a cluster.

    Parameters
    ----------
    servers
        Some of its brokers, as ``host:port[,host:port]``.
    security
        Credentials; None: plain text, and nobody is asked who he is.
    client_id
        The name that the brokers' logs and quotas know us by.
    session_timeout_s
        A member whose process gave no sign of life for longer loses its partitions, in seconds; within the
        brokers' ``group.min.session.timeout.ms`` and ``group.max.session.timeout.ms``.
    rebalance_timeout_s
        How long a rebalance waits for each member to call `fetch`, in seconds.
    max_poll_interval_s
        A member that did not call `fetch` for longer leaves its group, in seconds.
    request_timeout_s
        How long a question may take, attempts included, before `BusUnavailable`, in seconds.
    delivery_timeout_s
        How long a `send` may take, attempts included, before `BusUnavailable`, in seconds.
    cold_start_s
        How long brokers that have just come up, or are busy, may take at a start to keep groups and to make a
        topic, before `BusUnavailable`, in seconds.
    replication
        On how many brokers a topic that is made here is kept; None: the brokers' default.

    Returns
    -------
    KafkaBus
        Open; close it with `close`.

    Raises
    ------
    BusUnavailable
        No broker can be reached.
    AccessDenied
        We are not let in.
    """
    client_log = logging.getLogger("aiokafka")
    if client_log.level == logging.NOTSET:
        # It logs each attempt to reach a broker that is away; what matters of it is in the errors we raise.
        client_log.setLevel(logging.CRITICAL)
    bound_unpacking()
    options = Options(
        servers,
        security or KafkaSecurity(),
        client_id,
        session_timeout_s=session_timeout_s,
        rebalance_timeout_s=rebalance_timeout_s,
        max_poll_interval_s=max_poll_interval_s,
        request_timeout_s=request_timeout_s,
        delivery_timeout_s=delivery_timeout_s,
        cold_start_s=cold_start_s,
        replication=replication,
    )
    link = Link(options)
    await link.open()
    return KafkaBus(link)


class KafkaBus:
    """`calibrant.bus.ports.Bus` on Kafka. Belongs to the event loop it was opened in.

    Parameters
    ----------
    link
        The connection; see `open_bus`.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._topics = Topics(link)
        self._open_consumers: set[KafkaConsumer] = set()
        self._open_producers: set[KafkaProducer] = set()

    async def ensure_topics(self, specs: Collection[TopicSpec]) -> None:
        """Create missing topics; see `calibrant.bus.ports.Bus.ensure_topics`."""
        await self._topics.ensure(specs)

    async def check_access(
        self, *, produces: Collection[str], consumes: Collection[str], groups: Collection[str]
    ) -> None:
        """Check that we may do what we are going to; see `calibrant.bus.ports.Bus.check_access`."""
        await check_access(self._link, produces=produces, consumes=consumes, groups=groups)

    def producer(self) -> KafkaProducer:
        """Make a producer."""
        return KafkaProducer(self._topics, self._open_producers)

    def consumer(
        self, group: str, topics: Sequence[str], *, listener: RebalanceListener | None = None
    ) -> KafkaConsumer:
        """Make a member of a group; see `calibrant.bus.ports.Bus.consumer`."""
        return KafkaConsumer(self._topics, group, topics, listener, self._open_consumers)

    async def end_offsets(self, topics: Collection[str]) -> Mapping[TopicPartition, int]:
        """Tell the next offset of each partition."""
        return await offsets.bounds(self._link, self._topics, topics, offsets.NEWEST)

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        """Tell where a group goes on."""
        return await offsets.committed(self._link, group)

    async def read(
        self,
        topic: str,
        *,
        from_start: bool,
        limit: int,
        offsets: Mapping[TopicPartition, int] | None = None,
    ) -> list[Record]:
        """Look into a topic; see `calibrant.bus.ports.Bus.read`."""
        if limit < 1:
            raise ValueError(f"limit must be at least 1: {limit}")
        return await look(
            self._link, self._topics, topic, from_start=from_start, limit=limit, wanted=offsets or {}
        )

    async def prune(self) -> int:
        """Do nothing: Kafka deletes by itself what is older than its topic's retention, read or not."""
        return 0

    async def close(self) -> None:
        """Close consumers and producers that are still open, and the connection; a second call does nothing."""
        for consumer in list(self._open_consumers):
            await consumer.close()
        for producer in list(self._open_producers):
            await producer.close()
        await self._link.close()

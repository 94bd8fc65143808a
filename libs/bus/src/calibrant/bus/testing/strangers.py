"""What no client of ours writes to Kafka: batches made by hand, and sent as they are.

Owns the bytes. Must not know what is expected of who reads them.
"""

from __future__ import annotations

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from calibrant.bus.records import TopicPartition

_CHECK_SUM, _CHECKED = slice(17, 21), slice(21, None)


def batch(*header_names: bytes, value: bytes = b"a", compression: int = 0) -> bytearray:
    """Write a batch with a record for each header name, which need not be UTF-8; with gzip (1) name it ``x``."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 20,
    )
    for number, name in enumerate(header_names):
        place = "x" * len(name)
        builder.append(number, timestamp=1, key=None, value=value, headers=[(place, name)])
    content = bytearray(builder.build())
    for name in header_names:
        content = content.replace(b"x" * len(name), name, 1)
    return content


def signed(content: bytearray) -> bytes:
    """Return a batch with the check sum of what it holds."""
    content[_CHECK_SUM] = calc_crc32c(bytes(content[_CHECKED])).to_bytes(4)
    return bytes(content)


async def write(servers: str, at: TopicPartition, content: bytes) -> None:
    """Append a batch to a partition, on a cluster of one broker."""
    client = AIOKafkaClient(bootstrap_servers=servers)
    await client.bootstrap()
    try:
        request = ProduceRequest(None, -1, 10_000, [(at.topic, [(at.partition, content)])])
        answer = await client.send(client.get_random_node(), request)
        assert answer.topics[0][1][0][1] == 0, answer
    finally:
        await client.close()

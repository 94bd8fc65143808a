"""The ports of the bus: what a durable, partitioned log with consumer groups offers, and no more.

Owns the vocabulary (topic, partition, record, group) and the promises both adapters keep, which
`calibrant.bus.testing.contract` states as tests. Must not know SQLite, Kafka, CloudEvents or any service.

Promises
--------
- Records of one partition are delivered in the order of their offsets; one key is always in one partition.
- A group has each partition read by at most one member. A group that never committed starts at the oldest
  record. What is not committed is delivered again after a crash, a leave or a rebalance.
- Nothing is committed implicitly, not even when a consumer is closed.
"""

from calibrant.bus.ports.consuming import Consumer, RebalanceListener
from calibrant.bus.ports.log import Bus
from calibrant.bus.ports.producing import Producer
from calibrant.bus.records import Message, Record, TopicPartition, TopicSpec

__all__ = [
    "Bus",
    "Consumer",
    "Message",
    "Producer",
    "RebalanceListener",
    "Record",
    "TopicPartition",
    "TopicSpec",
]

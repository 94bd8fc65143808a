"""A real Apache Kafka for tests and for trying out: one node, plain Java, loopback only.

Owns one broker's life: start, stop, kill, suspend, restart on the same data and ports. Must not know the adapter.
"""

from calibrant.bus.testing.broker.distribution import missing
from calibrant.bus.testing.broker.guard import Guard
from calibrant.bus.testing.broker.node import Broker, BrokerFailed

__all__ = ["Broker", "BrokerFailed", "Guard", "missing"]

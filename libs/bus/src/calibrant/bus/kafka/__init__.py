"""The log in Apache Kafka: the engine when one machine is not enough."""

from calibrant.bus.kafka.bus import KafkaBus, open_bus
from calibrant.bus.kafka.security import KafkaSecurity

__all__ = ["KafkaBus", "KafkaSecurity", "open_bus"]

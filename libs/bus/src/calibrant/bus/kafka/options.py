"""What a Kafka bus was opened with, and what aiokafka's clients are told of it.

Owns the translation of our seconds and names to aiokafka's. Must not know topics.
"""

from dataclasses import dataclass
from typing import Any, Final

from calibrant.bus.kafka.security import KafkaSecurity
from calibrant.bus.records import MOST_BODY_BYTES, MOST_FETCH_BYTES

MAX_MESSAGE_BYTES: Final = MOST_BODY_BYTES + 64 * 1024
"""Size of the largest message, with key and headers, that topics of ours take."""

_BATCH_BYTES: Final = 256 * 1024
_BEATS_PER_SESSION: Final = 10
_REPLY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """See `calibrant.bus.kafka.open_bus`."""

    servers: str
    security: KafkaSecurity
    client_id: str
    session_timeout_s: float
    rebalance_timeout_s: float
    max_poll_interval_s: float
    request_timeout_s: float
    delivery_timeout_s: float
    cold_start_s: float
    replication: int | None

    def client(self) -> dict[str, Any]:
        """Give the arguments of a plain client."""
        return {
            "bootstrap_servers": self.servers,
            "client_id": self.client_id,
            "request_timeout_ms": _ms(self.request_timeout_s),
            **self.security.client_arguments(),
        }

    def producer(self) -> dict[str, Any]:
        """Give the arguments of a producer."""
        return {
            **self.client(),
            "acks": "all",
            "enable_idempotence": True,
            "max_batch_size": _BATCH_BYTES,
            "max_request_size": MAX_MESSAGE_BYTES,
        }

    def reader(self) -> dict[str, Any]:
        """Give the arguments of a consumer without a group."""
        return {
            **self.client(),
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "fetch_max_bytes": MOST_FETCH_BYTES,
        }

    def member(self, group: str) -> dict[str, Any]:
        """Give the arguments of a member of a group; joining may take a whole rebalance to be answered."""
        answer_s = max(self.request_timeout_s, self.rebalance_timeout_s + _REPLY_S)
        return {
            **self.reader(),
            "group_id": group,
            "session_timeout_ms": _ms(self.session_timeout_s),
            "heartbeat_interval_ms": _ms(self.session_timeout_s / _BEATS_PER_SESSION),
            "rebalance_timeout_ms": _ms(self.rebalance_timeout_s),
            "max_poll_interval_ms": _ms(self.max_poll_interval_s),
            "request_timeout_ms": _ms(answer_s),
        }


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1e3))

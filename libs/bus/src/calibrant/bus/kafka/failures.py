"""Kafka's errors in our words: by what a retry would do.

Owns the classification. Must not know requests.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiokafka import errors as kafka

from calibrant.bus.errors import AccessDenied, BusRefused, BusUnavailable, CalibrantError, MessageTooLarge

_DENIED: Final = (
    kafka.TopicAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.AuthenticationFailedError,
    kafka.SaslAuthenticationFailed,
    kafka.UnsupportedSaslMechanismError,
    kafka.IllegalSaslStateError,
    ssl.SSLCertVerificationError,
)
_REFUSED: Final = (
    kafka.IncompatibleBrokerVersion,
    kafka.InvalidConfigurationError,
    kafka.InvalidPartitionsError,
    kafka.InvalidReplicationFactorError,
    kafka.InvalidSessionTimeoutError,
    kafka.InvalidTopicError,
    kafka.PolicyViolationError,
    kafka.UnsupportedVersionError,
)


def translate(error: BaseException, doing: str) -> CalibrantError:
    """Give our error for one of Kafka's or of the network.

    Parameters
    ----------
    error
        What aiokafka raised.
    doing
        What was attempted, such as ``"send to topic 'frames'"``.
    """
    said = str(error) or type(error).__name__
    if isinstance(error, _DENIED):
        return AccessDenied(f"Kafka refuses to {doing}: {said}")
    if isinstance(error, kafka.MessageSizeTooLargeError):
        return MessageTooLarge(f"Kafka refuses to {doing}: {said}")
    if isinstance(error, _REFUSED):
        return BusRefused(f"Kafka will not {doing}: {said}")
    return BusUnavailable(f"Kafka cannot {doing} now: {said}")


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise Kafka's errors as ours; see `translate`."""
    try:
        yield
    except (kafka.KafkaError, OSError) as error:  # TimeoutError is an OSError
        raise translate(error, doing) from error

"""Errors by what a retry would do: the one hierarchy every part of Calibrant raises from.

Owns the retry classes, the bus's own errors and the back-off policy. Knows nothing of messages, services
or the engine below: whoever handles an error needs only its class to decide.

================  =====================================  =========================================
class             what a retry would do                  so the dispatcher
================  =====================================  =========================================
TransientError    may succeed, unchanged, later          backs off and tries again
PermanentError    fails the same way for ever            dead-letters the message with the reason
PoisonError       the message itself cannot be read      dead-letters its raw bytes
================  =====================================  =========================================

Anything else that is raised is a fault in the program and is to be treated as permanent.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from calibrant.bus.records import TopicPartition


class CalibrantError(Exception):
    """Root of every error raised on purpose; its text names the thing and says what to do."""


class TransientError(CalibrantError):
    """The same attempt may succeed later: the world was busy, full or away. Back off and retry."""


class PermanentError(CalibrantError):
    """The same attempt fails for ever: dead-letter it with this reason, and go on."""


@contextmanager
def permanent(what: str) -> Iterator[None]:
    """Turn a value that can never do into a `PermanentError` which says what it is of."""
    try:
        yield
    except ValueError as problem:
        raise PermanentError(f"{what}: {problem}") from problem


class PoisonError(CalibrantError):
    """The message cannot be read at all: dead-letter its raw bytes, and go on."""


class Malformed(PoisonError):
    """A record is not a CloudEvent we can read, or its body does not fit its type.

    Parameters
    ----------
    what
        Which header or field is wrong, and how.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class BusUnavailable(TransientError):
    """The log cannot be reached or written now: locked, full, disconnected. Nothing was written."""


class BusCorrupt(PermanentError):
    """The log's storage is damaged, or was written by a version of Calibrant this one cannot read."""


class AccessDenied(PermanentError):
    """The log does not let us in, or not do this; the text names the right that is missing, and on what."""


class BusRefused(PermanentError):
    """The log will not do this as it is set up; the text says what it objects to."""


class MessageTooLarge(PermanentError):
    """A message is larger than the log takes: put what it carries into the object store and send a reference."""


class UnknownTopic(PermanentError):
    """A topic that `Bus.ensure_topics` was never asked for.

    Parameters
    ----------
    topic
        The topic's name.
    """

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"topic {topic!r} does not exist: declare it in topics.yaml and call ensure_topics first"
        )
        self.topic = topic


class TopicMismatch(PermanentError):
    """A topic exists with another number of partitions, which cannot change without breaking key order."""


class NotAssigned(CalibrantError):
    """A partition was addressed that this consumer does not own now.

    Neither transient nor permanent: it tells the owner of the consumer that a rebalance came between.

    Parameters
    ----------
    partitions
        Those that are not owned.
    """

    def __init__(self, partitions: Sequence[TopicPartition]) -> None:
        names = ", ".join(f"{tp.topic}[{tp.partition}]" for tp in partitions)
        super().__init__(
            f"not owned by this consumer: {names}; its group was rebalanced, drop what is in flight"
        )
        self.partitions = tuple(partitions)


class CommitFailed(NotAssigned):
    """Offsets were committed for partitions that belong to another member by now; none were stored.

    Do not retry: the new owner is given the same records again. Drop the result.
    """


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between attempts: exponential, bounded, spread by a jitter.

    Parameters
    ----------
    initial_s
        The wait after the first failed attempt, in seconds, before jitter.
    factor
        How much longer each further wait is; at least 1.
    max_s
        The longest wait, in seconds, before jitter.
    attempts
        How many attempts in all, the first included; at least 1.
    jitter
        Fraction in [0, 1] by which a wait may be shortened or lengthened.

    Raises
    ------
    ValueError
        For a parameter out of its range.

    Examples
    --------
    >>> list(Backoff(initial_s=1.0, factor=2.0, max_s=3.0, attempts=4, jitter=0.0).delays_s(lambda: 0.5))
    [1.0, 2.0, 3.0]
    """

    initial_s: float = 0.1
    factor: float = 2.0
    max_s: float = 30.0
    attempts: int = 8
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if not (self.initial_s >= 0 and self.max_s >= 0 and self.factor >= 1):
            raise ValueError(f"a back-off needs initial_s >= 0, max_s >= 0 and factor >= 1: {self}")
        if self.attempts < 1 or not 0 <= self.jitter <= 1:
            raise ValueError(f"a back-off needs attempts >= 1 and jitter in [0, 1]: {self}")

    def delay_s(self, failed_attempts: int, random: Callable[[], float]) -> float | None:
        """Give the wait after so many failed attempts, or None when there is none left to make.

        Parameters
        ----------
        failed_attempts
            Attempts made and failed so far; at least 1.
        random
            Gives a number in [0, 1); 0.5 means no jitter.

        Returns
        -------
        float or None
            Seconds to wait before the next attempt.
        """
        if failed_attempts < 1:
            raise ValueError(f"a delay follows a failed attempt: {failed_attempts=}")
        if failed_attempts >= self.attempts:
            return None
        wait_s = min(self.initial_s, self.max_s)
        for _ in range(failed_attempts - 1):
            wait_s = min(wait_s * self.factor, self.max_s)
            if wait_s == self.max_s:
                break
        return wait_s * (1 + self.jitter * (2 * random() - 1))

    def delays_s(self, random: Callable[[], float]) -> Iterator[float]:
        """Yield every wait in turn, `attempts` - 1 of them.

        Parameters
        ----------
        random
            Gives a number in [0, 1); 0.5 means no jitter.

        Yields
        ------
        float
            Seconds to wait before the next attempt.
        """
        failed_attempts = 1
        while (delay_s := self.delay_s(failed_attempts, random)) is not None:
            yield delay_s
            failed_attempts += 1

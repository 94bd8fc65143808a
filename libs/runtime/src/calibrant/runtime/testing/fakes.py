"""A clock, identifiers, records and messages for tests: the same every time.

Owns no expectations.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from calibrant.bus.cloudevents import Envelope, to_message
from calibrant.bus.ports import Record
from calibrant.contracts.base import Message
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobDone
from calibrant.runtime.limits import Limits
from calibrant.runtime.workers import UNLIMITED, Workers

BEGIN_TAI_NS = 1_800_000_000_000_000_000
"""2027-01-15, as good a day as any."""


@dataclass(slots=True)
class FakeClock:
    """A clock that goes on by a second each time it is read."""

    now_ns: int = BEGIN_TAI_NS

    def tai_ns(self) -> int:
        """Now, in nanoseconds since 1970-01-01T00:00:00 TAI."""
        self.now_ns += 1_000_000_000
        return self.now_ns

    def monotonic_s(self) -> float:
        """Seconds that only ever grow."""
        return self.tai_ns() / 1e9


@dataclass(slots=True)
class CountingIds:
    """Identifiers that count: ``id-1``, ``id-2`` ..."""

    _numbers: count[int] = field(default_factory=lambda: count(1))

    def new(self) -> str:
        """Return the next one."""
        return f"id-{next(self._numbers)}"


class InlineWorkers(Workers):
    """Workers that compute in this process, at once.

    Parameters
    ----------
    guard : callable or None
        Gives a context manager around each call, which may raise in its place.
    """

    def __init__(self, guard: Callable[[], AbstractContextManager[Any]] | None = None) -> None:
        super().__init__(1)
        self._guard = guard
        self.calls = 0

    def start(self, preload: object = ()) -> None:
        """Start nothing."""

    async def run(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        limits: Limits = UNLIMITED,  # noqa: ARG002  this process is not limited
    ) -> Any:
        """Call the function."""
        self.calls += 1
        if self._guard is None:
            return function(*arguments)
        with self._guard():
            return function(*arguments)


def combine_job(job_id: str = "job-1", recipe: str = "bias", memory_bytes: int = 0) -> CombineJob:
    """Make a job to build a product."""
    return CombineJob(
        job_id=job_id,
        recipe=recipe,
        recipe_version="1",
        engine_version="1",
        instrument="test",
        instrument_hash="0" * 64,
        detector=1,
        memory_bytes=memory_bytes,
    )


def job_done(job_id: str = "job-1") -> JobDone:
    """Make the answer to a job."""
    return JobDone(job_id=job_id, execution_id="execution-1")


def record_of(
    message: Message,
    *,
    topic: str,
    event_id: str = "event-1",
    offset: int = 0,
    partition: int = 0,
    run_id: str | None = "run-1",
) -> Record:
    """Make the record that brings a message."""
    envelope = Envelope(
        id=event_id,
        source="/calibrant/test",
        type=message.message_type,
        time_utc="2027-01-15T00:00:00.000000Z",
        data=message.to_json(),
        correlation_id=run_id,
    )
    sent = to_message(envelope, topic, event_id)
    return Record(topic, partition, offset, sent.key, sent.value, sent.headers, 0)

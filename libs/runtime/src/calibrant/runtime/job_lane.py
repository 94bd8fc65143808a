"""One partition's jobs side by side: which are in hand, which are done, up to where all are.

Owns the bookkeeping. What is done with a record, and when, is decided in ``job_lanes``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(slots=True)
class JobLane:
    """What is known of one partition.

    Parameters
    ----------
    given
        Offsets that were given since the partition became ours and lie behind the done prefix, in order; whether
        each is done.
    at_work
        What works on a record, by its offset: also on one whose partition is not ours any more.
    resting
        Offsets of those that wait for their next attempt.
    done_to
        Offset of the next record to read, once something is done.
    """

    given: dict[int, bool] = field(default_factory=dict)
    at_work: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    resting: set[int] = field(default_factory=set)
    done_to: int | None = None

    @property
    def load(self) -> int:
        """Records fetched and not yet dealt with."""
        return len(self.at_work)

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        """What works on them."""
        return self.at_work.values()

    def lose(self) -> None:
        """Forget the partition; what is in hand runs on, for its result is idempotent."""
        self.given.clear()
        self.done_to = None

    def close(self) -> None:
        """Do nothing: no record waits without work on it."""

    def takes(self, offset: int) -> bool:
        """Note a record that is given; tell whether work on it is to begin: it may be in hand all the while."""
        self.given[offset] = False
        return offset not in self.at_work

    def put_down(self, offset: int, *, done: bool) -> None:
        """Say that work on a record has ended."""
        self.at_work.pop(offset, None)
        self.resting.discard(offset)
        if not done or offset not in self.given:
            return
        self.given[offset] = True
        while self.given and self.given[first := next(iter(self.given))]:
            del self.given[first]
            self.done_to = first + 1

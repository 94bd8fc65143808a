"""One partition's records: which wait, which are in hand, up to where they are done.

Owns the bookkeeping. What is done with a record, and when, is decided in ``lanes``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from calibrant.bus.ports import Record


@dataclass(slots=True)
class Lane:
    """What is known of one partition.

    Parameters
    ----------
    waiting
        Fetched, not taken in hand yet.
    task
        What works on it, while there is something to do.
    in_hand
        What is being dealt with: one record, or several at once.
    resting
        Whether it is between two attempts at the record in hand.
    ours
        Whether the partition was not taken away since what is in hand was given.
    again_to
        What comes again below this offset was in hand when the partition went and came.
    singly
        So many of the next records are attempted one by one.
    load_bytes
        Bytes of the records fetched and not yet dealt with.
    done_to
        Offset of the next record to read, once something is done.
    """

    waiting: deque[Record] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    in_hand: list[Record] = field(default_factory=list)
    resting: bool = False
    ours: bool = True
    again_to: int = 0
    singly: int = 0
    load_bytes: int = 0
    done_to: int | None = None

    @property
    def load(self) -> int:
        """Records fetched and not yet dealt with."""
        return len(self.waiting) + len(self.in_hand)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What works on them."""
        return [] if self.task is None else [self.task]

    def lose(self) -> None:
        """Forget the partition; what is in hand runs on, for its result is idempotent."""
        self.close()
        self.ours, self.done_to, self.again_to, self.singly = False, None, 0, 0

    def close(self) -> None:
        """Forget what waits."""
        self.waiting.clear()
        self.load_bytes = _bytes(self.in_hand)

    def give(self, record: Record) -> None:
        """Let a record wait."""
        self.waiting.append(record)
        self.load_bytes += record.size_bytes

    def take(self, most: int) -> list[Record]:
        """Take the next records in hand, at most so many."""
        self.in_hand = [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]
        self.ours = True
        return self.in_hand

    def put_down(self, done: int) -> None:
        """Say that the first so many of what is in hand are done; the others wait again."""
        dealt, left, self.in_hand = self.in_hand[:done], self.in_hand[done:], []
        self.load_bytes -= _bytes(dealt)
        if not self.ours:
            self.load_bytes -= _bytes(left)
            return
        self.waiting.extendleft(reversed(left))
        if dealt:
            self.done_to = dealt[-1].offset + 1

    def let_go(self) -> None:
        """Forget what is in hand."""
        self.load_bytes -= _bytes(self.in_hand)
        self.in_hand = []

    def comes_again(self, record: Record) -> bool:
        """Tell whether a record that is given after a rebalance is, or was, in hand all the while."""
        if not self.ours and not self.waiting and self.in_hand and self.in_hand[0].offset == record.offset:
            self.ours, self.again_to = True, self.in_hand[-1].offset + 1
        return record.offset < self.again_to


def _bytes(records: Iterable[Record]) -> int:
    return sum([record.size_bytes for record in records])

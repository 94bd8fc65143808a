"""Short records that wait together, dealt with together: one transaction for all of them.

Owns what goes into such a batch, and falling back. It decides nothing about a record that goes wrong: the batch
leaves nothing, and the dispatcher meets that record again by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from calibrant.bus.errors import PoisonError
from calibrant.bus.ports import Record
from calibrant.runtime.events import EventWork, Stumbled
from calibrant.runtime.intake import Decoded, decode
from calibrant.runtime.probe import Step

Dealt = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Batches:
    """Deals with several records of one partition at once.

    Parameters
    ----------
    events : EventWork
        What deals with them.
    handled : frozenset of str
        Full names of all messages that the service handles, its jobs included.
    """

    events: EventWork
    handled: frozenset[str]

    async def deal(self, records: Sequence[Record]) -> Dealt:
        """Deal with the first of these records, as far as nothing goes wrong.

        Parameters
        ----------
        records : sequence of Record
            Of one partition, in order; at least one.

        Returns
        -------
        tuple of int
            How many, from the first on, are dealt with, and how many of those after them are to be attempted
            one by one.
        """
        desk = self.events.desk
        desk.probe.at(Step.FETCHED)
        readable = await asyncio.to_thread(self._readable, records)
        if not readable:
            return 0, 1
        done, singly = await self._as_far_as_it_goes(readable)
        desk.health.count("skipped", readable[:done].count(None))
        desk.wake_relay()
        return done, singly

    def _readable(self, records: Sequence[Record]) -> list[Decoded | None]:
        """Decode up to the first record that is poison or no short work; None for what nobody handles."""
        found: list[Decoded | None] = []
        for record in records:
            try:
                decoded = decode(record, self.handled)
            except PoisonError:
                break
            if decoded is not None and decoded.envelope.type not in self.events.handlers:
                break
            found.append(decoded)
        return found

    async def _as_far_as_it_goes(self, readable: Sequence[Decoded | None]) -> Dealt:
        try:
            return await self._at_once(readable), 0
        except Stumbled as stumbled:
            place = [at for at, decoded in enumerate(readable) if decoded is not None][stumbled.place]
        except Exception:  # noqa: BLE001  whose fault it is shows when each is attempted by itself
            return 0, len(readable)
        try:
            done = await self._at_once(readable[:place])
        except Exception:  # noqa: BLE001  as above
            return 0, len(readable)
        return done, int(done == place)

    async def _at_once(self, readable: Sequence[Decoded | None]) -> int:
        """Return how many of these are dealt with, from the first on."""
        places = [at for at, decoded in enumerate(readable) if decoded is not None]
        dealt = await self.events.several([decoded for decoded in readable if decoded is not None])
        return len(readable) if dealt == len(places) else places[dealt]

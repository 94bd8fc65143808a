"""Short records that wait together, dealt with together: one transaction for all of them.

Owns what goes into such a batch, the order inside its transaction, and falling back. It decides nothing about a
record that goes wrong: the batch leaves nothing of it, and the dispatcher meets that record again by itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from sqlmodel import Session

from calibrant.bus.cloudevents import HEADERS, MOST_BYTES
from calibrant.bus.errors import PoisonError
from calibrant.bus.ports import Record
from calibrant.runtime.events import EventWork
from calibrant.runtime.intake import Decoded, decode
from calibrant.runtime.new_rows import insert_now
from calibrant.runtime.probe import Step
from calibrant.runtime.unit_of_work import put_back, take_on

Dealt = tuple[int, int]
_ID, _TYPE = HEADERS["id"], HEADERS["type"]


class _Stumbled(Exception):
    """The handler of one of several events failed; the others have not shown anything yet."""

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


@dataclass(slots=True)
class _Tally:
    """What became of the records of one transaction, from the first on."""

    events: int = 0
    repeated: int = 0
    skipped: int = 0
    spoilt: bool = False

    @property
    def done(self) -> int:
        return self.events + self.repeated + self.skipped


@dataclass(slots=True)
class _Pace:
    """How many events the time of one transaction is enough for, as the last one showed."""

    most: int = sys.maxsize

    def learn(self, events: int, spent_s: float, most_s: float) -> None:
        """Fit the next transaction to it, or to twice as many: a slow moment is soon forgotten."""
        fitting = events * most_s / max(spent_s, 1e-9)
        self.most = max(1, int(min(fitting, 2 * events)))


@dataclass(frozen=True, slots=True)
class Batches:
    """Deals with several records of one partition at once.

    Parameters
    ----------
    events : EventWork
        What deals with an event.
    handled : frozenset of str
        Full names of all messages that the service handles, its jobs included.
    most_s : float
        How long handlers may go on in one transaction before what is done is committed, in seconds: others
        wait for the database, and for what was emitted.
    monotonic_s : callable
        Gives seconds that only ever grow.
    """

    events: EventWork
    handled: frozenset[str]
    most_s: float = 0.05
    monotonic_s: Callable[[], float] = time.monotonic
    _pace: _Pace = field(default_factory=_Pace, init=False)

    async def deal(self, records: Sequence[Record]) -> Dealt:
        """Deal with the first of these records, as far as nothing goes wrong and as each would be by itself.

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
        self.events.desk.probe.at(Step.FETCHED)
        event_ids = self._event_ids(records[: self._pace.most])
        if not event_ids:
            return 0, 1
        done, singly = await self._as_far_as_it_goes(records, event_ids)
        self.events.desk.wake_relay()
        return done, singly

    def _event_ids(self, records: Sequence[Record]) -> list[str | None]:
        """Read the identifiers up to the first record that is no short work or gives none; None: nobody handles it."""
        found: list[str | None] = []
        for record in records:
            headers = dict(record.headers)
            try:
                kind, event_id = headers[_TYPE].decode(), headers[_ID].decode()
            except (KeyError, UnicodeDecodeError):
                break
            if len(event_id) > MOST_BYTES or not event_id.isprintable():
                break  # no database may be asked for it
            if kind in self.events.handlers:
                found.append(event_id)
            elif kind in self.handled:
                break
            else:
                found.append(None)
        return found

    async def _as_far_as_it_goes(self, records: Sequence[Record], event_ids: Sequence[str | None]) -> Dealt:
        """Deal with them; again without the one whose handler failed, and what follows it."""
        count = len(event_ids)
        try:
            return await self._at_once(records, event_ids)
        except _Stumbled as stumbled:
            place = stumbled.place
        except Exception:  # noqa: BLE001  whose fault it is shows when each is attempted by itself
            return 0, count
        if not place:
            return 0, 1
        try:
            done, _ = await self._at_once(records, event_ids[:place])
        except Exception:  # noqa: BLE001  as above
            return 0, count
        return done, int(done == place)

    async def _at_once(self, records: Sequence[Record], event_ids: Sequence[str | None]) -> Dealt:
        desk = self.events.desk
        what = f"{len(event_ids)} events"
        tally = await desk.until_stored(what, lambda: self._in_one_transaction(records, event_ids))
        for name in ("events", "repeated", "skipped"):
            desk.health.count(name, getattr(tally, name))
        return tally.done, int(tally.spoilt)

    def _in_one_transaction(self, records: Sequence[Record], event_ids: Sequence[str | None]) -> _Tally:
        """Deal with records until one is poison or time is up: what had begun by then is committed."""
        desk, tally = self.events.desk, _Tally()
        messages: list[Decoded | None] = []
        read = partial(self._read, records[: len(event_ids)], messages)
        with desk.database.writing() as session:
            asked = [event_id for event_id in event_ids if event_id is not None]
            # A server takes them on while they are decoded.
            new = take_on(session, asked, records[0].topic, desk.clock.tai_ns(), meanwhile=read)
            begun_s = self.monotonic_s()
            for message in messages:
                if tally.done and self.monotonic_s() - begun_s >= self.most_s:
                    break
                self._deal_with(message, new, tally, session)
            tally.spoilt = tally.done == len(messages) < len(event_ids)
            self._pace.learn(tally.done, self.monotonic_s() - begun_s, self.most_s)
            put_back(session, new)
            session.flush()
            insert_now(session)
            desk.probe.at(Step.BEFORE_COMMIT)
        desk.probe.at(Step.COMMITTED)
        return tally

    def _read(self, records: Sequence[Record], messages: list[Decoded | None]) -> None:
        """Decode records up to the first that is poison."""
        with suppress(PoisonError):
            messages.extend(decode(record, self.handled) for record in records)

    def _deal_with(self, decoded: Decoded | None, new: set[str], tally: _Tally, session: Session) -> None:
        if decoded is None:
            tally.skipped += 1
        elif decoded.envelope.id not in new:
            tally.repeated += 1
        else:
            new.remove(decoded.envelope.id)
            try:
                self.events.handle(decoded, self.events.desk.unit_in(session, decoded.envelope))
            except Exception as error:
                raise _Stumbled(tally.done) from error
            tally.events += 1
            if (
                session.identity_map
            ):  # the next handler sees what is in the database, as in a session of its own
                session.flush()
                session.expunge_all()

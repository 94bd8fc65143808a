"""Short work: one event, or several that wait already, in one transaction with inbox, effects and outbox rows.

Owns the order inside that transaction. What an error means for the record is the dispatcher's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from calibrant.bus.ports import Record
from calibrant.runtime.dead_letters import Death
from calibrant.runtime.desk import Desk
from calibrant.runtime.handlers import Context, EventHandler
from calibrant.runtime.intake import Decoded
from calibrant.runtime.new_rows import insert_now
from calibrant.runtime.probe import Step
from calibrant.runtime.telemetry import spans
from calibrant.runtime.telemetry.bound import about
from calibrant.runtime.unit_of_work import UnitOfWork, done_before


class Stumbled(Exception):
    """The handler of one of several events failed; the others have not shown anything yet.

    Parameters
    ----------
    place : int
        Which one, counted from 0.
    """

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


@dataclass(frozen=True, slots=True)
class EventWork:
    """Deals with events by short handlers.

    Parameters
    ----------
    desk : Desk
        The service's database, clock and policies.
    handlers : mapping
        By full name of the message.
    most_s : float
        How long handlers may go on in one transaction before what is done is committed, in seconds: others
        wait for the database, and for what was emitted.
    monotonic_s : callable
        Gives seconds that only ever grow.
    """

    desk: Desk
    handlers: Mapping[str, EventHandler]
    most_s: float = 0.025
    monotonic_s: Callable[[], float] = time.monotonic

    async def attempt(self, decoded: Decoded) -> None:
        """Deal with an event once; one dealt with before is counted and nothing else.

        Raises
        ------
        Exception
            Whatever the handler raised; the transaction left nothing.
        """
        done = await self.desk.until_stored(decoded.envelope.type, lambda: self._unit(decoded))
        self.desk.health.count("events" if done else "repeated")

    async def failures(self, _decoded: Decoded, failed: int, /) -> int:
        """Tell how many attempts have failed, this one included: a short handler's are not written down."""
        return failed + 1

    async def give_up(self, record: Record, _decoded: Decoded, death: Death, /) -> None:
        """Dead-letter the record."""
        await self.desk.bury(record, death)

    async def several(self, events: Sequence[Decoded]) -> int:
        """Deal with several events in one transaction, as each would be by itself.

        Returns
        -------
        int
            How many were dealt with, from the first on: those that had begun before ``most_s`` was over.

        Raises
        ------
        Stumbled
            The handler of one of them failed; the transaction left nothing.
        Exception
            Something else failed; the transaction left nothing.
        """
        if not events:
            return 0
        dealt, done = await self.desk.until_stored(f"{len(events)} events", lambda: self._units(events))
        self.desk.health.count("events", done)
        self.desk.health.count("repeated", dealt - done)
        return dealt

    def _unit(self, decoded: Decoded) -> bool:
        desk, envelope = self.desk, decoded.envelope
        with desk.unit(envelope) as unit:
            if not unit.take_on(envelope.id, decoded.topic):
                return False
            self._handle(decoded, unit)
            unit.write()
            desk.probe.at(Step.BEFORE_COMMIT)
        desk.probe.at(Step.COMMITTED)
        return True

    def _units(self, events: Sequence[Decoded]) -> tuple[int, int]:
        """Return how many of the events were dealt with, and how many of those not before."""
        desk, end_s = self.desk, self.monotonic_s() + self.most_s
        with desk.database.writing() as session:
            known = done_before(session, [event.envelope.id for event in events])
            before = len(known)
            for place, decoded in enumerate(events):
                if place and self.monotonic_s() >= end_s:
                    events = events[:place]
                    break
                if decoded.envelope.id not in known:
                    known.add(decoded.envelope.id)
                    self._handle_one_of(place, decoded, session)
            session.flush()
            insert_now(session)
            desk.probe.at(Step.BEFORE_COMMIT)
        desk.probe.at(Step.COMMITTED)
        return len(events), len(known) - before

    def _handle_one_of(self, place: int, decoded: Decoded, session: Session) -> None:
        try:
            unit = self.desk.unit_in(session, decoded.envelope)
            self._handle(decoded, unit)
            unit.mark_done(decoded.envelope.id, decoded.topic)
        except Exception as error:
            raise Stumbled(place) from error
        if session.identity_map:  # the next handler sees what is in the database, as in a session of its own
            session.flush()
            session.expunge_all()

    def _handle(self, decoded: Decoded, unit: UnitOfWork) -> None:
        envelope = decoded.envelope
        context = Context(self.desk.service, unit.session, envelope, self.desk.clock)
        with about(decoded), self.desk.health.meters.event(envelope.type), spans.handling(envelope):
            unit.emit(self.handlers[envelope.type].handle(decoded.message, context))

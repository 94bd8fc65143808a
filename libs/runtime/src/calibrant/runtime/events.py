"""Short work: an event in one transaction with inbox, effects and outbox rows.

Owns the order inside that transaction. What an error means for the record is the dispatcher's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calibrant.bus.ports import Record
from calibrant.runtime.dead_letters import Death
from calibrant.runtime.desk import Desk
from calibrant.runtime.handlers import Context, EventHandler
from calibrant.runtime.intake import Decoded
from calibrant.runtime.probe import Step
from calibrant.runtime.telemetry import spans
from calibrant.runtime.telemetry.bound import about
from calibrant.runtime.unit_of_work import UnitOfWork, take_on


@dataclass(frozen=True, slots=True)
class EventWork:
    """Deals with events by short handlers.

    Parameters
    ----------
    desk : Desk
        The service's database, clock and policies.
    handlers : mapping
        By full name of the message.
    """

    desk: Desk
    handlers: Mapping[str, EventHandler]

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

    def _unit(self, decoded: Decoded) -> bool:
        desk, envelope = self.desk, decoded.envelope
        with desk.unit(envelope) as unit:
            if not take_on(unit.session, [envelope.id], decoded.topic, desk.clock.tai_ns()):
                return False
            self.handle(decoded, unit)
            unit.write()
            desk.probe.at(Step.BEFORE_COMMIT)
        desk.probe.at(Step.COMMITTED)
        return True

    def handle(self, decoded: Decoded, unit: UnitOfWork) -> None:
        """Let the handler deal with an event in an open unit of work, and emit what follows from it."""
        envelope = decoded.envelope
        context = Context(self.desk.service, unit.session, envelope, self.desk.clock)
        with about(decoded), self.desk.health.meters.event(envelope.type), spans.handling(envelope):
            unit.emit(self.handlers[envelope.type].handle(decoded.message, context))

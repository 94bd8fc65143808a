"""Short work: one event, one transaction with inbox row, effects and outbox rows.

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
        kind = decoded.envelope.type
        with self.desk.health.meters.event(kind):
            done = await self.desk.until_stored(kind, lambda: self._unit(decoded))
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
            if unit.was_done(envelope.id):
                return False
            context = Context(desk.service, unit.session, envelope, desk.clock)
            unit.emit(self.handlers[envelope.type].handle(decoded.message, context))
            unit.mark_done(envelope.id)
            unit.session.flush()
            desk.probe.at(Step.BEFORE_COMMIT)
        desk.probe.at(Step.COMMITTED)
        return True

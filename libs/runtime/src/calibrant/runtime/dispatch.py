"""From a record to the work it asks for, and from an error to what becomes of the record.

Owns that decision: transient errors are tried again, permanent ones and faults are dead letters, what cannot
be read is a dead letter raw, what nobody handles is counted and skipped, and what another process computes is
looked at again later.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from calibrant.bus.errors import PermanentError, PoisonError, TransientError
from calibrant.bus.ports import Record
from calibrant.runtime.dead_letters import Death, raw_event_id, told
from calibrant.runtime.desk import Desk
from calibrant.runtime.intake import Decoded, decode
from calibrant.runtime.leases import ComputedElsewhere
from calibrant.runtime.objects import StoreUnavailable
from calibrant.runtime.probe import Step
from calibrant.runtime.telemetry.bound import bound, event_of, place_of

log = logging.getLogger(__name__)


class Work(Protocol):
    """What can be done with a message: short work or a job."""

    async def attempt(self, decoded: Decoded) -> None:
        """Do it once; whatever is raised says what becomes of the record."""
        ...

    async def failures(self, decoded: Decoded, failed: int, /) -> int:
        """Tell how many attempts have failed, the last one included."""
        ...

    async def give_up(self, record: Record, decoded: Decoded, death: Death, /) -> None:
        """Dead-letter the record, and say so to whom it may concern."""
        ...


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Deals with records, one attempt at a time.

    Parameters
    ----------
    desk : Desk
        The service's database, clock and policies.
    works : mapping
        What does the work, by full name of the message.
    """

    desk: Desk
    works: Mapping[str, Work]

    async def attempt(self, record: Record, failed: int) -> float | None:
        """Deal with a record, whatever it is.

        Parameters
        ----------
        record : Record
            As the bus gave it.
        failed : int
            Attempts that have failed since it was fetched.

        Returns
        -------
        float or None
            None when the record is dealt with and its offset may be committed; else seconds to wait before
            the next attempt.
        """
        with bound(**place_of(record)):
            return await self._attempt(record, failed)

    async def _attempt(self, record: Record, failed: int) -> float | None:
        self.desk.probe.at(Step.FETCHED)
        decoded = await self._take_in(record)
        if decoded is None:
            return None
        with bound(**event_of(decoded.envelope)):
            delay_s = await self._work(record, decoded, failed)
        if failed and delay_s is None:
            self.desk.health.well("objects")
        self.desk.wake_relay()
        return delay_s

    async def _take_in(self, record: Record) -> Decoded | None:
        try:
            decoded = decode(record, frozenset(self.works))
        except PoisonError as error:
            await self.desk.bury(record, Death(raw_event_id(record), "", "poison", told(error), 1))
            return None
        if decoded is None:
            self.desk.health.count("skipped")
        return decoded

    async def _work(self, record: Record, decoded: Decoded, failed: int) -> float | None:
        work = self.works[decoded.envelope.type]
        try:
            await work.attempt(decoded)
        except ComputedElsewhere as elsewhere:
            self.desk.health.count("parked", int(failed == 0))
            return elsewhere.again_s
        except TransientError as error:
            away = isinstance(error, StoreUnavailable)
            attempts = failed + 1 if away else await work.failures(decoded, failed)
            delay_s = self.desk.delay_s(error, attempts)
            if delay_s is None:
                await self._give_up(record, decoded, _death(decoded, "exhausted", error, attempts))
            else:
                log.warning("%s: attempt %d failed: %s", decoded.envelope.type, attempts, error)
            return delay_s
        except PermanentError as error:
            await self._give_up(record, decoded, _death(decoded, "permanent", error, failed + 1))
        except Exception as error:
            log.exception("fault in the handler of %s", decoded.envelope.type)
            await self._give_up(record, decoded, _death(decoded, "fault", error, failed + 1))
        return None

    async def _give_up(self, record: Record, decoded: Decoded, death: Death) -> None:
        """Dead-letter the record; where not even its identifiers can be kept, raw and telling nobody."""
        try:
            await self.works[decoded.envelope.type].give_up(record, decoded, death)
        except PermanentError:
            log.exception("nobody can be told that %s is given up", decoded.envelope.type)
            await self.desk.bury(record, replace(death, event_id=raw_event_id(record)))


def _death(decoded: Decoded, kind: str, cause: Exception, attempts: int) -> Death:
    return Death(
        decoded.envelope.id, decoded.envelope.type, kind, told(cause), attempts, type(cause).__name__
    )

"""A change of the register while it is written: its lines, the events that tell of them, and who, when and why.

Owns when a change is recorded and what its lines have in common. Must not know what a change is for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from calibrant.bus.errors import PermanentError
from calibrant.certify.in_force import record
from calibrant.certify.ledger import EntryRow
from calibrant.certify.tables import ChangeRow, CollectionRow, MemberRow, StageRow
from calibrant.contracts.base import Message
from calibrant.contracts.certify.v1 import CalibrationCertified, CalibrationWithdrawn
from calibrant.contracts.common.v1 import Product, TaiTime
from calibrant.contracts.times import time_range
from calibrant.rules.ledger import LedgerAction
from calibrant.rules.validity import ValidityRange
from calibrant.runtime.ids import derive


class Refused(PermanentError):
    """The register is not changed; the text says why and what to do."""


class NothingToDo(Refused):
    """All that is asked for stands already."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who asks for a change, and why.

    Parameters
    ----------
    change_id : str
        Identifier of the change.
    who, reason : str
        Who asks, and why.
    recorded_tai_ns : int
        When it is recorded, TAI ns: after all that was recorded before.
    run_id : str
        The run it belongs to; empty for none.
    """

    change_id: str
    who: str
    reason: str
    recorded_tai_ns: int
    run_id: str = ""

    @classmethod
    def now(cls, session: Session, now_tai_ns: int, **facts: str) -> Order:
        """Make an order that is recorded now."""
        return cls(recorded_tai_ns=next_recorded(session, now_tai_ns), **facts)


@dataclass(slots=True)
class Change:
    """A change that is being written.

    Parameters
    ----------
    session : Session
        The transaction of the only writer.
    order : Order
        Who, when, why.
    job_id : str
        The job that asks for it; empty for none.
    """

    session: Session
    order: Order
    job_id: str = ""
    events: list[Message] = field(default_factory=list)
    _lines: int = 0

    def certify(
        self,
        product: Product,
        collection: str,
        span: ValidityRange,
        report_id: str,
        *,
        gives_way: bool = False,
    ) -> EntryRow:
        """Write that a product applies over a range, and tell it; it gives way where nobody wished for its end.

        Raises
        ------
        RangeTaken
            The range of another product overlaps; nothing is written.
        """
        row = self._line(LedgerAction.CERTIFY, product, collection, span, report_id, gives_way=gives_way)
        self.events.append(certified(row, self.job_id, row.range, unchanged=False))
        return row

    def withdraw(self, line: EntryRow, span: ValidityRange, *, superseded_by: str = "") -> None:
        """Write that the product of a line does not apply over a range any more, and tell it."""
        row = self._line(LedgerAction.WITHDRAW, line.made_of, line.collection, span, line.report_id)
        self.events.append(
            CalibrationWithdrawn(
                change_id=self.order.change_id,
                product=row.made_of,
                collection=row.collection,
                validity=time_range(span.begin_tai_ns, span.end_tai_ns),
                recorded=TaiTime.from_ns(row.recorded_tai_ns),
                requested_by=row.requested_by,
                reason=row.reason,
                superseded_by=superseded_by,
            )
        )

    def add(self, row: CollectionRow | MemberRow | StageRow) -> None:
        """Write a line about a collection, what is in it, or a stage."""
        self.session.add(row)
        self.session.flush()

    def end(self, action: str, collection: str, told: str, *, wish: str = "", undoes: str = "") -> ChangeRow:
        """Write the change itself.

        Parameters
        ----------
        action, told : str
            What was done: a word, and a sentence.
        collection : str
            Where.
        wish : str
            Digest of what was asked for; empty for none.
        undoes : str
            The change that it undid.
        """
        row = ChangeRow(
            change_id=self.order.change_id,
            action=action,
            collection=collection,
            recorded_tai_ns=self.order.recorded_tai_ns,
            requested_by=self.order.who,
            reason=self.order.reason,
            told=told,
            run_id=self.order.run_id,
            wish=wish,
            undoes=undoes,
        )
        self.session.add(row)
        self.session.flush()
        return row

    def _line(
        self,
        action: LedgerAction,
        product: Product,
        collection: str,
        span: ValidityRange,
        report_id: str,
        *,
        gives_way: bool = False,
    ) -> EntryRow:
        number = str(self._lines)
        name = derive(self.order.change_id, "line", number, product.product_id).replace("-", "")
        row = EntryRow(
            certification_id=f"cert-{name[:12]}",
            action=action.value,
            product_id=product.product_id,
            product=product.to_json().decode(),
            collection=collection,
            kind=product.kind,
            instrument=product.instrument,
            detector=product.detector,
            filter=product.filter,
            **span.model_dump(),
            report_id=report_id,
            job_id=self.job_id,
            gives_way=gives_way,
            **self._said(),
        )
        record(self.session, row)
        self._lines += 1
        return row

    def _said(self) -> dict[str, Any]:
        order = self.order
        return {
            "recorded_tai_ns": order.recorded_tai_ns,
            "requested_by": order.who,
            "reason": order.reason,
            "run_id": order.run_id,
            "change_id": order.change_id,
        }


def certified(row: EntryRow, job_id: str, span: ValidityRange, *, unchanged: bool) -> CalibrationCertified:
    """Tell of a line that certifies, over a range: its own, or what of that is in force."""
    return CalibrationCertified(
        certification_id=row.certification_id,
        job_id=job_id,
        product=row.made_of,
        collection=row.collection,
        validity=time_range(span.begin_tai_ns, span.end_tai_ns),
        report_id=row.report_id,
        recorded=TaiTime.from_ns(row.recorded_tai_ns),
        requested_by=row.requested_by,
        unchanged=unchanged,
        change_id=row.change_id,
        reason=row.reason,
    )


def next_recorded(session: Session, now_tai_ns: int) -> int:
    """Return when a change is recorded: now, and after every earlier one even if a clock was set back.

    So what the register said at an instant is never changed by a line written later.
    """
    last = [session.exec(query).first() for query in _LAST]
    return max([now_tai_ns, *(one + 1 for one in last if one is not None)])


_LAST = tuple(
    select(recorded).order_by(col(number).desc()).limit(1)
    for recorded, number in (
        (EntryRow.recorded_tai_ns, EntryRow.sequence),
        (ChangeRow.recorded_tai_ns, ChangeRow.number),
        (CollectionRow.recorded_tai_ns, CollectionRow.number),
        (MemberRow.recorded_tai_ns, MemberRow.number),
        (StageRow.recorded_tai_ns, StageRow.number),
    )
)

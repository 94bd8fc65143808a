"""Undoing a change: a new change that is its inverse, or the words why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlmodel import Session, col, select

from calibrant.certify import stages
from calibrant.certify.changes import Change, Refused
from calibrant.certify.collections import inside, of_row, put, rewrite, tell
from calibrant.certify.ledger import EntryRow, lines
from calibrant.certify.tables import ChangeRow, CollectionRow, MemberRow, ProductRow, StageRow
from calibrant.rules.collections import Collection, CollectionType
from calibrant.rules.ledger import LedgerEntry, Subject, prevailing
from calibrant.rules.times import utc_text
from calibrant.rules.undoing import Inverse, Overtaken, inverse
from calibrant.rules.validity import ValidityRange


def undo(change: Change, change_id: str) -> ChangeRow:
    """Make the inverse of a change, as a part of another one; return the change that is undone.

    Raises
    ------
    Refused
        There is no such change, it is undone already, or what it changed was changed again since.
    """
    session = change.session
    row = session.exec(select(ChangeRow).where(ChangeRow.change_id == change_id)).first()
    if row is None:
        raise Refused(
            f"there is no change {change_id!r}; `calibrant calibrations history` lists those there are"
        )
    _check_standing(session, row)
    for one in _PARTS:
        one(change, row)
    return row


def _check_standing(session: Session, row: ChangeRow) -> None:
    """Make sure that a change was not undone, unless that was undone itself."""
    later = session.exec(
        select(ChangeRow).where(ChangeRow.undoes == row.change_id).order_by(col(ChangeRow.number).desc())
    ).first()
    if later is None or session.exec(select(ChangeRow).where(ChangeRow.undoes == later.change_id)).first():
        return
    raise Refused(f"{row.change_id} was undone already, by {later.change_id}; undo that one to have it again")


def _ranges(change: Change, row: ChangeRow) -> None:
    session = change.session
    written = session.exec(select(EntryRow).where(EntryRow.change_id == row.change_id)).all()
    steps = [
        (known, _inverse(known, subject, row))
        for subject in dict.fromkeys(line.entry.subject for line in written)
        for known in [lines(session, subject)]
    ]
    for known, back in steps:  # all that is withdrawn first: a move needs the room
        for entry in back.withdrawn:
            change.withdraw(known[entry.sequence], entry.range)
    for known, back in steps:
        for entry in back.certified:
            line = known[entry.sequence]
            change.certify(
                line.made_of, line.collection, entry.range, line.report_id, gives_way=line.gives_way
            )


def _inverse(known: dict[int, EntryRow], subject: Subject, row: ChangeRow) -> Inverse:
    entries = [line.entry for line in known.values() if line.entry.subject == subject]

    def at(as_of_tai_ns: int | None) -> tuple[LedgerEntry, ...]:
        return prevailing(entries, as_of_tai_ns)

    found = inverse(at(row.recorded_tai_ns - 1), at(row.recorded_tai_ns), at(None))
    if isinstance(found, Overtaken):
        stands = "nothing stands there" if found.product_id is None else f"{found.product_id} stands"
        about = [line for line in known.values() if line.entry.subject == subject]
        later = _last_over(about, found.span)
        raise Refused(
            f"{row.change_id} cannot be undone: in {subject.collection}, {stands} {found.span}, since {later}: undo that "
            f"first; `calibrant calibrations history --collection {subject.collection}` shows what was done"
        )
    return found


def _last_over(about: Iterable[EntryRow], span: ValidityRange) -> str:
    """Return the change that wrote the last line over a range."""
    return [line.change_id for line in about if line.entry.range.shared(span)][-1]


def _collections(change: Change, row: ChangeRow) -> None:
    for line in change.session.exec(select(CollectionRow).where(CollectionRow.change_id == row.change_id)):
        history = change.session.exec(
            select(CollectionRow)
            .where(CollectionRow.name == line.name)
            .order_by(col(CollectionRow.number).desc())
        ).all()
        if history[0].number != line.number:
            raise _overtaken(row, line.name, history[0].recorded_tai_ns)
        before = history[1] if len(history) > 1 else None
        stood = before is not None and before.standing
        rewrite(change, of_row(before if before is not None and stood else line), standing=stood)


def _members(change: Change, row: ChangeRow) -> None:
    session, touched = change.session, set()
    for line in session.exec(select(MemberRow).where(MemberRow.change_id == row.change_id)).all():
        same = (MemberRow.collection == line.collection, MemberRow.product_id == line.product_id)
        last = session.exec(select(MemberRow).where(*same).order_by(col(MemberRow.number).desc())).first()
        if last is not None and last.number != line.number:
            raise _overtaken(row, f"{line.product_id} in {line.collection}", last.recorded_tai_ns)
        put(
            change,
            line.collection,
            line.product_id,
            present=not line.present,
            change_id=change.order.change_id,
        )
        touched.add(line.collection)
    for name in sorted(touched):
        there = inside(session, name)
        _check_alone(name, there, row)
        tell(
            change,
            Collection(name=name, type=CollectionType.TAGGED),
            [one.product_id for one in there],
        )


def _check_alone(name: str, there: list[ProductRow], row: ChangeRow) -> None:
    subjects: dict[Subject, str] = {}
    for one in there:
        other = subjects.setdefault(one.subject(name), one.product_id)
        if other != one.product_id:
            raise Refused(
                f"{row.change_id} cannot be undone: {name} would hold {other} and {one.product_id} for the same; "
                "take one out first"
            )


def _stages(change: Change, row: ChangeRow) -> None:
    for line in change.session.exec(select(StageRow).where(StageRow.change_id == row.change_id)).all():
        stage = stages.Stage(line.stage)
        last = stages.said(change.session, line.collection, line.product_id, stage)
        if last is not None and last.number != line.number:
            what = f"the {line.stage} of {line.product_id} in {line.collection}"
            raise _overtaken(row, what, last.recorded_tai_ns)
        stages.say(change, line.collection, line.product_id, stage, reached=not line.reached)


def _overtaken(row: ChangeRow, what: str, at_tai_ns: int) -> Refused:
    return Refused(
        f"{row.change_id} cannot be undone: {what} was changed later, {utc_text(at_tai_ns)}; undo that first"
    )


_PARTS: Final = (_ranges, _collections, _members, _stages)

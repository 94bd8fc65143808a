"""The five stages that a product in a collection passes: generation, verification, certification, approval, distribution.

Owns the lines of the last two, which somebody says; the first three are read off what else is known.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from calibrant.certify.changes import Change, Order
from calibrant.certify.ledger import EntryRow
from calibrant.certify.reports import ReportRow
from calibrant.certify.tables import ProductRow, StageRow
from calibrant.contracts.archive.v1 import ProductPublished
from calibrant.contracts.certify.v1 import StageReached
from calibrant.contracts.common.v1 import TaiTime
from calibrant.frames.times import utc_text


class Stage(StrEnum):
    """What a calibration passes, in order."""

    GENERATION = "generation"
    VERIFICATION = "verification"
    CERTIFICATION = "certification"
    APPROVAL = "approval"
    DISTRIBUTION = "distribution"


def said(session: Session, collection: str, product_id: str, stage: Stage) -> StageRow | None:
    """Return what was last said of a stage; None: nothing ever was."""
    same = (
        StageRow.product_id == product_id,
        StageRow.collection == collection,
        StageRow.stage == stage.value,
    )
    return session.exec(select(StageRow).where(*same).order_by(col(StageRow.number).desc())).first()


def say(
    change: Change, collection: str, product_id: str, stage: Stage, *, reached: bool, own: bool = True
) -> bool:
    """Write that a stage is reached, or is not any more, and tell it; return whether that is news.

    ``own`` is false where an event told of it, not a change of somebody's.
    """
    before = said(change.session, collection, product_id, stage)
    if (before is not None and before.reached) == reached:
        return False
    order = change.order
    row = StageRow(
        change_id=order.change_id if own else "",
        collection=collection,
        product_id=product_id,
        stage=stage.value,
        reached=reached,
        recorded_tai_ns=order.recorded_tai_ns,
        said_by=order.who,
        reason=order.reason,
    )
    change.add(row)
    change.events.append(
        StageReached(
            change_id=row.change_id,
            recorded=TaiTime.from_ns(row.recorded_tai_ns),
            **row.model_dump(include={"collection", "product_id", "stage", "reached", "said_by", "reason"}),
        )
    )
    return True


def distributed(session: Session, published: ProductPublished, now_tai_ns: int) -> list[StageReached]:
    """Note that the archive has published a product of a collection."""
    reason = f"published as {published.publication_id}, version {published.version}"
    change = Change(session, Order.now(session, now_tai_ns, change_id="", who="archive", reason=reason))
    say(change, published.collection, published.product_id, Stage.DISTRIBUTION, reached=True, own=False)
    return [event for event in change.events if isinstance(event, StageReached)]


def stages_of(session: Session, line: EntryRow) -> list[dict[str, Any]]:
    """Return the stages of a certification, in order.

    Returns
    -------
    list of dict
        Each with ``stage, reached, when`` (UTC; None: not known, or not reached) ``, who, why``.
    """
    built = session.exec(select(ProductRow).where(ProductRow.product_id == line.product_id)).first()
    report = session.exec(
        select(ReportRow).where(
            ReportRow.report_id == line.report_id, ReportRow.product_id == line.product_id
        )
    ).first()
    run = built.run_id if built is not None else line.run_id
    return [
        _told(Stage.GENERATION, None if built is None else built.recorded_tai_ns, "combine", f"run {run}"),
        _told(
            Stage.VERIFICATION,
            None if report is None else report.told_tai_ns,
            "verify",
            f"report {line.report_id}",
        ),
        _told(Stage.CERTIFICATION, line.recorded_tai_ns, line.requested_by, line.reason),
        *(_later(session, line, stage) for stage in (Stage.APPROVAL, Stage.DISTRIBUTION)),
    ]


def _told(stage: Stage, at_tai_ns: int | None, who: str, why: str) -> dict[str, Any]:
    return {"stage": stage.value, "reached": True, "when": utc_text(at_tai_ns), "who": who, "why": why}


def _later(session: Session, line: EntryRow, stage: Stage) -> dict[str, Any]:
    row = said(session, line.collection, line.product_id, stage)
    if row is None:
        return {"stage": stage.value, "reached": False, "when": None, "who": None, "why": None}
    told = _told(stage, row.recorded_tai_ns, row.said_by, row.reason)
    return told | {"reached": row.reached}

"""Plans as rows: nodes, frames and the calibrations in force, to and from the models that planning uses."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from sqlalchemy import and_, not_, or_
from sqlmodel import Session, col, select

from calibrant.contracts.certify.v1 import CalibrationCertified
from calibrant.contracts.common.v1 import Product
from calibrant.contracts.ingest.v1 import Frame
from calibrant.rules.ledger import FILTER_KINDS
from calibrant.rules.validity import ValidityRange
from calibrant.sequencer.plan.model import Certified, Draft, Node
from calibrant.sequencer.store.tables import AcquisitionRow, CalibrationRow, FrameRow, NodeRow

MOST_OTHERS = 10
"""Certified calibrations of other filters and times that are named with the reason why not."""


def load_draft(session: Session, run_id: str) -> list[Node]:
    """Return the plan nodes of a run, in an order that is always the same."""
    rows = session.exec(
        select(NodeRow.node_json)
        .where(NodeRow.run_id == run_id)
        .order_by(
            col(NodeRow.rank),
            col(NodeRow.set_key),
            col(NodeRow.detector),
            col(NodeRow.type),
            col(NodeRow.node_id),
        )
    )
    return [Node.model_validate_json(text) for text in rows]


def save_draft(session: Session, draft: Draft) -> None:
    """Store what changed in a plan."""
    for node_id in sorted(draft.removed):
        row = session.get(NodeRow, node_id)
        if row is not None:
            session.delete(row)
    for node_id in sorted(draft.changed):
        node = draft.get(node_id)
        if node is not None:
            session.merge(_row(node))
    session.flush()


def load_frames(session: Session, run_id: str) -> dict[str, Frame]:
    """Return the frames of a run's closed acquisitions, by id."""
    rows = session.exec(
        select(FrameRow.frame_json)
        .join(AcquisitionRow, col(AcquisitionRow.acquisition_id) == FrameRow.acquisition_id)
        .where(FrameRow.run_id == run_id, AcquisitionRow.state != "open")
        .order_by(FrameRow.frame_id, FrameRow.job_id)
    )
    frames = [Frame.from_json(text.encode()) for text in rows]
    return {frame.frame_id: frame for frame in reversed(frames)}


class StoredFrames(Mapping[str, Frame]):
    """Frames of a run's closed acquisitions, read when first asked for.

    Parameters
    ----------
    session : Session
        The transaction.
    run_id : str
        The run.
    """

    def __init__(self, session: Session, run_id: str) -> None:
        self._session = session
        self._run_id = run_id

    @cached_property
    def _frames(self) -> dict[str, Frame]:
        return load_frames(self._session, self._run_id)

    def __getitem__(self, frame_id: str) -> Frame:
        return self._frames[frame_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


class StoredCertifications:
    """Calibrations certified for an instrument in a collection.

    Parameters
    ----------
    session : Session
        The transaction.
    instrument, collection : str
        Whose, and where.
    """

    def __init__(self, session: Session, instrument: str, collection: str) -> None:
        self._session = session
        self._mine = (CalibrationRow.instrument == instrument, CalibrationRow.collection == collection)

    def __call__(
        self, kind: str, detector: int, filter_name: str | None, at_tai_ns: int
    ) -> Sequence[Certified]:
        """Return all valid for a subject at an instant, the last recorded first; then a few others, to say why not.

        The filter counts for kinds that have one.
        """
        of_kind = (*self._mine, CalibrationRow.kind == kind, CalibrationRow.detector == detector)
        begin, end = col(CalibrationRow.begin_tai_ns), col(CalibrationRow.end_tai_ns)
        fits = and_(or_(begin.is_(None), begin <= at_tai_ns), or_(end.is_(None), end > at_tai_ns))
        if kind in FILTER_KINDS:
            fits = and_(fits, col(CalibrationRow.filter).is_not_distinct_from(filter_name))
        latest = (col(CalibrationRow.recorded_tai_ns).desc(), col(CalibrationRow.certification_id))
        found = select(CalibrationRow).where(*of_kind).order_by(*latest)
        fitting = self._session.exec(found.where(fits)).all()
        others = self._session.exec(found.where(not_(fits)).limit(MOST_OTHERS)).all()
        return [
            Certified(
                product=Product.from_json(row.product_json.encode()),
                range=ValidityRange(begin_tai_ns=row.begin_tai_ns, end_tai_ns=row.end_tai_ns),
            )
            for row in (*fitting, *others)
        ]


def keep_certification(session: Session, certified: CalibrationCertified) -> None:
    """Take a certification into the read model."""
    begin, end = certified.validity.begin, certified.validity.end
    session.merge(
        CalibrationRow(
            certification_id=certified.certification_id,
            collection=certified.collection,
            instrument=certified.product.instrument,
            kind=certified.product.kind,
            detector=certified.product.detector,
            filter=certified.product.filter,
            begin_tai_ns=None if begin is None else begin.ns,
            end_tai_ns=None if end is None else end.ns,
            recorded_tai_ns=certified.recorded.ns,
            product_json=certified.product.to_json().decode(),
        )
    )


def _row(node: Node) -> NodeRow:
    return NodeRow(
        node_id=node.node_id,
        run_id=node.run_id,
        job_id=node.job_id,
        rank=node.rank,
        type=node.type,
        kind=node.kind,
        set_key=node.set_key,
        detector=node.detector,
        state=node.state,
        node_json=node.model_dump_json(exclude_defaults=True),
    )

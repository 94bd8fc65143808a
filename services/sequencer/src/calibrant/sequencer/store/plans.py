"""Plans as rows: nodes, frames and the calibrations in force, to and from the models that planning uses."""

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from sqlalchemy import ColumnElement, and_, not_, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from calibrant.contracts.ingest.v1 import Frame
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.sequencer.control import Held
from calibrant.sequencer.plan.model import ENDED, PENDING, Draft, Node, NodeState, NodeType
from calibrant.sequencer.states import ON_CAMERA
from calibrant.sequencer.store.tables import AcquisitionRow, FrameRow, NodeRow, RunRow

OPEN = tuple(state for state in NodeState if state not in ENDED)
"""States of nodes that are still to end."""

Detectors = Collection[int]


def request_of(run: RunRow) -> RunRequested:
    """Return what a run was asked for."""
    return requested(run.request_json)


def requested(request_json: str) -> RunRequested:
    """Return a request that was written down."""
    return RunRequested.from_json(request_json.encode())


def waiting_for(session: Session, job_id: str, product_id: str | None) -> dict[str, set[int | None]]:
    """Return the runs that wait for a job, each with the detectors of the nodes that do; None: of all together.

    Parameters
    ----------
    session : Session
        The transaction.
    job_id : str
        The job.
    product_id : str or None
        The product that is waited for, where the job is about many.
    """
    waiting = [col(NodeRow.job_id) == job_id, col(NodeRow.state).in_(PENDING)]
    if product_id is not None:
        waiting.append(col(NodeRow.product_id) == product_id)
    runs: dict[str, set[int | None]] = {}
    for run_id, detector in session.exec(select(NodeRow.run_id, NodeRow.detector).where(*waiting)):
        runs.setdefault(run_id, set()).add(detector)
    return runs


def load_draft(session: Session, run_id: str, detectors: Detectors | None = None) -> list[Node]:
    """Return the plan nodes of a run, in an order that is always the same.

    Parameters
    ----------
    session : Session
        The transaction.
    run_id : str
        The run.
    detectors : collection of int or None
        Only the nodes about these, and the decisions that were taken; None: all nodes.
    """
    wanted = [col(NodeRow.run_id) == run_id]
    if detectors is not None:
        taken = and_(
            col(NodeRow.detector).is_(None),
            col(NodeRow.type) == NodeType.DECIDE,
            col(NodeRow.state).not_in(OPEN),
        )
        wanted.append(or_(col(NodeRow.detector).in_(detectors), taken))
    rows = session.exec(
        select(NodeRow.node_json)
        .where(*wanted)
        .order_by(
            col(NodeRow.rank),
            col(NodeRow.set_key),
            col(NodeRow.detector).nulls_first(),
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


def decision_due(session: Session, run_id: str, draft: Draft) -> bool:
    """Tell whether a decision may be due once what changed in a part of a plan is stored."""
    changed = [node for node in map(draft.get, draft.changed) if node is not None]
    ended = [node.node_id for node in changed if node.ended]
    decide, measure = aliased(NodeRow), aliased(NodeRow)
    measured_later = (
        select(measure.node_id)
        .where(
            measure.run_id == run_id,
            col(measure.state).in_(OPEN),
            measure.type == NodeType.MEASURE,
            measure.kind == decide.kind,
            measure.set_key == decide.set_key,
            col(measure.node_id).not_in(ended),
        )
        .exists()
    )
    due = select(decide.node_id).where(
        decide.run_id == run_id,
        decide.state == NodeState.WAITING,
        decide.type == NodeType.DECIDE,
        col(decide.kind).in_({node.kind for node in changed}),
        not_(measured_later),
    )
    return session.exec(due).first() is not None


def count_nodes(session: Session, run_id: str) -> tuple[int, int]:
    """Return how many nodes of a run have ended, and how many there are."""
    rows = session.exec(
        select(NodeRow.state, func.count()).where(NodeRow.run_id == run_id).group_by(NodeRow.state)
    )
    counts = dict(rows.all())
    return sum(number for state, number in counts.items() if state not in OPEN), sum(counts.values())


def open_types(session: Session, run_id: str) -> set[str]:
    """Return the types of a run's nodes that have not ended."""
    still = (NodeRow.run_id == run_id, col(NodeRow.state).in_(OPEN))
    return set(session.exec(select(NodeRow.type).where(*still).distinct()))


def waits_for_people() -> ColumnElement[bool]:
    """Return the condition that a run waits for people's decisions alone: all its frames are there, all jobs answered.

    What else of it has not ended depends on a decision.
    """

    def has(state: NodeState) -> ColumnElement[bool]:
        return select(NodeRow.node_id).where(NodeRow.run_id == RunRow.run_id, NodeRow.state == state).exists()

    free = and_(col(RunRow.state).not_in(ON_CAMERA), col(RunRow.held) == Held.NOT)
    return and_(free, has(NodeState.ASKED), not_(has(NodeState.SENT)))


def load_frames(session: Session, run_id: str, detectors: Detectors | None = None) -> dict[str, Frame]:
    """Return the frames of a run's closed acquisitions, by id; of some detectors alone, if given."""
    wanted = [col(FrameRow.run_id) == run_id, col(AcquisitionRow.state) != "open"]
    if detectors is not None:
        wanted.append(col(FrameRow.detector).in_(detectors))
    rows = session.exec(
        select(FrameRow.frame_json)
        .join(AcquisitionRow, col(AcquisitionRow.acquisition_id) == FrameRow.acquisition_id)
        .where(*wanted)
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
    detectors : collection of int or None
        Only the frames of these.
    """

    def __init__(self, session: Session, run_id: str, detectors: Detectors | None = None) -> None:
        self._session = session
        self._run_id = run_id
        self._detectors = detectors

    @cached_property
    def _frames(self) -> dict[str, Frame]:
        return load_frames(self._session, self._run_id, self._detectors)

    def __getitem__(self, frame_id: str) -> Frame:
        return self._frames[frame_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)


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
        product_id=node.product_id,
        state=node.state,
        node_json=node.model_dump_json(exclude_defaults=True),
    )

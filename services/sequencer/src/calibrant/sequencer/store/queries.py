"""What people and programs may ask of the sequencer: the API's and the command line's one query class."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, Field
from sqlmodel import Session, col, func, select

from calibrant.contracts.camera.v1 import AckCode
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.sequencer.plan.model import Node, NodeState
from calibrant.sequencer.plan.places import all_searched
from calibrant.sequencer.states import ENDED
from calibrant.sequencer.store.certified import chain_trouble
from calibrant.sequencer.store.plans import load_draft
from calibrant.sequencer.store.tables import (
    AcquisitionRow,
    CameraRow,
    CommandRow,
    FileRow,
    RunRow,
    StepRow,
)
from calibrant.sequencer.store.withdrawn import waiting_for_it

TYPE_ORDER = ("build", "measure", "decide", "certify")


class RunLine(BaseModel):
    """One run in a listing."""

    run_id: str
    instrument: str
    what: str = Field(description="the folder, or how many exposures")
    state: str = Field(description="a `RunState`")
    held: str = Field(
        default="", description="paused; stopping, until the exposure that has begun is in; or empty"
    )
    message: str = Field(description="what became of it; before its end: why it does not go on now")
    begun_tai_ns: int
    ended_tai_ns: int | None


class Count(BaseModel):
    """How many of something are at which place."""

    done: int = 0
    failed: int = 0
    total: int | None = Field(default=0, description="None while nobody knows")


class NodeLine(BaseModel):
    """One plan node."""

    type: str
    kind: str
    set: str
    detector: int | None
    state: str
    reason: str
    notes: tuple[str, ...]
    product_id: str
    report_id: str
    used: dict[str, str] = Field(description="role to product id")
    frames: int
    certification_id: str
    begin_tai_ns: int | None = Field(description="of the certification")
    end_tai_ns: int | None = Field(description="of the certification; None: open")
    job_id: str


class RejectedFile(BaseModel):
    """A file that was refused."""

    file_name: str
    reason: str
    message: str


class RunView(BaseModel):
    """A run as a whole."""

    run: RunLine
    phase: str = Field(
        description="its state, or why it does not go on: paused, stopping, waiting for the camera, waiting for its chains, "
        "waiting for a person"
    )
    exposures: Count
    files: Count
    nodes: dict[str, dict[str, int]] = Field(description="number of nodes by type and state")
    rows: list[NodeLine]
    rejected: list[RejectedFile]
    acquisitions: list[dict[str, Any]]


class SequencerQueries:
    """Reads runs and their plans.

    Parameters
    ----------
    session : Session
        A reading transaction.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def runs(self, limit: int = 100) -> list[RunLine]:
        """Return the latest runs, the newest first."""
        rows = self._session.exec(select(RunRow).order_by(col(RunRow.number).desc()).limit(limit)).all()
        going = [row for row in rows if row.state not in ENDED]
        stalled = self._unsettled(going) | self._held_up(going)
        return [_line(row, stalled.get(row.run_id, "")) for row in rows]

    def run(self, run_id: str) -> RunView | None:
        """Return all that is known of a run; None for one that does not exist."""
        row = self._session.get(RunRow, run_id)
        if row is None:
            return None
        nodes = sorted(load_draft(self._session, run_id), key=_order)
        counts: dict[str, dict[str, int]] = {}
        for node in nodes:
            of_type = counts.setdefault(str(node.type), {})
            of_type[str(node.state)] = of_type.get(str(node.state), 0) + 1
        acquisitions = self._session.exec(
            select(AcquisitionRow)
            .where(AcquisitionRow.run_id == run_id)
            .order_by(col(AcquisitionRow.ordinal))
        ).all()
        stalled = self._held_up([row] if row.state not in ENDED else []).get(run_id, "")
        waits = row.camera_by_tai_ns is not None or stalled
        unsettled = self._unsettled([row] if row.state not in ENDED else []).get(run_id, "")
        asked = _asked(nodes)
        waiting = [
            (row.held, row.held),
            ("waiting for the camera", waits),
            ("waiting for its chains", unsettled),
            ("waiting for a person", asked),
        ]
        return RunView(
            run=_line(row, stalled or unsettled or asked),
            phase=next((phase for phase, why in waiting if why), row.state),
            exposures=self._exposures(run_id),
            files=self._files(run_id, [a.files_expected for a in acquisitions if a.folder]),
            nodes=counts,
            rows=[_node(node) for node in nodes],
            rejected=self._rejected(run_id),
            acquisitions=[a.model_dump(exclude={"run_id"}) for a in acquisitions],
        )

    def unfinished(self, request_key: str) -> str | None:
        """Return the run with the same request that has not finished, the latest; None when there is none."""
        same = (RunRow.request_key == request_key, col(RunRow.state).not_in(ENDED))
        return self._session.exec(
            select(RunRow.run_id).where(*same).order_by(col(RunRow.number).desc())
        ).first()

    def finished(self, run_id: str) -> bool:
        """Tell whether a run has ended."""
        row = self._session.get(RunRow, run_id)
        return row is not None and row.state in ENDED

    def cameras(self) -> dict[str, str]:
        """Return the summary state of each camera, as last told."""
        return {row.component: row.summary_state for row in self._session.exec(select(CameraRow))}

    def _held_up(self, rows: Sequence[RunRow]) -> dict[str, str]:
        """Return why runs get no image of their camera: it says so, or somebody has disabled it."""
        return waiting_for_it(self._session, rows) | self._stalled(row.run_id for row in rows)

    def _stalled(self, run_ids: Iterable[str]) -> dict[str, str]:
        """Return why the camera takes no image for runs, where it says so."""
        stalled = (CommandRow.state == "open", CommandRow.ack == AckCode.STALLED.name)
        rows = self._session.exec(select(CommandRow).where(col(CommandRow.run_id).in_(run_ids), *stalled))
        return {row.run_id: f"camera {row.component} takes no image: {row.result}" for row in rows}

    def _unsettled(self, rows: Iterable[RunRow]) -> dict[str, str]:
        """Return why no calibration can be looked up for runs, where the chains they search lead nowhere."""
        places = {row.run_id: all_searched(RunRequested.from_json(row.request_json.encode())) for row in rows}
        named = {place for searched in places.values() for place in searched}
        troubles = {place: chain_trouble(self._session, place) for place in sorted(named)}
        first = {run_id: next(filter(None, map(troubles.get, one)), "") for run_id, one in places.items()}
        return {run_id: trouble for run_id, trouble in first.items() if trouble}

    def _exposures(self, run_id: str) -> Count:
        rows = self._session.exec(
            select(StepRow.state, func.count()).where(StepRow.run_id == run_id).group_by(StepRow.state)
        )
        states = dict(rows.all())
        return Count(done=states.get("done", 0), failed=states.get("failed", 0), total=sum(states.values()))

    def _files(self, run_id: str, listed: list[int | None]) -> Count:
        rows = self._session.exec(
            select(FileRow.state, func.count()).where(FileRow.run_id == run_id).group_by(FileRow.state)
        )
        states = dict(rows.all())
        total = listed[0] if listed else sum(states.values())
        return Count(done=states.get("ingested", 0), failed=states.get("rejected", 0), total=total)

    def _rejected(self, run_id: str) -> list[RejectedFile]:
        mine = (FileRow.run_id == run_id, col(FileRow.state).in_(("rejected", "late")))
        rows = self._session.exec(select(FileRow).where(*mine).order_by(col(FileRow.file_name)))
        return [
            RejectedFile(file_name=r.file_name or r.job_id, reason=r.reason or r.state, message=r.message)
            for r in rows
        ]


def _asked(nodes: Iterable[Node]) -> str:
    """Say that a run waits for people; nothing while workers have something in hand."""
    states = [node.state for node in nodes]
    asked = states.count(NodeState.ASKED)
    if not asked or NodeState.SENT in states:
        return ""
    return f"{asked} calibration{'s wait' if asked > 1 else ' waits'} for a person: see `calibrant waiting`"


def _line(row: RunRow, stalled: str) -> RunLine:
    request = json.loads(row.request_json)
    taken = sum(len(e["exposure_times_s"]) for e in request["exposures"])
    return RunLine(
        run_id=row.run_id,
        instrument=row.instrument,
        what=request["folder"] or f"{taken} exposures",
        state=row.state,
        held=row.held,
        message=row.message or stalled,
        begun_tai_ns=row.begun_tai_ns,
        ended_tai_ns=row.ended_tai_ns,
    )


def _order(node: Node) -> tuple[int, str, int, int]:
    detector = 10**9 if node.detector is None else node.detector
    return (node.rank, node.set_key, TYPE_ORDER.index(node.type), detector)


def _node(node: Node) -> NodeLine:
    begin = node.validity.begin if node.validity is not None else None
    end = node.validity.end if node.validity is not None else None
    return NodeLine(
        type=node.type,
        kind=node.kind,
        set=node.set_key,
        detector=node.detector,
        state=node.state,
        reason=node.reason,
        notes=node.notes,
        product_id=node.product_id,
        report_id=node.report_id,
        used={used.role: used.product.product_id for used in node.used},
        frames=len(node.frames),
        certification_id=node.certification_id,
        begin_tai_ns=None if begin is None else begin.ns,
        end_tai_ns=None if end is None else end.ns,
        job_id=node.job_id,
    )

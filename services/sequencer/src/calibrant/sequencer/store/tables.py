"""The sequencer's tables. Every state of every run is here, so that a kill at any moment loses nothing.

Owns their shape; ``migrations/`` creates them. Times are TAI nanoseconds; columns named ``*_json`` hold the JSON
of contract messages or plan nodes.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Text
from sqlmodel import Field, SQLModel


def _ns(*, nullable: bool = False) -> Column[int]:
    return Column(BigInteger, nullable=nullable)


def _text() -> Column[str]:
    return Column(Text, nullable=False)


class RunRow(SQLModel, table=True):
    """A run: what was asked for, and how far it is."""

    __tablename__ = "sequencer_run"

    run_id: str = Field(primary_key=True)
    number: int = Field(index=True, description="order in which runs were accepted, and get a camera")
    request_json: str = Field(sa_column=_text())
    request_key: str = Field(index=True, description="hash of the request without the run's id")
    instrument: str
    component: str = Field(description="camera it commands; empty for a folder")
    state: str = Field(description="a `RunState`")
    held: str = Field(default="", description="a `Held`: why it does not go on")
    retries: int = Field(default=0, description="how often what failed of it was done again")
    planned: str = Field(default="", description="kinds planned so far, with commas")
    camera_by_tai_ns: int | None = Field(default=None, sa_column=_ns(nullable=True))
    rest_until_tai_ns: int | None = Field(
        default=None, sa_column=_ns(nullable=True), description="its camera is not commanded before, TAI ns"
    )
    finish_by_tai_ns: int | None = Field(
        default=None,
        sa_column=_ns(nullable=True),
        description="when it is ended whatever is left, TAI ns; None: never, or exposures are to come",
    )
    message: str = Field(default="", sa_column=_text())
    begun_tai_ns: int = Field(sa_column=_ns())
    taken_tai_ns: int | None = Field(
        default=None, sa_column=_ns(nullable=True), description="when its last frame was there"
    )
    ended_tai_ns: int | None = Field(default=None, sa_column=_ns(nullable=True))


class AcquisitionRow(SQLModel, table=True):
    """Frames that are made to appear: exposures of one type, or the files of a folder."""

    __tablename__ = "sequencer_acquisition"

    acquisition_id: str = Field(primary_key=True)
    run_id: str = Field(index=True)
    ordinal: int
    image_type: str = Field(description="BIAS, DARK, FLAT, SPOT; empty for a folder")
    filter: str = ""
    folder: str = ""
    state: str = Field(
        description="open, overdue (what has not come is given up, and it is closed when the run goes on), closed or failed"
    )
    frames_by_tai_ns: int | None = Field(
        default=None,
        sa_column=_ns(nullable=True),
        description="until when its files are waited for, TAI ns; None while exposures are to come",
    )
    missing: int = Field(default=0, description="images and files that had not come by then")
    files_expected: int | None = Field(default=None, description="of a folder, once it is listed")
    reason: str = Field(default="", sa_column=_text())


class StepRow(SQLModel, table=True):
    """One exposure to take."""

    __tablename__ = "sequencer_step"

    step_id: str = Field(primary_key=True)
    run_id: str = Field(index=True)
    acquisition_id: str = Field(index=True)
    position: int = Field(description="place in the run, from 1")
    exposure_time_s: float
    state: str = Field(description="waiting, commanded, done or failed")
    attempts: int = 0
    reason: str = Field(default="", sa_column=_text())


class CommandRow(SQLModel, table=True):
    """A command to a camera: one attempt at an exposure or at a change of state."""

    __tablename__ = "sequencer_command"

    command_id: str = Field(primary_key=True)
    run_id: str = Field(index=True)
    step_id: str = Field(index=True)
    component: str = Field(index=True)
    name: str = Field(description="start, enable, standby or takeImages")
    attempt: int
    state: str = Field(
        description="open, settling (done, its state not yet seen), complete, failed, stalled (it ended "
        "while the camera had no room), or put off (it is given again: the "
        "camera was busy, or in another state)"
    )
    from_state: str = Field(description="summary state in which it was given")
    begin_by_tai_ns: int = Field(sa_column=_ns(), description="its deadline")
    answer_by_tai_ns: int = Field(sa_column=_ns())
    ack: str = Field(description="code of the last answer; UNSPECIFIED before the first")
    image_names: str = Field(default="", description="with commas")
    result: str = Field(default="", sa_column=_text())


class CameraRow(SQLModel, table=True):
    """Read model of a camera's summary state, and of the instrument that it says it reads out."""

    __tablename__ = "sequencer_camera"

    component: str = Field(primary_key=True)
    summary_state: str
    instrument: str = ""
    reason: str = Field(default="", sa_column=_text())
    withdrawn_tai_ns: int | None = Field(
        default=None,
        sa_column=_ns(nullable=True),
        description="since when it is disabled, TAI ns: runs begun before do not enable it",
    )


class ExposureRow(SQLModel, table=True):
    """An exposure that is in the object store."""

    __tablename__ = "sequencer_exposure"

    acquisition_id: str = Field(primary_key=True)
    image_name: str = Field(primary_key=True)
    files: int
    file_names: str = Field(sa_column=_text(), description="with slashes")


class FileRow(SQLModel, table=True):
    """What became of a file that ingest took in hand."""

    __tablename__ = "sequencer_file"
    __table_args__ = (Index("ix_sequencer_file_state", "acquisition_id", "state"),)

    run_id: str = Field(primary_key=True)
    job_id: str = Field(primary_key=True, description="ingest job")
    acquisition_id: str = Field(default="", description="empty: of the run's, it is not known which")
    file_name: str = ""
    frames_expected: int = 0
    state: str = Field(description="ingesting, ingested, rejected or late")
    reason: str = Field(default="", description="reason code of a rejection")
    message: str = Field(default="", sa_column=_text())


class FrameRow(SQLModel, table=True):
    """A frame that may be planned with."""

    __tablename__ = "sequencer_frame"
    __table_args__ = (Index("ix_sequencer_frame_detector", "run_id", "detector"),)

    run_id: str = Field(primary_key=True)
    job_id: str = Field(primary_key=True)
    frame_id: str = Field(primary_key=True)
    acquisition_id: str = Field(index=True)
    detector: int
    frame_json: str = Field(sa_column=_text())


class NodeRow(SQLModel, table=True):
    """A plan node; the whole of it is the JSON, the columns are for finding it."""

    __tablename__ = "sequencer_node"
    __table_args__ = (
        Index("ix_sequencer_node_detector", "run_id", "detector"),
        Index("ix_sequencer_node_state", "run_id", "state", "type", "kind", "set_key"),
    )

    node_id: str = Field(primary_key=True)
    run_id: str
    job_id: str = Field(index=True)
    rank: int
    type: str
    kind: str
    set_key: str
    detector: int | None = None
    product_id: str = Field(default="", description="of what is made, measured or certified")
    state: str
    node_json: str = Field(sa_column=_text())


class CalibrationRow(SQLModel, table=True):
    """Read model of a certification, or of a part of one that is left where a range was withdrawn."""

    __tablename__ = "sequencer_calibration"
    __table_args__ = (Index("ix_sequencer_calibration_subject", "collection", "kind", "detector", "filter"),)

    certification_id: str = Field(primary_key=True)
    collection: str
    instrument: str
    kind: str
    detector: int
    filter: str | None = None
    begin_tai_ns: int | None = Field(default=None, sa_column=_ns(nullable=True))
    end_tai_ns: int | None = Field(default=None, sa_column=_ns(nullable=True))
    recorded_tai_ns: int = Field(sa_column=_ns())
    product_id: str = Field(index=True)
    product_json: str = Field(sa_column=_text())


class ChainRow(SQLModel, table=True):
    """What a chained collection searches."""

    __tablename__ = "sequencer_chain"

    name: str = Field(primary_key=True)
    members_json: str = Field(sa_column=_text(), description="names, the first searched first")


TABLES = (
    RunRow,
    AcquisitionRow,
    StepRow,
    CommandRow,
    CameraRow,
    ExposureRow,
    FileRow,
    FrameRow,
    NodeRow,
    CalibrationRow,
    ChainRow,
)

"""Runs, acquisitions, steps, commands, files, frames, plan nodes and the read models planned from."""

import sqlalchemy as sa
from alembic import op

revision = "sequencer_0001"
down_revision = None
branch_labels = ("sequencer",)
depends_on = None

INDEXES = {
    "run": ("number", "request_key"),
    "acquisition": ("run_id",),
    "step": ("run_id", "acquisition_id"),
    "command": ("run_id", "step_id", "component"),
    "frame": ("acquisition_id",),
    "node": ("job_id",),
    "entry": ("component",),
    "schedule": ("component",),
}
TABLES = (
    "run",
    "acquisition",
    "step",
    "command",
    "camera",
    "exposure",
    "file",
    "frame",
    "node",
    "calibration",
    "chain",
    "queue",
    "entry",
    "schedule",
    "answer",
    "result",
)


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String, primary_key=True)


def _string(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _integer(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=nullable)


def _ns(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _strings(*names: str) -> list[sa.Column[str]]:
    return [_string(name) for name in names]


def upgrade() -> None:
    _runs()
    _acquisitions()
    _frames()
    _plans()
    _queues()
    _results()
    for table, columns in INDEXES.items():
        for column in columns:
            op.create_index(f"ix_sequencer_{table}_{column}", f"sequencer_{table}", [column])


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(f"sequencer_{table}")


def _runs() -> None:
    op.create_table(
        "sequencer_run",
        _key("run_id"),
        _integer("number"),
        _text("request_json"),
        *_strings("request_key", "instrument", "component", "state", "held"),
        _integer("retries"),
        _string("planned"),
        _ns("camera_by_tai_ns", nullable=True),
        _ns("rest_until_tai_ns", nullable=True),
        _ns("finish_by_tai_ns", nullable=True),
        _text("message"),
        _ns("begun_tai_ns"),
        _ns("taken_tai_ns", nullable=True),
        _ns("ended_tai_ns", nullable=True),
    )


def _acquisitions() -> None:
    op.create_table(
        "sequencer_acquisition",
        _key("acquisition_id"),
        _string("run_id"),
        _integer("ordinal"),
        *_strings("image_type", "filter", "folder", "state"),
        _ns("frames_by_tai_ns", nullable=True),
        _integer("missing"),
        _integer("files_expected", nullable=True),
        _text("reason"),
    )
    op.create_table(
        "sequencer_step",
        _key("step_id"),
        *_strings("run_id", "acquisition_id"),
        _integer("position"),
        sa.Column("exposure_time_s", sa.Float, nullable=False),
        _string("state"),
        _integer("attempts"),
        _text("reason"),
    )
    op.create_table(
        "sequencer_command",
        _key("command_id"),
        *_strings("run_id", "step_id", "component", "name"),
        _integer("attempt"),
        *_strings("state", "from_state"),
        _ns("begin_by_tai_ns"),
        _ns("answer_by_tai_ns"),
        *_strings("ack", "image_names"),
        _text("result"),
    )
    op.create_table(
        "sequencer_camera",
        _key("component"),
        _string("summary_state"),
        _string("instrument"),
        _text("reason"),
        sa.Column("withdrawn_tai_ns", sa.BigInteger, nullable=True),
    )


def _frames() -> None:
    op.create_table(
        "sequencer_exposure",
        _key("acquisition_id"),
        _key("image_name"),
        _integer("files"),
        _text("file_names"),
    )
    op.create_table(
        "sequencer_file",
        _key("run_id"),
        _key("job_id"),
        *_strings("acquisition_id", "file_name"),
        _integer("frames_expected"),
        *_strings("state", "reason"),
        _text("message"),
    )
    op.create_index("ix_sequencer_file_state", "sequencer_file", ["acquisition_id", "state"])
    op.create_table(
        "sequencer_frame",
        _key("run_id"),
        _key("job_id"),
        _key("frame_id"),
        _string("acquisition_id"),
        _integer("detector"),
        _text("frame_json"),
    )
    op.create_index("ix_sequencer_frame_detector", "sequencer_frame", ["run_id", "detector"])


def _plans() -> None:
    op.create_table(
        "sequencer_node",
        _key("node_id"),
        *_strings("run_id", "job_id"),
        _integer("rank"),
        *_strings("type", "kind", "set_key"),
        _integer("detector", nullable=True),
        *_strings("product_id", "state"),
        _text("node_json"),
    )
    op.create_index("ix_sequencer_node_detector", "sequencer_node", ["run_id", "detector"])
    standing = ["run_id", "state", "type", "kind", "set_key"]
    op.create_index("ix_sequencer_node_state", "sequencer_node", standing)
    op.create_table(
        "sequencer_calibration",
        _key("certification_id"),
        *_strings("collection", "instrument", "kind"),
        _integer("detector"),
        sa.Column("filter", sa.String, nullable=True),
        _ns("begin_tai_ns", nullable=True),
        _ns("end_tai_ns", nullable=True),
        _ns("recorded_tai_ns"),
        *_strings("product_id"),
        _text("product_json"),
    )
    subject = ["collection", "kind", "detector", "filter"]
    op.create_index("ix_sequencer_calibration_subject", "sequencer_calibration", subject)
    op.create_index("ix_sequencer_calibration_product_id", "sequencer_calibration", ["product_id"])
    op.create_table("sequencer_chain", _key("name"), _text("members_json"))


def _queues() -> None:
    op.create_table("sequencer_queue", _key("component"), _string("paused_by"))
    op.create_table(
        "sequencer_entry",
        _key("run_id"),
        _string("component"),
        _integer("number"),
        _integer("place"),
        _string("state"),
        _text("request_json"),
        *_strings("request_key", "added_by", "schedule"),
        _text("reason"),
        _ns("added_tai_ns"),
        _ns("left_tai_ns", nullable=True),
    )
    op.create_table(
        "sequencer_schedule",
        _key("name"),
        *_strings("component", "at", "zone"),
        sa.Column("grace_s", sa.Float, nullable=False),
        _text("request_json"),
        _string("set_by"),
        _ns("set_tai_ns"),
        _ns("looked_tai_ns"),
    )
    op.create_table("sequencer_answer", _key("command_id"), _text("answer_json"))


def _results() -> None:
    op.create_table(
        "sequencer_result",
        _key("instrument"),
        _key("kind"),
        sa.Column("detector", sa.Integer, primary_key=True, autoincrement=False),
        _key("filter"),
        _string("verdict"),
        _text("reason"),
        *_strings("product_id", "run_id"),
        _ns("at_tai_ns"),
    )

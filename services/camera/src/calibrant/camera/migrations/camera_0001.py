"""Status, commands, acknowledgements and exposures."""

import sqlalchemy as sa
from alembic import op

revision = "camera_0001"
down_revision = None
branch_labels = ("camera",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "camera_status",
        sa.Column("component", sa.String, primary_key=True),
        sa.Column("clock_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("filter", sa.String, nullable=False),
        sa.Column("summary_state", sa.String, nullable=False),
        sa.Column("boot_id", sa.String, nullable=False),
        sa.Column("calibration", sa.Boolean, nullable=False),
        sa.Column("playlist", sa.String, nullable=False),
        sa.Column("play_next", sa.Integer, nullable=False),
        sa.Column("play_repeat", sa.Boolean, nullable=False),
        sa.Column("guiders", sa.Text, nullable=False),
        sa.Column("changer_awake_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "camera_command",
        _number(),
        sa.Column("command_id", sa.String, nullable=False, unique=True),
        sa.Column("numbered", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("asked", sa.String, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("boot_id", sa.String, nullable=False),
        sa.Column("received_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("traceparent", sa.String, nullable=False),
    )
    op.create_index("ix_camera_command_numbered", "camera_command", ["numbered"])
    op.create_index("ix_camera_command_state", "camera_command", ["state"])
    op.create_table(
        "camera_ack",
        _number(),
        sa.Column("command_id", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("given_tai_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_camera_ack_command_id", "camera_ack", ["command_id"])
    op.create_table(
        "camera_playlist",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("images", sa.Text, nullable=False),
    )
    _exposures()


def _number() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("number", kind, primary_key=True, autoincrement=True)


def _exposures() -> None:
    op.create_table(
        "camera_exposure",
        sa.Column("exposure_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("image_name", sa.String, nullable=False, unique=True),
        sa.Column("day_obs", sa.String, nullable=False),
        sa.Column("image_number", sa.Integer, nullable=False),
        sa.Column("command_id", sa.String, nullable=False),
        sa.Column("image_index", sa.Integer, nullable=False),
        sa.Column("images_in_sequence", sa.Integer, nullable=False),
        sa.Column("image_type", sa.String, nullable=False),
        sa.Column("group_id", sa.String, nullable=False),
        sa.Column("begin_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("end_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("exposure_time_s", sa.Float, nullable=False),
        sa.Column("dark_time_s", sa.Float, nullable=False),
        sa.Column("shutter", sa.Boolean, nullable=False),
        sa.Column("filter", sa.String, nullable=False),
        sa.Column("sensors", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("ended_by", sa.String, nullable=False),
        sa.Column("played", sa.Text, nullable=False),
        sa.Column("guiders", sa.Text, nullable=False),
        sa.Column("files", sa.Text, nullable=False),
        sa.UniqueConstraint("day_obs", "image_number", name="uq_camera_exposure_number"),
    )
    op.create_index("ix_camera_exposure_command_id", "camera_exposure", ["command_id"])
    op.create_index("ix_camera_exposure_ended_by", "camera_exposure", ["ended_by"])


def downgrade() -> None:
    for table in ("camera_exposure", "camera_playlist", "camera_ack", "camera_command", "camera_status"):
        op.drop_table(table)

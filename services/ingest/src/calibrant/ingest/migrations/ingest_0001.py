"""Frames, acquisitions, rejections."""

import sqlalchemy as sa
from alembic import op

revision = "ingest_0001"
down_revision = None
branch_labels = ("ingest",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ingest_frame",
        sa.Column("frame_id", sa.String, primary_key=True),
        sa.Column("pixels_sha256", sa.String),
        sa.Column("instrument", sa.String, nullable=False),
        sa.Column("detector", sa.Integer, nullable=False),
        sa.Column("exposure_id", sa.String, nullable=False),
        sa.Column("image_type", sa.String, nullable=False),
        sa.Column("image_type_because", sa.String, nullable=False),
        sa.Column("begin_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("exposure_time_s", sa.Float),
        sa.Column("dark_time_s", sa.Float),
        sa.Column("filter", sa.String),
        sa.Column("night", sa.String, nullable=False),
        sa.Column("file_name", sa.String, nullable=False),
        sa.Column("uri", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("media_type", sa.String, nullable=False),
        sa.Column("recorded_tai_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_ingest_frame_instrument", "ingest_frame", ["instrument"])
    op.create_index("ix_ingest_frame_pixels_sha256", "ingest_frame", ["pixels_sha256"])
    op.create_index("ix_ingest_frame_night", "ingest_frame", ["night"])
    op.create_table(
        "ingest_acquisition_frame",
        sa.Column("acquisition_id", sa.String, primary_key=True),
        sa.Column("frame_id", sa.String, sa.ForeignKey("ingest_frame.frame_id"), primary_key=True),
        sa.Column("job_id", sa.String, nullable=False),
        sa.Column("file_name", sa.String, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("recorded_tai_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ingest_rejection",
        sa.Column("job_id", sa.String, primary_key=True),
        sa.Column("acquisition_id", sa.String, nullable=False),
        sa.Column("instrument", sa.String, nullable=False),
        sa.Column("file_name", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("kept", sa.String),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("recorded_tai_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_ingest_rejection_acquisition_id", "ingest_rejection", ["acquisition_id"])


def downgrade() -> None:
    for table in ("ingest_rejection", "ingest_acquisition_frame", "ingest_frame"):
        op.drop_table(table)

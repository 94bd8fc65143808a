"""Publications and their catalogue."""

import sqlalchemy as sa
from alembic import op

revision = "archive_0001"
down_revision = None
branch_labels = ("archive",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "archive_publication",
        sa.Column("publication_id", sa.String, primary_key=True),
        sa.Column("certification_id", sa.String, nullable=False, unique=True),
        sa.Column("product_id", sa.String, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("collection", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("instrument", sa.String, nullable=False),
        sa.Column("detector", sa.Integer, nullable=False),
        sa.Column("filter", sa.String),
        sa.Column("begin_tai_ns", sa.BigInteger),
        sa.Column("end_tai_ns", sa.BigInteger),
        sa.Column("report_id", sa.String, nullable=False),
        sa.Column("requested_by", sa.String, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("uri", sa.String),
        sa.Column("sha256", sa.String),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("media_type", sa.String),
        sa.Column("in_force_json", sa.Text, nullable=False),
        sa.Column("withdrawal", sa.Text, nullable=False),
        sa.Column("superseded_by", sa.String, nullable=False),
        sa.Column("requested_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("published_tai_ns", sa.BigInteger),
        sa.Column("traceparent", sa.String, nullable=False),
    )
    subject = ["collection", "instrument", "kind", "detector"]
    op.create_index("ix_archive_publication_subject", "archive_publication", subject)
    op.create_index("ix_archive_publication_product_id", "archive_publication", ["product_id"])
    op.create_index("ix_archive_publication_status", "archive_publication", ["status"])
    op.create_table(
        "archive_obscore",
        sa.Column(
            "publication_id", sa.String, sa.ForeignKey("archive_publication.publication_id"), primary_key=True
        ),
        sa.Column("obs_publisher_did", sa.String, nullable=False, unique=True),
        sa.Column("obs_creator_did", sa.String, nullable=False),
        sa.Column("obs_id", sa.String, nullable=False),
        sa.Column("obs_collection", sa.String, nullable=False),
        sa.Column("obs_title", sa.String, nullable=False),
        sa.Column("obs_creator_name", sa.String, nullable=False),
        sa.Column("obs_release_date", sa.String, nullable=False),
        sa.Column("dataproduct_type", sa.String, nullable=False),
        sa.Column("dataproduct_subtype", sa.String, nullable=False),
        sa.Column("calib_level", sa.Integer, nullable=False),
        sa.Column("instrument_name", sa.String, nullable=False),
        sa.Column("detector", sa.Integer, nullable=False),
        sa.Column("filter", sa.String),
        sa.Column("t_min", sa.Float),
        sa.Column("t_max", sa.Float),
        sa.Column("timescale", sa.String, nullable=False),
        sa.Column("t_exptime", sa.Float),
        sa.Column("access_url", sa.String, nullable=False),
        sa.Column("access_format", sa.String, nullable=False),
        sa.Column("access_estsize", sa.BigInteger, nullable=False),
        sa.Column("data_rights", sa.String, nullable=False),
    )


def downgrade() -> None:
    for table in ("archive_obscore", "archive_publication"):
        op.drop_table(table)

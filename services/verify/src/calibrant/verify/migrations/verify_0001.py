"""Measurements, their numbers and verdicts; reports and their decisions."""

import sqlalchemy as sa
from alembic import op

revision = "verify_0001"
down_revision = None
branch_labels = ("verify",)
depends_on = None

_COUNTS = ("passed", "failed", "not_applicable", "advisory_failed")


def upgrade() -> None:
    op.create_table(
        "verify_measurement",
        sa.Column("job_id", sa.String, primary_key=True),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("product_id", "kind", "mode", "instrument", "limits_version", "uri", "sha256")
        ),
        sa.Column("filter", sa.String),
        sa.Column("detector", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in (*_COUNTS, "exposures")),
        sa.Column("first_begin_tai_ns", sa.BigInteger),
        sa.Column("last_begin_tai_ns", sa.BigInteger),
        sa.Column("recorded_tai_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_verify_measurement_product_id", "verify_measurement", ["product_id"])
    latest = ["instrument", "kind", "detector", "filter", "last_begin_tai_ns"]
    op.create_index("ix_verify_measurement_latest", "verify_measurement", latest)
    latest_of_all = ["instrument", "last_begin_tai_ns"]
    op.create_index("ix_verify_measurement_latest_of_all", "verify_measurement", latest_of_all)
    op.create_table(
        "verify_metric",
        sa.Column("job_id", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("instrument", "kind", "exposure_id", "name", "unit")
        ),
        sa.Column("product_id", sa.String),
        sa.Column("begin_tai_ns", sa.BigInteger),
        sa.Column("detector", sa.Integer),
        sa.Column("amplifier", sa.String),
        sa.Column("value", sa.Float),
    )
    history = ["instrument", "detector", "kind", "name", "begin_tai_ns"]
    op.create_index("ix_verify_metric_history", "verify_metric", history)
    op.create_index("ix_verify_metric_product_id", "verify_metric", ["product_id"])
    op.create_table(
        "verify_result",
        sa.Column("job_id", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in ("test", "level", "exposure_id", "verdict", "unit")
        ),
        sa.Column("detector", sa.Integer),
        sa.Column("amplifier", sa.String),
        sa.Column("value", sa.Float),
        sa.Column("limit_value", sa.Float),
        sa.Column("limits_version", sa.String, nullable=False),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("advisory", sa.Boolean, nullable=False),
    )
    _reports()
    op.create_table(
        "verify_certified",
        sa.Column("certification_id", sa.String, primary_key=True),
        sa.Column("product_id", sa.String, nullable=False),
        sa.Column("collection", sa.String, nullable=False),
        sa.Column("begin_tai_ns", sa.BigInteger),
        sa.Column("end_tai_ns", sa.BigInteger),
        sa.Column("recorded_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("withdrawn_tai_ns", sa.BigInteger),
    )
    op.create_index("ix_verify_certified_product_id", "verify_certified", ["product_id"])


def _reports() -> None:
    op.create_table(
        "verify_report",
        sa.Column("report_id", sa.String, primary_key=True),
        *(
            sa.Column(name, sa.String, nullable=False)
            for name in (
                "job_id",
                "kind",
                "mode",
                "instrument",
                "set_key",
                "outcome",
                "uri",
                "sha256",
                "page_uri",
                "page_sha256",
            )
        ),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("findings", sa.Text, nullable=False),
        sa.Column("exposures", sa.Integer, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("page_size_bytes", sa.BigInteger, nullable=False),
        sa.Column("recorded_tai_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_verify_report_job_id", "verify_report", ["job_id"], unique=True)
    op.create_table(
        "verify_decision",
        sa.Column("report_id", sa.String, primary_key=True),
        sa.Column("detector", sa.Integer, primary_key=True),
        sa.Column("product_id", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("accepted", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("score", sa.String, nullable=False),
        sa.Column("score_reason", sa.Text, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in _COUNTS),
    )
    op.create_index("ix_verify_decision_product_id", "verify_decision", ["product_id"])


def downgrade() -> None:
    op.drop_table("verify_certified")
    for name in ("verify_decision", "verify_report", "verify_result", "verify_metric", "verify_measurement"):
        op.drop_table(name)

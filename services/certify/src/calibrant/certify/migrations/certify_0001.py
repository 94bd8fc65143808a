"""The ledger, and what keeps it append-only; what reports accept."""

import sqlalchemy as sa
from alembic import op

from calibrant.runtime.append_only import drop_append_only, make_append_only

revision = "certify_0001"
down_revision = None
branch_labels = ("certify",)
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "certify_entry",
        sa.Column("sequence", number, primary_key=True, autoincrement=True),
        sa.Column("certification_id", sa.String, nullable=False, unique=True),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("product_id", sa.String, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("collection", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("instrument", sa.String, nullable=False),
        sa.Column("detector", sa.Integer, nullable=False),
        sa.Column("filter", sa.String),
        sa.Column("begin_tai_ns", sa.BigInteger),
        sa.Column("end_tai_ns", sa.BigInteger),
        sa.Column("recorded_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("report_id", sa.String, nullable=False),
        sa.Column("requested_by", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("job_id", sa.String, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("change_id", sa.String, nullable=False, server_default=""),
        sa.Column("gives_way", sa.Boolean, nullable=False, server_default=sa.false()),
        sqlite_autoincrement=True,
    )
    subject = ["collection", "instrument", "kind", "detector"]
    op.create_index("ix_certify_entry_subject", "certify_entry", subject)
    op.create_index("ix_certify_entry_product_id", "certify_entry", ["product_id"])
    op.create_index("ix_certify_entry_change_id", "certify_entry", ["change_id"])
    op.create_table(
        "certify_report",
        sa.Column("report_id", sa.String, primary_key=True),
        sa.Column("detector", sa.Integer, primary_key=True),
        sa.Column("product_id", sa.String, primary_key=True),
        sa.Column("accepted", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("told_tai_ns", sa.BigInteger, nullable=False),
    )
    _waiting()
    op.create_index("ix_certify_report_product_id", "certify_report", ["product_id"])
    make_append_only("certify_entry", "the ledger is append-only: write a new entry instead")


def _waiting() -> None:
    names = ("product_id", "instrument", "kind", "collection", "report_id", "run_id", "decided_by")
    op.create_table(
        "certify_waiting",
        sa.Column("waiting_id", sa.String, primary_key=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in names),
        sa.Column("detector", sa.Integer, nullable=False),
        sa.Column("filter", sa.String),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("asked_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_tai_ns", sa.BigInteger),
    )
    for name in ("state", "product_id"):
        op.create_index(f"ix_certify_waiting_{name}", "certify_waiting", [name])


def downgrade() -> None:
    op.drop_table("certify_waiting")
    op.drop_table("certify_report")
    drop_append_only("certify_entry")

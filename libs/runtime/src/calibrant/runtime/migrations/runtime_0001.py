"""Inbox, outbox, dead letters, jobs and executions."""

import sqlalchemy as sa
from alembic import op

revision = "runtime_0001"
down_revision = None
branch_labels = ("runtime",)
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.String, primary_key=True),
        sa.Column("topic", sa.String, nullable=False),
        sa.Column("done_tai_ns", sa.BigInteger, nullable=False),
    )
    # Rows come in the order of time and are looked through only by housekeeping: a B-tree would cost each of them more.
    op.create_index("ix_inbox_topic_done", "inbox", ["topic", "done_tai_ns"], postgresql_using="brin")
    op.create_table(
        "outbox",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("lane", sa.Integer, nullable=False),
        sa.Column("topic", sa.String, nullable=False),
        sa.Column("key", sa.String),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_lane_number", "outbox", ["lane", "number"])
    lanes = op.create_table(
        "outbox_lane", sa.Column("lane", sa.Integer, primary_key=True, autoincrement=False)
    )
    op.bulk_insert(lanes, [{"lane": lane} for lane in range(16)])
    op.create_table(
        "dead_letter",
        sa.Column("letter_id", sa.String, primary_key=True),
        sa.Column("event_id", sa.String, nullable=False),
        sa.Column("topic", sa.String, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("log_offset", sa.BigInteger, nullable=False),
        sa.Column("key", sa.String),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("message_type", sa.String, nullable=False),
        sa.Column("error", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("died_tai_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "job",
        sa.Column("job_id", sa.String, primary_key=True),
        sa.Column("execution_id", sa.String, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("done_tai_ns", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "execution",
        sa.Column("execution_id", sa.String, primary_key=True),
        sa.Column("job_id", sa.String, nullable=False),
        sa.Column("event_id", sa.String, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("backend", sa.String, nullable=False),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("alive_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("begun_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("ended_tai_ns", sa.BigInteger),
        sa.Column("letter_id", sa.String),
    )
    op.create_index("ix_execution_event_id", "execution", ["event_id"])
    op.create_index("ix_execution_job_id", "execution", ["job_id"])


def downgrade() -> None:
    for table in ("execution", "job", "dead_letter", "outbox_lane", "outbox", "inbox"):
        op.drop_table(table)

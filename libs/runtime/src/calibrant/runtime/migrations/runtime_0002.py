"""The audit: who did what; append-only."""

import sqlalchemy as sa
from alembic import op

from calibrant.runtime.append_only import drop_append_only, make_append_only

revision = "runtime_0002"
down_revision = "runtime_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "audit",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("at_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    make_append_only("audit", "the audit is append-only")


def downgrade() -> None:
    drop_append_only("audit")

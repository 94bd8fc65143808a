"""The changes of the register, collections and what is in them, stages; and the products that are known."""

import sqlalchemy as sa
from alembic import op

from calibrant.runtime.append_only import drop_append_only, make_append_only

revision = "certify_0003"
down_revision = "certify_0002"
branch_labels = None
depends_on = None

WORDS = "the register is append-only: make a new change instead"


def upgrade() -> None:
    _create(
        "certify_change",
        sa.Column("change_id", sa.String, nullable=False, unique=True),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("collection", sa.String, nullable=False),
        sa.Column("recorded_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("requested_by", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("told", sa.Text, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("wish", sa.String, nullable=False),
        sa.Column("undoes", sa.String, nullable=False),
    )
    op.create_index("ix_certify_change_undoes", "certify_change", ["undoes"])
    _create(
        "certify_collection",
        sa.Column("change_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("members", sa.Text, nullable=False),
        sa.Column("standing", sa.Boolean, nullable=False),
        sa.Column("recorded_tai_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_certify_collection_name", "certify_collection", ["name", "number"])
    op.create_index("ix_certify_collection_change_id", "certify_collection", ["change_id"])
    _create(
        "certify_member",
        sa.Column("change_id", sa.String, nullable=False),
        sa.Column("collection", sa.String, nullable=False),
        sa.Column("product_id", sa.String, nullable=False),
        sa.Column("present", sa.Boolean, nullable=False),
        sa.Column("recorded_tai_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_certify_member_collection", "certify_member", ["collection", "product_id", "number"])
    op.create_index("ix_certify_member_change_id", "certify_member", ["change_id"])
    _create(
        "certify_stage",
        sa.Column("change_id", sa.String, nullable=False),
        sa.Column("collection", sa.String, nullable=False),
        sa.Column("product_id", sa.String, nullable=False),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("reached", sa.Boolean, nullable=False),
        sa.Column("recorded_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("said_by", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_certify_stage_product_id", "certify_stage", ["product_id", "collection", "stage"])
    op.create_index("ix_certify_stage_change_id", "certify_stage", ["change_id"])
    _create(
        "certify_product",
        sa.Column("product_id", sa.String, nullable=False, unique=True),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("instrument", sa.String, nullable=False),
        sa.Column("detector", sa.Integer, nullable=False),
        sa.Column("filter", sa.String),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("recorded_tai_ns", sa.BigInteger, nullable=False),
    )


def _create(table: str, *columns: sa.Column[object]) -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        table,
        sa.Column("number", number, primary_key=True, autoincrement=True),
        *columns,
        sqlite_autoincrement=True,
    )
    make_append_only(table, WORDS)


def downgrade() -> None:
    for name in ("product", "stage", "member", "collection", "change"):
        drop_append_only(f"certify_{name}")

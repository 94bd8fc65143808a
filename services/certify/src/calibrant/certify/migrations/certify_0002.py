"""The validity ranges in force, filled from the ledger; the database refuses an overlap."""

import sqlalchemy as sa
from alembic import op

from calibrant.rules.ledger import LedgerEntry, prevailing
from calibrant.rules.validity import ValidityRange

revision = "certify_0002"
down_revision = "certify_0001"
branch_labels = None
depends_on = None

SUBJECT = ("collection", "instrument", "kind", "detector", "filter")
EARLIEST = "CAST(-9223372036854775808 AS BIGINT)"
LATEST = 9223372036854775807
BEGUN = f"coalesce(begin_tai_ns, {EARLIEST})"
NEW_BEGUN = f"coalesce(NEW.begin_tai_ns, {EARLIEST})"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    table = op.create_table(
        "certify_in_force",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("sequence", number, sa.ForeignKey("certify_entry.sequence"), nullable=False),
        sa.Column("product_id", sa.String, nullable=False),
        sa.Column("collection", sa.String, nullable=False),
        sa.Column("instrument", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("detector", sa.Integer, nullable=False),
        sa.Column("filter", sa.String, nullable=False),
        sa.Column("begin_tai_ns", sa.BigInteger),
        sa.Column("end_tai_ns", sa.BigInteger),
        sa.CheckConstraint("begin_tai_ns < end_tai_ns", name="certify_in_force_not_empty"),
    )
    op.create_index("ix_certify_in_force_begin", "certify_in_force", [*SUBJECT, sa.text(BEGUN)])
    op.create_index("ix_certify_in_force_product_id", "certify_in_force", ["product_id"])
    if op.get_bind().dialect.name == "postgresql":
        _exclude_overlaps()
    else:
        _refuse_overlaps("insert", "")
        _refuse_overlaps("update", "AND number <> OLD.number")
    op.bulk_insert(table, [_row(entry) for entry in prevailing(_ledger())])


def _exclude_overlaps() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute(
        "ALTER TABLE certify_in_force ADD COLUMN validity int8range NOT NULL "
        "GENERATED ALWAYS AS (int8range(begin_tai_ns, end_tai_ns)) STORED"
    )
    # GiST sorts by the first columns: those that tell ranges apart come first, which halves the cost of a row.
    op.execute(
        "ALTER TABLE certify_in_force ADD CONSTRAINT certify_in_force_no_overlap EXCLUDE USING gist "
        "(detector WITH =, validity WITH &&, kind WITH =, filter WITH =, collection WITH =, instrument WITH =)"
    )


def _refuse_overlaps(event: str, others: str) -> None:
    """Refuse a range unless the last one that begins before its end has ended: as none overlaps, all have then."""
    same = " AND ".join(f"{column} = NEW.{column}" for column in SUBJECT)
    last_ns = f"coalesce(NEW.end_tai_ns - 1, {LATEST})"
    begun = (
        f"SELECT end_tai_ns FROM certify_in_force WHERE {same} {others} AND {BEGUN} <= {last_ns} "  # noqa: S608
        f"ORDER BY {BEGUN} DESC LIMIT 1"
    )
    reaches = f"SELECT 1 FROM ({begun}) WHERE end_tai_ns IS NULL OR end_tai_ns > {NEW_BEGUN}"  # noqa: S608
    op.execute(
        f"CREATE TRIGGER certify_in_force_no_overlap_{event} BEFORE {event} ON certify_in_force "
        f"WHEN EXISTS ({reaches}) "
        "BEGIN SELECT RAISE(ABORT, 'certify_in_force_no_overlap: another range in force overlaps'); END"
    )


def _ledger() -> list[LedgerEntry]:
    facts = ("sequence", "action", "product_id", "recorded_tai_ns", *SUBJECT)
    bounds = ("begin_tai_ns", "end_tai_ns")
    written = sa.select(sa.table("certify_entry", *(sa.column(name) for name in (*facts, *bounds))))
    return [
        LedgerEntry(
            range=ValidityRange(**{bound: line[bound] for bound in bounds}),
            **{fact: line[fact] for fact in facts},
        )
        for line in op.get_bind().execute(written).mappings()
    ]


def _row(entry: LedgerEntry) -> dict[str, object]:
    named = entry.subject._asdict() | {"filter": entry.subject.filter or ""}
    return {"sequence": entry.sequence, "product_id": entry.product_id} | named | entry.range.model_dump()


def downgrade() -> None:
    op.drop_table("certify_in_force")

"""Products."""

import sqlalchemy as sa
from alembic import op

revision = "combine_0001"
down_revision = None
branch_labels = ("combine",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "combine_product",
        sa.Column("product_id", sa.String, primary_key=True),
        sa.Column("job_id", sa.String, nullable=False),
        sa.Column("execution_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("instrument", sa.String, nullable=False),
        sa.Column("detector", sa.Integer, nullable=False),
        sa.Column("unit", sa.String, nullable=False),
        sa.Column("filter", sa.String),
        sa.Column("per_second", sa.Boolean, nullable=False),
        sa.Column("dark_time_s", sa.Float),
        sa.Column("read_noise_e", sa.Float),
        sa.Column("begin_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("end_tai_ns", sa.BigInteger, nullable=False),
        sa.Column("uri", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("media_type", sa.String, nullable=False),
        sa.Column("recipe_version", sa.String, nullable=False),
        sa.Column("engine_version", sa.String, nullable=False),
        sa.Column("instrument_hash", sa.String, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("recorded_tai_ns", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_combine_product_job_id", "combine_product", ["job_id"], unique=True)
    op.create_index("ix_combine_product_kind", "combine_product", ["kind"])


def downgrade() -> None:
    op.drop_table("combine_product")

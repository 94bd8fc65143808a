"""Effects of the probe service."""

import sqlalchemy as sa
from alembic import op

revision = "probe_0001"
down_revision = None
branch_labels = ("probe",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "probe_effect",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.String, nullable=False),
        sa.Column("what", sa.String, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("probe_effect")

"""What confirms a delivery, which ones are urgent, and radiologists' verdicts."""

import sqlalchemy as sa
from alembic import op

revision = "0002_results"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and tables; what was sent before is not asked about again."""
    uid = sa.String(64)
    op.add_column("results", sa.Column("series_instance_uid", uid, nullable=False, server_default=""))
    op.add_column("results", sa.Column("is_urgent", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("deliveries", sa.Column("check_at", sa.Float, nullable=True))
    op.add_column("deliveries", sa.Column("checks", sa.Integer, nullable=False, server_default="0"))
    op.add_column("deliveries", sa.Column("transaction_uid", uid, nullable=True))
    op.create_index("ix_deliveries_transaction_uid", "deliveries", ["transaction_uid"])
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("tracking_uid", uid, nullable=False),
        sa.Column("source_uid", uid, nullable=False),
        sa.Column("line", sa.String, nullable=False),
        sa.UniqueConstraint("tracking_uid", "source_uid"),
    )
    op.create_table(
        "answers_read",
        sa.Column("study_instance_uid", uid, primary_key=True),
        sa.Column("name", sa.String(128), primary_key=True),
    )

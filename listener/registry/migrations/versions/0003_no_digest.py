"""The digest of each instance goes: nothing read it, and it cost the receiver more than all the rest."""

from alembic import op

revision = "0003_no_digest"
down_revision = "0002_results"


def upgrade() -> None:
    """Drop the column."""
    op.drop_column("instances", "sha256")

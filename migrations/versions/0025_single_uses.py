"""What was used and counts once: states of sign-ins at providers, and their logout tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "single_uses",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_single_uses_used_at", "single_uses", ["used_at"])


def downgrade() -> None:
    op.drop_table("single_uses")

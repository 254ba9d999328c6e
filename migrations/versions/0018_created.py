"""Indexes for lists of all tokens, the last created first."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TABLES = ("refresh_tokens", "access_tokens")


def upgrade() -> None:
    for table in TABLES:
        op.create_index(f"ix_{table}_created", table, ["created_at", "id"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_index(f"ix_{table}_created", table)

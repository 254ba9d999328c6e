"""Which access token made a token, and until when what it made can be renewed."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

IS_MADE = sa.text("created_with IS NOT NULL")


def upgrade() -> None:
    for table in ("refresh_tokens", "access_tokens"):
        op.add_column(table, sa.Column("created_with", sa.String(12), nullable=True))
        op.add_column(table, sa.Column("renewable_until", sa.DateTime(timezone=True), nullable=True))
        only_made = {"sqlite_where": IS_MADE, "postgresql_where": IS_MADE}
        op.create_index(f"ix_{table}_made", table, ["created_with"], **only_made)
        op.create_index(f"ix_{table}_made_of_user", table, ["user_id", "created_with"], **only_made)


def downgrade() -> None:
    for table in ("refresh_tokens", "access_tokens"):
        op.drop_index(f"ix_{table}_made_of_user", table)
        op.drop_index(f"ix_{table}_made", table)
        op.drop_column(table, "renewable_until")
        op.drop_column(table, "created_with")

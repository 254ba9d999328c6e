"""When the secret of a token was last found where none belongs."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("refresh_tokens", "access_tokens"):
        op.add_column(table, sa.Column("secret_seen_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for table in ("refresh_tokens", "access_tokens"):
        op.drop_column(table, "secret_seen_at")

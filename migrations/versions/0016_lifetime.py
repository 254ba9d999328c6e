"""The lifetime that was chosen for a refresh token, and API tokens that somebody else than their owner revoked.

In days; none where it is the instance's. An index finds the API tokens that their owner's page shows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SHOWN = sa.text("refresh_token_id IS NULL AND (status <> 'revoked' OR had_expired OR revoke_reason <> 'deleted')")


def upgrade() -> None:
    op.add_column("refresh_tokens", sa.Column("lifetime_days", sa.Integer(), nullable=True))
    columns = ["user_id", "refresh_token_id", "created_at"]
    op.create_index("ix_access_tokens_shown", "access_tokens", columns, sqlite_where=SHOWN, postgresql_where=SHOWN)


def downgrade() -> None:
    op.drop_index("ix_access_tokens_shown", "access_tokens")
    op.drop_column("refresh_tokens", "lifetime_days")

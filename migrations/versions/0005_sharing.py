"""The client address of each mint, and when programs seemed to share a refresh token."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("access_tokens", sa.Column("minted_from", sa.String(45), nullable=True))
    op.add_column("refresh_tokens", sa.Column("sharing_seen_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_index("ix_access_tokens_refresh_token", "access_tokens")
    op.create_index("ix_access_tokens_refresh_token", "access_tokens", ["refresh_token_id", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_access_tokens_refresh_token", "access_tokens")
    op.create_index("ix_access_tokens_refresh_token", "access_tokens", ["refresh_token_id"])
    op.drop_column("refresh_tokens", "sharing_seen_at")
    op.drop_column("access_tokens", "minted_from")

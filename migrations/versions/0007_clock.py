"""The time that the database has seen pass, and access tokens that are final although they had expired before."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CURRENT = sa.text("status IN ('active', 'overlapping', 'expired')")
CURRENT_BEFORE = sa.text("status IN ('active', 'overlapping')")


def upgrade() -> None:
    op.create_table(
        "clock_marks",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("other_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("other_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("other_seconds", sa.Float(), nullable=False, server_default="0"),
    )
    op.add_column("access_tokens", sa.Column("had_expired", sa.Boolean(), nullable=False, server_default=sa.false()))
    # A stored 'expired' is a note from now on. Those that a newer access token followed must stay final, and those that
    # were revoked with others: the release before left them as they were, because they had expired. Each mint,
    # revocation and regeneration counted the refresh token's generation up; under reuse, so did the same token again.
    op.execute(
        "UPDATE access_tokens SET status = 'superseded', had_expired = true "
        "WHERE status = 'expired' AND generation < "
        "(SELECT generation FROM refresh_tokens WHERE refresh_tokens.id = access_tokens.refresh_token_id)"
    )
    op.execute(
        "UPDATE access_tokens SET status = 'superseded', had_expired = true "
        "WHERE status = 'expired' AND refresh_token_id IS NULL AND EXISTS "
        "(SELECT 1 FROM audit_events JOIN users ON users.username = audit_events.object_id "
        "WHERE audit_events.action = 'user.tokens_revoked' AND users.id = access_tokens.user_id "
        "AND audit_events.at >= access_tokens.created_at)"
    )
    _create_index(CURRENT)


def downgrade() -> None:
    op.execute("UPDATE access_tokens SET status = 'expired' WHERE status = 'superseded' AND had_expired")
    _create_index(CURRENT_BEFORE)
    op.drop_column("access_tokens", "had_expired")
    op.drop_table("clock_marks")


def _create_index(condition: sa.TextClause) -> None:
    op.drop_index("ix_access_tokens_current", "access_tokens")
    op.create_index(
        "ix_access_tokens_current",
        "access_tokens",
        ["refresh_token_id"],
        sqlite_where=condition,
        postgresql_where=condition,
    )

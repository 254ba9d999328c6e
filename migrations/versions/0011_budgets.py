"""Counters of the current hour, and indexes that find one row among any number of the same account or token."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CURRENT = sa.text("status IN ('active', 'overlapping', 'expired')")
SINGLE_TIER = sa.text("refresh_token_id IS NULL AND (status <> 'revoked' OR had_expired)")


def _counter(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def upgrade() -> None:
    op.add_column("refresh_tokens", sa.Column("hour_ends_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("refresh_tokens", _counter("mints_in_hour"))
    op.add_column("refresh_tokens", _counter("regenerations_in_hour"))
    op.create_table(
        "account_budgets",
        sa.Column("user_id", ID, sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("hour_ends_at", sa.DateTime(timezone=True), nullable=False),
        _counter("mints_in_hour"),
        _counter("creations_in_hour"),
    )
    op.drop_index("ix_retired_secrets_refresh_token", "retired_secrets")
    op.create_index("ix_retired_secrets_refresh_token", "retired_secrets", ["refresh_token_id", "mac"])
    for name, columns, where in (
        ("ix_access_tokens_current_of_user", ["user_id"], CURRENT),
        ("ix_access_tokens_single_tier", ["user_id", "id"], SINGLE_TIER),
    ):
        op.create_index(name, "access_tokens", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_access_tokens_single_tier", "access_tokens")
    op.drop_index("ix_access_tokens_current_of_user", "access_tokens")
    op.drop_index("ix_retired_secrets_refresh_token", "retired_secrets")
    op.create_index("ix_retired_secrets_refresh_token", "retired_secrets", ["refresh_token_id"])
    op.drop_table("account_budgets")
    for name in ("regenerations_in_hour", "mints_in_hour", "hour_ends_at"):
        op.drop_column("refresh_tokens", name)

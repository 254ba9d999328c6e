"""When a temporary password expires; from where and on what a web session began."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("password_expires_at", sa.DateTime(timezone=True), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        _number_without_reuse()
    op.add_column("sessions", sa.Column("address", sa.String(45), nullable=True))
    op.add_column("sessions", sa.Column("device", sa.String(60), nullable=True))


def downgrade() -> None:
    op.drop_column("sessions", "device")
    op.drop_column("sessions", "address")
    op.drop_column("users", "password_expires_at")


def _number_without_reuse() -> None:
    """Audit events name the ids. SQLite can't change that of a table, so it is created anew."""
    op.create_table(
        "numbered_sessions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.execute(
        "INSERT INTO numbered_sessions (id, digest, user_id, created_at, seen_at, proved_at)"
        " SELECT id, digest, user_id, created_at, seen_at, proved_at FROM sessions"
    )
    op.drop_table("sessions")
    op.rename_table("numbered_sessions", "sessions")
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_created_at", "sessions", ["created_at"])

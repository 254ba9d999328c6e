"""Identities of people at providers, how each session began, and when a provider last vouched for a user."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("user_id", BIG_ID, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("provider", sa.String(40), nullable=False),
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("linked_by", sa.String(150), nullable=True),
        sa.Column("last_sign_in_at", INSTANT, nullable=True),
        sa.UniqueConstraint("issuer", "subject", name="uq_identities_subject"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_identities_user", "identities", ["user_id"])
    op.add_column("users", sa.Column("vouched_at", INSTANT, nullable=True))
    op.add_column("sessions", sa.Column("method", sa.String(10), nullable=False, server_default="password"))
    op.add_column("sessions", sa.Column("identity_id", BIG_ID, nullable=True))
    op.add_column("sessions", sa.Column("provider_session", sa.String(255), nullable=True))
    op.add_column("sessions", sa.Column("id_token", sa.Text(), nullable=True))
    op.create_index(
        "ix_sessions_identity", "sessions", ["identity_id"],
        sqlite_where=sa.text("identity_id IS NOT NULL"), postgresql_where=sa.text("identity_id IS NOT NULL"),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_sessions_identity", "sessions")
    for column in ("id_token", "provider_session", "identity_id", "method"):
        op.drop_column("sessions", column)
    op.drop_column("users", "vouched_at")
    op.drop_table("identities")

"""Rotation of refresh tokens: the old secret beside the current one, and who used which."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
COLUMNS = ("last_used_agent", "previous_until", "previous_mac", "previous_key_id", "rotated_at", "secret_number")


def upgrade() -> None:
    for table in ("refresh_tokens", "access_tokens"):
        op.add_column(table, sa.Column("secret_number", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("refresh_tokens", sa.Column("rotated_at", INSTANT))
    op.add_column("refresh_tokens", sa.Column("previous_key_id", sa.String(16)))
    op.add_column("refresh_tokens", sa.Column("previous_mac", sa.LargeBinary(32)))
    op.add_column("refresh_tokens", sa.Column("previous_until", INSTANT))
    op.add_column("refresh_tokens", sa.Column("last_used_agent", sa.String(255)))
    op.create_table(
        "secret_uses",
        sa.Column("refresh_token_id", ID, sa.ForeignKey("refresh_tokens.id", ondelete="CASCADE"), nullable=False),
        sa.Column("secret_number", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("used_at", INSTANT, nullable=False),
        sa.Column("agent", sa.String(255)),
        sa.PrimaryKeyConstraint("refresh_token_id", "secret_number", "address"),
    )


def downgrade() -> None:
    op.drop_table("secret_uses")
    for column in COLUMNS:
        op.drop_column("refresh_tokens", column)
    op.drop_column("access_tokens", "secret_number")

"""Second factors of people with a password, and the digests of their recovery codes."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "second_factors",
        sa.Column("user_id", BIG_ID, sa.ForeignKey("users.id"), primary_key=True, autoincrement=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("last_step", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("added_at", INSTANT, nullable=True),
        sa.Column("reset_at", INSTANT, nullable=True),
        sa.Column("reset_by", sa.String(150), nullable=True),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("user_id", BIG_ID, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_index("ix_recovery_codes_user", "recovery_codes", ["user_id", "digest"], unique=True)


def downgrade() -> None:
    op.drop_table("recovery_codes")
    op.drop_table("second_factors")

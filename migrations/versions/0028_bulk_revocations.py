"""Revocations of many tokens, and what is still to be marked of each."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "bulk_revocations",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("revoked_at", INSTANT, nullable=False),
        sa.Column("revoked_by", sa.String(150), nullable=False),
        sa.Column("revoke_reason", sa.String(255), nullable=False),
        sa.Column("refresh_tokens", sa.Integer(), nullable=False),
        sa.Column("access_tokens", sa.Integer(), nullable=False),
        sa.Column("unmarked", sa.Integer(), nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
    )
    op.create_index("ix_bulk_revocations_revoked_at", "bulk_revocations", ["revoked_at"])
    op.create_table(
        "bulk_revocation_parts",
        sa.Column(
            "bulk_revocation_id",
            BIG_ID,
            sa.ForeignKey("bulk_revocations.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("refresh_token_ids", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("bulk_revocation_parts")
    op.drop_table("bulk_revocations")

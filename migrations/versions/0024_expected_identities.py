"""Persons at a provider whom an administrator expects, by their verified e-mail, until they first sign in."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "expected_identities",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("user_id", BIG_ID, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False),
        sa.Column("for_administrator", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("linked_by", sa.String(150), nullable=False),
        sa.UniqueConstraint("issuer", "email_key", name="uq_expected_identities_email"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_expected_identities_user", "expected_identities", ["user_id"])


def downgrade() -> None:
    op.drop_table("expected_identities")

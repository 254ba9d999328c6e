"""A description of refresh tokens, and who owned one before it was moved to another owner."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("refresh_tokens", sa.Column("description", sa.String(255), nullable=True))
    op.create_table(
        "earlier_owners",
        sa.Column("refresh_token_id", BIG_ID, sa.ForeignKey("refresh_tokens.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user_id", BIG_ID, sa.ForeignKey("users.id"), primary_key=True),
    )


def downgrade() -> None:
    op.drop_table("earlier_owners")
    op.drop_column("refresh_tokens", "description")

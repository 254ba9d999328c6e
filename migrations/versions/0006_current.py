"""An index of the access tokens that a mint replaces, so that what was minted before costs nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CURRENT = sa.text("status IN ('active', 'overlapping')")


def upgrade() -> None:
    op.create_index(
        "ix_access_tokens_current",
        "access_tokens",
        ["refresh_token_id"],
        sqlite_where=CURRENT,
        postgresql_where=CURRENT,
    )


def downgrade() -> None:
    op.drop_index("ix_access_tokens_current", "access_tokens")

"""The lifetime that was chosen for a refresh token, in days; none where it is the instance's."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refresh_tokens", sa.Column("lifetime_days", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("refresh_tokens", "lifetime_days")

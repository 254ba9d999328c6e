"""The credential of each audit event: what its actor authenticated with."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit_events", sa.Column("credential", sa.String(180), nullable=True))


def downgrade() -> None:
    op.drop_column("audit_events", "credential")

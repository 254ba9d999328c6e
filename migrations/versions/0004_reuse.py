"""The reissue policy of each refresh token, access tokens that can be reused, indexes of the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refresh_tokens", sa.Column("access_token_reissue", sa.String(10), nullable=True))
    op.add_column("access_tokens", sa.Column("is_derived", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_audit_events_object", "audit_events", ["object_id", "id"])
    op.create_index("ix_audit_events_actor", "audit_events", ["actor", "id"])


def downgrade() -> None:
    op.drop_index("ix_audit_events_actor", "audit_events")
    op.drop_index("ix_audit_events_object", "audit_events")
    op.drop_column("access_tokens", "is_derived")
    op.drop_column("refresh_tokens", "access_token_reissue")

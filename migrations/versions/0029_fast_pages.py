"""Indexes to count and sort lists by without reading all tokens; and what is not revoked is not in those of that."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

TOKENS = ("refresh_tokens", "access_tokens")
WAS_REVOKED = sa.text("revoked_at IS NOT NULL")


def upgrade() -> None:
    for table in TOKENS:
        op.drop_index(f"ix_{table}_revoked", table)
        only = {"sqlite_where": WAS_REVOKED, "postgresql_where": WAS_REVOKED}
        op.create_index(f"ix_{table}_revoked", table, ["revoked_at"], **only)
    columns = ["status", "expires_at", "had_expired", "refresh_token_id"]
    op.create_index("ix_access_tokens_state", "access_tokens", columns)
    op.drop_index("ix_access_tokens_status_expires", "access_tokens")
    op.create_index("ix_refresh_tokens_name", "refresh_tokens", [sa.text("substr(lower(name), 1, 40)"), "id"])


def downgrade() -> None:
    op.drop_index("ix_refresh_tokens_name", "refresh_tokens")
    op.create_index("ix_access_tokens_status_expires", "access_tokens", ["status", "expires_at"])
    op.drop_index("ix_access_tokens_state", "access_tokens")
    for table in TOKENS:
        op.drop_index(f"ix_{table}_revoked", table)
        op.create_index(f"ix_{table}_revoked", table, ["revoked_at"])

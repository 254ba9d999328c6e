"""Indexes of the audit events that are not of mints, to find rare ones among a million, and of those by no user."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_audit_events_not_minted", ["id", "action"], "action <> 'access_token.minted'"),
    ("ix_audit_events_of_no_user", ["actor"], "actor_id IS NULL"),
)


def upgrade() -> None:
    for name, columns, text in INDEXES:
        where = sa.text(text)
        op.create_index(name, "audit_events", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name, _, _ in INDEXES:
        op.drop_index(name, table_name="audit_events")

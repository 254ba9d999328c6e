"""Provisioning by SCIM: its tokens, groups and their roles, and which users it manages."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
IS_MANAGED = sa.text("managed_by IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "scim_tokens",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("public_id", sa.String(12), nullable=False, unique=True),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.String(150), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("last_used_at", INSTANT, nullable=True),
        sa.Column("last_used_ip", sa.String(45), nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("revoked_by", sa.String(150), nullable=True),
        sa.Column("writes_in_hour", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("hour_ends_at", INSTANT, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "scim_groups",
        sa.Column("id", BIG_ID, primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("name_key", sa.String(255), nullable=False, unique=True),
        sa.Column("external_id", sa.String(255), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_scim_groups_external", "scim_groups", ["external_id"])
    op.create_table(
        "scim_members",
        sa.Column("group_id", BIG_ID, sa.ForeignKey("scim_groups.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user_id", BIG_ID, sa.ForeignKey("users.id"), primary_key=True),
    )
    op.create_index("ix_scim_members_user", "scim_members", ["user_id"])
    op.create_table(
        "scim_roles",
        sa.Column("name_key", sa.String(255), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("mapped_at", INSTANT, nullable=False),
        sa.Column("mapped_by", sa.String(150), nullable=False),
    )
    op.add_column("users", sa.Column("managed_by", sa.String(10), nullable=True))
    op.add_column("users", sa.Column("external_id", sa.String(255), nullable=True))
    op.add_column("users", sa.Column("left_at", INSTANT, nullable=True))
    op.create_index("ix_users_managed", "users", ["id"], sqlite_where=IS_MANAGED, postgresql_where=IS_MANAGED)
    op.create_index("ix_users_external", "users", ["external_id"], sqlite_where=IS_MANAGED, postgresql_where=IS_MANAGED)


def downgrade() -> None:
    op.drop_index("ix_users_external", "users")
    op.drop_index("ix_users_managed", "users")
    for column in ("left_at", "external_id", "managed_by"):
        op.drop_column("users", column)
    for table in ("scim_roles", "scim_members", "scim_groups", "scim_tokens"):
        op.drop_table(table)

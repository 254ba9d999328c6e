"""Users, both tiers of tokens, instance settings, the audit log, throttling and job leases."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
ONE_ACTIVE = sa.text("status = 'active' AND refresh_token_id IS NOT NULL")


def upgrade() -> None:
    _create_users()
    _create_refresh_tokens()
    _create_retired_secrets()
    _create_access_tokens()
    _create_instance_settings()
    _create_audit_events()
    _create_login_throttle()
    _create_job_leases()


def downgrade() -> None:
    for table in ("job_leases", "login_throttle", "audit_events", "instance_settings"):
        op.drop_table(table)
    for table in ("access_tokens", "retired_secrets", "refresh_tokens", "users"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_events_are_append_only()")


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", ID, primary_key=True),
        sa.Column("username", sa.String(150), nullable=False, unique=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("first_name", sa.String(150), nullable=False),
        sa.Column("last_name", sa.String(150), nullable=False),
        sa.Column("title", sa.String(150), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("password_hash", sa.String(100)),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("api_tokens", sa.String(10), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_login_at", INSTANT),
        sqlite_autoincrement=True,
    )


def _create_refresh_tokens() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("id", ID, primary_key=True),
        sa.Column("public_id", sa.String(12), nullable=False, unique=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT),
        sa.Column("last_used_ip", sa.String(45)),
        sa.Column("regenerated_at", INSTANT),
        *_revocation(),
        sa.CheckConstraint("status IN ('active', 'expired', 'revoked')", name="refresh_tokens_status"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_refresh_tokens_user", "refresh_tokens", ["user_id", "id"])
    op.create_index("ix_refresh_tokens_user_alive", "refresh_tokens", ["user_id", "status", "expires_at"])
    op.create_index("ix_refresh_tokens_status_expires", "refresh_tokens", ["status", "expires_at"])
    op.create_index("ix_refresh_tokens_revoked", "refresh_tokens", ["revoked_at"])


def _create_retired_secrets() -> None:
    parent = sa.ForeignKey("refresh_tokens.id", ondelete="CASCADE")
    op.create_table(
        "retired_secrets",
        sa.Column("id", ID, primary_key=True),
        sa.Column("refresh_token_id", ID, parent, nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
        sa.Column("retired_at", INSTANT, nullable=False),
    )
    op.create_index("ix_retired_secrets_refresh_token", "retired_secrets", ["refresh_token_id"])
    op.create_index("ix_retired_secrets_retired", "retired_secrets", ["retired_at"])


def _create_access_tokens() -> None:
    statuses = "status IN ('active', 'overlapping', 'superseded', 'expired', 'revoked')"
    op.create_table(
        "access_tokens",
        sa.Column("id", ID, primary_key=True),
        sa.Column("public_id", sa.String(12), nullable=False, unique=True),
        sa.Column("uuid", sa.String(36), nullable=False, unique=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("refresh_token_id", ID, sa.ForeignKey("refresh_tokens.id")),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("description", sa.String(255)),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("last_used_at", INSTANT),
        sa.Column("last_used_ip", sa.String(45)),
        sa.Column("last_used_agent", sa.String(255)),
        *_revocation(),
        sa.CheckConstraint(statuses, name="access_tokens_status"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_access_tokens_one_active",
        "access_tokens",
        ["refresh_token_id"],
        unique=True,
        sqlite_where=ONE_ACTIVE,
        postgresql_where=ONE_ACTIVE,
    )
    op.create_index("ix_access_tokens_refresh_token", "access_tokens", ["refresh_token_id"])
    op.create_index("ix_access_tokens_user", "access_tokens", ["user_id", "id"])
    op.create_index("ix_access_tokens_status_expires", "access_tokens", ["status", "expires_at"])
    op.create_index("ix_access_tokens_revoked", "access_tokens", ["revoked_at"])


def _revocation() -> list[sa.Column]:
    return [
        sa.Column("revoked_at", INSTANT),
        sa.Column("revoked_by", sa.String(150)),
        sa.Column("revoke_reason", sa.String(255)),
    ]


def _create_instance_settings() -> None:
    op.create_table(
        "instance_settings",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.String(255), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("changed_by", sa.String(150), nullable=False),
    )


def _create_audit_events() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", ID, primary_key=True),
        sa.Column("at", INSTANT, nullable=False, index=True),
        sa.Column("actor", sa.String(150), nullable=False),
        sa.Column("actor_id", ID),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("object_kind", sa.String(32), nullable=False),
        sa.Column("object_id", sa.String(150), nullable=False),
        sa.Column("address", sa.String(45)),
        sa.Column("request_id", sa.String(36)),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_events_refuse_{act.lower()} BEFORE {act} ON audit_events "
                "BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END"
            )
        # INSERT OR REPLACE deletes the earlier row without running the trigger above.
        op.execute(
            "CREATE TRIGGER audit_events_refuse_replace BEFORE INSERT ON audit_events "
            "WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id) "
            "BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END"
        )
        return
    op.execute(
        "CREATE FUNCTION audit_events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit_events is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_events_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_events_are_append_only()"
    )


def _create_login_throttle() -> None:
    op.create_table(
        "login_throttle",
        sa.Column("bucket", sa.String(64), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("window_ends_at", INSTANT, nullable=False, index=True),
        sa.Column("last_success_at", INSTANT),
    )


def _create_job_leases() -> None:
    op.create_table(
        "job_leases",
        sa.Column("job", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(150)),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("tick", sa.BigInteger, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("last_run_at", INSTANT),
        sa.Column("last_seconds", sa.Float),
        sa.Column("last_rows", sa.BigInteger),
        sa.Column("last_error", sa.String(255)),
    )

"""Seals of the audit log, and the deletion of events of ranges that are marked as removed."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)

HIGH_VOLUME = (
    "access_token.minted", "access_token.superseded_presented", "administration.refused",
    "refresh_token.presented_as_access", "sign_in.refused", "sign_in.throttled",
)  # fmt: skip
"""As in ``app.domain.audit``. An action that is added there needs the trigger again, in a migration of its own."""

_STREAM = f"CASE WHEN OLD.action IN ({', '.join(map(repr, HIGH_VOLUME))}) THEN 'high-volume' ELSE 'ordinary' END"

IS_REMOVED = (
    "EXISTS (SELECT 1 FROM audit_seals AS seal WHERE seal.removed_at IS NOT NULL "  # noqa: S608
    f"AND seal.stream = {_STREAM} AND OLD.id BETWEEN seal.first_id AND seal.last_id)"
)
"""Whether an event belongs to a range that is marked as removed."""

_KEPT = ("stream", "position", "first_id", "last_id", "number", "sealed_at", "key_id", "mac")
IS_MARKED = "OLD.removed_at IS NULL AND NEW.removed_at IS NOT NULL AND " + " AND ".join(
    f"OLD.{column} = NEW.{column}" for column in _KEPT
)
"""Whether a change of a seal does nothing but mark its range as removed."""


def upgrade() -> None:
    op.create_table(
        "audit_seals",
        sa.Column("stream", sa.String(16), primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True),
        sa.Column("first_id", sa.BigInteger, nullable=False),
        sa.Column("last_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("sealed_at", INSTANT, nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("mac", sa.String(64), nullable=False),
        sa.Column("removed_at", INSTANT),
        sa.Column("removal_mac", sa.String(64)),
    )
    is_removed = sa.text("removed_at IS NOT NULL")
    op.create_index("ix_audit_seals_last", "audit_seals", ["stream", "last_id"])
    op.create_index(
        "ix_audit_seals_removed", "audit_seals", ["stream", "last_id"],
        sqlite_where=is_removed, postgresql_where=is_removed,
    )  # fmt: skip
    is_refused = sa.text("result != 'done'")
    op.create_index(
        "ix_audit_events_not_done", "audit_events", ["id"], sqlite_where=is_refused, postgresql_where=is_refused
    )
    if op.get_bind().dialect.name == "sqlite":
        _upgrade_sqlite()
    else:
        _upgrade_postgresql()


def _upgrade_sqlite() -> None:
    op.execute("DROP TRIGGER IF EXISTS audit_events_refuse_delete")
    for table, act, permitted in (
        ("audit_events", "DELETE", IS_REMOVED),
        ("audit_seals", "UPDATE", IS_MARKED),
        ("audit_seals", "DELETE", "OLD.removed_at IS NOT NULL"),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_refuse_{act.lower()} BEFORE {act} ON {table} WHEN NOT ({permitted}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    # INSERT OR REPLACE deletes the earlier row without running the trigger above.
    op.execute(
        "CREATE TRIGGER audit_seals_refuse_replace BEFORE INSERT ON audit_seals "
        "WHEN EXISTS (SELECT 1 FROM audit_seals WHERE stream = NEW.stream AND position = NEW.position) "
        "BEGIN SELECT RAISE(ABORT, 'audit_seals is append-only'); END"
    )


def _upgrade_postgresql() -> None:
    op.execute("DROP TRIGGER audit_events_refuse_change ON audit_events")
    op.execute(
        "CREATE TRIGGER audit_events_refuse_change BEFORE UPDATE OR TRUNCATE ON audit_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_events_are_append_only()"
    )
    for table, act, permitted, row in (
        ("audit_events", "DELETE", IS_REMOVED, "OLD"),
        ("audit_seals", "UPDATE", IS_MARKED, "NEW"),
        ("audit_seals", "DELETE", "OLD.removed_at IS NOT NULL", "OLD"),
    ):
        name = f"{table}_refuse_{act.lower()}"
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {permitted} THEN "
            f"RETURN {row}; END IF; RAISE EXCEPTION '{table} is append-only'; END $$"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    op.execute(
        "CREATE TRIGGER audit_seals_refuse_truncate BEFORE TRUNCATE ON audit_seals "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_events_are_append_only()"
    )


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if is_sqlite:
        op.execute("DROP TRIGGER audit_events_refuse_delete")
        op.execute(
            "CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events "
            "BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END"
        )
    else:
        op.execute("DROP TRIGGER audit_events_refuse_delete ON audit_events")
        op.execute("DROP TRIGGER audit_events_refuse_change ON audit_events")
        op.execute(
            "CREATE TRIGGER audit_events_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_events_are_append_only()"
        )
    op.drop_table("audit_seals")
    op.drop_index("ix_audit_events_not_done", "audit_events")
    if not is_sqlite:
        for name in ("audit_events_refuse_delete", "audit_seals_refuse_update", "audit_seals_refuse_delete"):
            op.execute(f"DROP FUNCTION {name}()")

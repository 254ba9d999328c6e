"""The migrations: they go up and down, and lead to what the tables say, on both databases."""

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import CheckConstraint, inspect, text

from app.cli.database import migrations
from app.domain.emails import canonical_email
from app.storage import schema
from app.storage.database import Base, Database
from app.storage.schema import MIGRATIONS
from tests.unit.storage.planting import KEPT_ON_SQLITE

pytestmark = pytest.mark.both_databases

DESCRIPTIONS = {
    "sqlite": ["SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE '%alembic%'"],
    "postgresql": [
        "SELECT concat_ws(' ', table_name, column_name, data_type, character_maximum_length, is_nullable,"
        " column_default) FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name != 'alembic_version'",
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename != 'alembic_version'",
        "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND conname !~ 'alembic'",
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
        "SELECT relname FROM pg_class WHERE relkind = 'S'",
    ],
}


def described(database: Database) -> list[str]:
    """Everything that exists in the database, in the database's own words."""
    with database.engine.connect() as connection:
        queries = DESCRIPTIONS[database.engine.dialect.name]
        return sorted(f"{row[0]}" for query in queries for row in connection.execute(text(query)))


def test_the_migrations_go_up_and_down_and_up_again(app: Flask, database: Database) -> None:
    """Down leaves nothing behind: no table, no trigger, no function."""
    up = described(database)
    assert len(up) > 20
    with app.app_context():
        migrations(app).downgrade(revision="base")
        assert schema.current_revision(database.engine) is None
        assert [line for line in described(database) if "sqlite_sequence" not in line] == []
        migrations(app).upgrade()
    assert described(database) == up
    assert schema.current_revision(database.engine) == schema.newest_revision()


def test_what_was_replaced_or_revoked_after_it_had_expired_stays_so(app: Flask, database: Database) -> None:
    """◆ The release before stored it as expired, which is only a note since revision 0007."""
    first, last = "'2029-01-01 00:00:00'", "'2030-01-01 00:00:00'"
    user = f"'', '', '', '', 'VIEWER', true, 'inherit', {first}"
    token = f"'k', '', 'expired', {first}, {last}"
    with app.app_context():
        migrations(app).downgrade(revision="0006")
        with database.engine.begin() as connection:
            for name in ("anna", "berta"):
                connection.execute(
                    text(
                        "INSERT INTO users (username, email, first_name, last_name, title, role, is_active,"
                        f" api_tokens, created_at) VALUES ('{name}', {user})"
                    )
                )
            for number in (1, 2):
                columns = "key_id, mac, status, created_at, expires_at, user_id, name, public_id, generation"
                values = f"{token}, 1, 'r', 'r{number}', 2"
                connection.execute(text(f"INSERT INTO refresh_tokens ({columns}) VALUES ({values})"))
            for name, owner, parent, generation in (
                ("replaced", 1, "1", 1),
                ("latest", 1, "1", 2),
                ("regenerated", 1, "2", 1),
                ("single", 1, "NULL", 0),
                ("revoked", 2, "NULL", 0),
            ):
                columns = "key_id, mac, status, created_at, expires_at, user_id, refresh_token_id, generation"
                values = f"{token}, {owner}, {parent}, {generation}, '{name}', '{name}'"
                connection.execute(text(f"INSERT INTO access_tokens ({columns}, public_id, uuid) VALUES ({values})"))
            columns = "at, actor, action, object_kind, object_id, result, detail"
            values = f"{last}, 'cli:root', 'user.tokens_revoked', 'user', 'berta', 'ok', '{{}}'"
            connection.execute(text(f"INSERT INTO audit_events ({columns}) VALUES ({values})"))
        migrations(app).upgrade()
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT public_id, status, had_expired FROM access_tokens ORDER BY id"))
        assert [(name, status, bool(flag)) for name, status, flag in found] == [
            ("replaced", "superseded", True), ("latest", "expired", False), ("regenerated", "superseded", True),
            ("single", "expired", False), ("revoked", "superseded", True),
        ]  # fmt: skip


def test_users_of_before_sign_in_by_the_e_mail_that_they_have(app: Flask, database: Database) -> None:
    """◆ Fails when the migration has another form for look-up than the domain, or finds a user by no address."""
    emails = ["Anna@Example.com", "a\u0308nna@example.com", "\u00c4NNA@example.com", "", "no address", "two@at@signs"]
    columns = "first_name, last_name, title, role, is_active, api_tokens, created_at"
    values = "'', '', '', 'VIEWER', true, 'inherit', '2029-01-01 00:00:00'"
    with app.app_context():
        migrations(app).downgrade(revision="0020")
        with database.engine.begin() as connection:
            for number, email in enumerate(emails):
                statement = text(
                    f"INSERT INTO users (username, email, {columns}) VALUES ('u{number}', :email, {values})"
                )
                connection.execute(statement, {"email": email})
        migrations(app).upgrade()
    with database.engine.connect() as connection:
        found = connection.execute(
            text("SELECT email, email_key FROM users WHERE username LIKE 'u_' ORDER BY username")
        )
        assert [tuple(row) for row in found] == [(email, canonical_email(email)) for email in emails]


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_lead_to_what_the_tables_say(kept_database: Database) -> None:
    """Fails when a column, an index or a constraint is added in one of the two places alone."""
    with kept_database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_checks_have_the_same_names_in_both_places(kept_database: Database) -> None:
    """Alembic does not compare these."""
    inspector = inspect(kept_database.engine)
    for table in Base.metadata.sorted_tables:
        declared = {each.name for each in table.constraints if isinstance(each, CheckConstraint)}
        assert {each["name"] for each in inspector.get_check_constraints(table.name)} == declared


@KEPT_ON_SQLITE
def test_ids_are_numbered_without_reuse_in_both_places(kept_database: Database) -> None:
    """Alembic does not compare this either."""
    tables = Base.metadata.tables.items()
    declared = {name for name, table in tables if table.dialect_options["sqlite"]["autoincrement"]}
    others = {"identities", "expected_identities", "scim_tokens", "scim_groups"}
    assert declared == {"users", "refresh_tokens", "access_tokens", "audit_events", "sessions"} | others
    with kept_database.engine.connect() as connection:
        made = connection.execute(text("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'"))
        assert set(made.scalars()) == declared


def test_revisions_are_consecutive_numbers_and_so_are_their_files() -> None:
    scripts = list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())[::-1]
    numbers = [f"{number:04d}" for number in range(1, len(scripts) + 1)]
    assert [script.revision for script in scripts] == numbers
    assert [script.down_revision for script in scripts] == [None, *numbers[:-1]]
    files = sorted(path.name for path in (MIGRATIONS / "versions").glob("*.py"))
    assert [name[:5] for name in files] == [f"{number}_" for number in numbers]
    assert all(re.fullmatch(r"\d{4}(_[a-z0-9]+)+\.py", name) for name in files)
    for script in scripts:  # each says what it does and how to undo it
        source = Path(script.path).read_text(encoding="utf-8")
        assert script.doc.endswith(".")
        assert re.search(r"def downgrade\(\) -> None:\n(?!    pass)", source)

"""The schema's version and the database's fitness: what must be true before Daypass serves.

Here belong the questions asked at start-up and by ``/readyz``. Not here: the migrations themselves
(``migrations/``).
"""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import flask_migrate
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, func, select, text

MIGRATIONS = Path(__file__).parent.parent.parent / "migrations"


@cache
def newest_revision() -> str:
    """The revision this code works with."""
    revision = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert revision is not None
    return revision


def current_revision(engine: Engine) -> str | None:
    """The revision of the database; None when it is empty."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade() -> None:
    """Bring the database of the current application to the newest revision."""
    flask_migrate.upgrade()


def unfitness(engine: Engine) -> str | None:
    """Why this database must not be served from, in one line; None when it may."""
    revision = current_revision(engine)
    if revision != newest_revision():
        return f"the schema is at {revision or 'nothing'}, not at {newest_revision()}: run `daypass db upgrade`"
    return _postgresql_unfitness(engine) if engine.dialect.name == "postgresql" else None


def clock_difference(engine: Engine, now: datetime) -> float:
    """Seconds by which the database's clock is ahead of `now`; 0 for SQLite, which has none of its own."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("SELECT 1"))
            return 0.0
        theirs = connection.scalar(select(func.clock_timestamp()))
    assert isinstance(theirs, datetime)
    return (theirs.astimezone(UTC) - now).total_seconds()


def _postgresql_unfitness(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if connection.scalar(text("SELECT pg_is_in_recovery()")):
            return "the database is a replica: a revocation would be seen too late; name the primary"
        for name in ("fsync", "synchronous_commit"):
            if connection.scalar(text("SELECT current_setting(:name)"), {"name": name}) == "off":
                return f"the database runs with {name}=off: acknowledged writes could be lost; turn it on"
    return None

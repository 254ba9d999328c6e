"""The version of the schema, and the checks of the database at start."""

from functools import cache
from pathlib import Path

from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import OperationalError

from app.storage.database import engine_options
from app.storage.file_use import share_database

MIGRATIONS = Path(__file__).parent.parent.parent / "migrations"

REPLICA = "the database is a replica or read-only, where revocations arrive late: connect to the primary"
READ_ONLY = "session is read-only"
"""In libpq's error where a server does not match ``target_session_attrs``."""


@cache
def _known_revisions() -> tuple[str, ...]:
    """The prefixes of the migrations' files; importing Alembic for them takes 7 MB of each worker."""
    return tuple(sorted(file.stem.partition("_")[0] for file in (MIGRATIONS / "versions").glob("*.py")))


def newest_revision() -> str:
    """The revision that this code requires."""
    return _known_revisions()[-1]


def current_revision(engine: Engine) -> str | None:
    """The revision of the database; None when it is empty."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def has_users(url: str) -> bool:
    """Whether the database has users; works without the keys that an application needs."""
    engine = create_engine(url, **engine_options(url, threads=1))
    share_database(engine, engine)
    try:
        with engine.connect() as connection:
            has_table = inspect(connection).has_table("users")
            return has_table and connection.scalar(text("SELECT count(*) FROM users")) != 0
    finally:
        engine.dispose()


def startup_problem(engine: Engine) -> str | None:
    """Why Daypass must not serve from this database, in one line; None where it may."""
    try:
        revision = current_revision(engine)
    except OperationalError as error:
        if READ_ONLY in str(error.orig):
            return REPLICA
        raise
    if is_behind(revision):
        return behind(revision)
    return _postgresql_problem(engine) if engine.dialect.name == "postgresql" else None


def is_behind(revision: str | None) -> bool:
    """Whether a schema is too old for this code. An unknown one is newer, and works: migrations only add."""
    return revision is None or (revision in _known_revisions() and revision != newest_revision())


def behind(revision: str | None) -> str:
    """That the schema is too old, and what to do."""
    return f"the schema is at {revision or 'nothing'}, not at {newest_revision()}: run `daypass db upgrade`"


def _postgresql_problem(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if connection.scalar(text("SELECT pg_is_in_recovery()")):
            return REPLICA
        for name in ("fsync", "synchronous_commit"):
            if connection.scalar(text("SELECT current_setting(:name)"), {"name": name}) == "off":
                return f"the database runs with {name}=off: acknowledged writes could be lost; turn it on"
    return None

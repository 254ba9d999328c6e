"""How migrations run: on the application's own engine, in one transaction, one process at a time."""

import time

from alembic import context
from flask import current_app
from sqlalchemy import text

database = current_app.extensions["migrate"].db

MIGRATION_LOCK = 0x6461797061737300
"""Any number that is Daypass's own: two hosts that start at once must not migrate at once."""

PATIENCE_SECONDS = 60
"""How long one of them waits for the other to be done."""


def run_migrations() -> None:
    on_sqlite = database.engine.dialect.name == "sqlite"
    deadline = time.monotonic() + PATIENCE_SECONDS
    with database.engine.connect().execution_options(daypass_writes=lambda: deadline) as connection:
        with connection.begin():
            if not on_sqlite:
                connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
            context.configure(
                connection=connection,
                target_metadata=database.metadatas[None],
                compare_type=True,
                render_as_batch=on_sqlite,
            )
            context.run_migrations()


run_migrations()

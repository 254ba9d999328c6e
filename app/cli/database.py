"""``daypass db …``: the schema's version and the database's fitness."""

from types import ModuleType

import click
from flask import Flask

from app.cli.launching import RefusingGroup, application
from app.cli.output import as_json, say
from app.storage import schema
from app.storage.database import refusing_when_away


@click.group("db", cls=RefusingGroup)
def db() -> None:
    """The database."""


@db.command("upgrade")
@as_json
def upgrade(as_json: bool) -> None:
    """Bring the schema to the newest version; harmless when it is."""
    app = application()
    with app.app_context(), refusing_when_away():
        migrations(app).upgrade()
        revision = schema.current_revision(app.extensions["daypass_database"].engine)
    say({"revision": revision}, f"The schema is at {revision}.", as_json)


@db.command("check")
@as_json
def check(as_json: bool) -> None:
    """Say whether Daypass may serve from this database."""
    with refusing_when_away():
        unfit = schema.unfitness(application().extensions["daypass_database"].engine)
    if unfit:
        raise click.ClickException(unfit)
    told = "The database can be reached, its schema is current, and its settings are safe."
    say({"revision": schema.newest_revision()}, told, as_json)


def migrations(app: Flask) -> ModuleType:
    """Flask-Migrate's commands for this application, however long they take; to be called in its context."""
    import flask_migrate  # a process that only serves needs neither it nor Alembic

    app.extensions["daypass_database"].patience = None
    flask_migrate.Migrate(app, app.extensions["sqlalchemy"], directory=str(schema.MIGRATIONS))
    found: ModuleType = flask_migrate
    return found

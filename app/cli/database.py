"""``daypass db …``: the version of the schema, and the checks of the database."""

from types import ModuleType

import click
from flask import Flask

from app.cli.launching import RefusingGroup, application
from app.cli.output import as_json, show_result
from app.storage import schema
from app.storage.database import refusing_when_away


@click.group("db", cls=RefusingGroup)
def db() -> None:
    """The database."""


@db.command("upgrade")
@as_json
def upgrade(as_json: bool) -> None:
    """Upgrade the schema to the newest version."""
    app = application(creates_database=True)
    with app.app_context(), refusing_when_away():
        migrations(app).upgrade()
        revision = schema.current_revision(app.extensions["daypass_database"].engine)
    show_result({"revision": revision}, f"The schema is at {revision}.", as_json)


@db.command("check")
@as_json
def check(as_json: bool) -> None:
    """Check whether Daypass can serve from this database."""
    with refusing_when_away():
        problem = schema.startup_problem(application().extensions["daypass_database"].engine)
    if problem:
        raise click.ClickException(problem)
    sentence = "The database can be reached, its schema is current, and its settings are safe."
    show_result({"revision": schema.newest_revision()}, sentence, as_json)


def migrations(app: Flask) -> ModuleType:
    """Flask-Migrate for this application, without a time limit; call it in the application context."""
    import flask_migrate  # not needed by servers

    app.extensions["daypass_database"].patience = None
    flask_migrate.Migrate(app, app.extensions["sqlalchemy"], directory=str(schema.MIGRATIONS))
    module: ModuleType = flask_migrate
    return module

"""``daypass db …``: the schema's version and the database's fitness."""

import click

from app.cli.launching import RefusingGroup, application
from app.cli.output import as_json, say
from app.storage import schema
from app.storage.database import db as flask_database
from app.storage.database import refusing_when_away


@click.group("db", cls=RefusingGroup)
def db() -> None:
    """The database."""


@db.command("upgrade")
@as_json
def upgrade(as_json: bool) -> None:
    """Bring the schema to the newest version; harmless when it is."""
    with application().app_context(), refusing_when_away():
        schema.upgrade()
        revision = schema.current_revision(flask_database.engine)
    say({"revision": revision}, f"The schema is at {revision}.", as_json)


@db.command("check")
@as_json
def check(as_json: bool) -> None:
    """Say whether Daypass may serve from this database."""
    with application().app_context(), refusing_when_away():
        unfit = schema.unfitness(flask_database.engine)
    if unfit:
        raise click.ClickException(unfit)
    told = "The database can be reached, its schema is current, and its settings are safe."
    say({"revision": schema.newest_revision()}, told, as_json)

"""``daypass db …``: the schema's version and the database's fitness."""

import click

from app.cli.launching import RefusingGroup, application
from app.storage import schema
from app.storage.database import db as flask_database
from app.storage.database import refusing_when_away


@click.group("db", cls=RefusingGroup)
def db() -> None:
    """The database."""


@db.command("upgrade")
def upgrade() -> None:
    """Bring the schema to the newest version; harmless when it is."""
    with application().app_context(), refusing_when_away():
        schema.upgrade()
        click.echo(f"The schema is at {schema.current_revision(flask_database.engine)}.")


@db.command("check")
def check() -> None:
    """Say whether Daypass may serve from this database."""
    with application().app_context(), refusing_when_away():
        unfit = schema.unfitness(flask_database.engine)
    if unfit:
        raise click.ClickException(unfit)
    click.echo("The database can be reached, its schema is current, and its settings are safe.")

"""``daypass db …``: the version of the schema, and the checks of the database."""

from types import ModuleType

import click
from flask import Flask

from app.cli.launching import RefusingGroup, application, services
from app.cli.output import as_json, show_result
from app.cli.start_checks import ignored_settings, show_warnings
from app.domain.findings import Finding, Level
from app.http.context import parts
from app.services.health import Health, run_check
from app.services.health_checks import is_usable
from app.storage import integrity, schema
from app.storage.database import refusing_when_away


@click.group("db", cls=RefusingGroup)
def db() -> None:
    """The database."""


@db.command("upgrade")
@as_json
def upgrade(as_json: bool) -> None:
    """Upgrade the schema to the newest version."""
    app = application(creates_database=True)
    upgrade_schema(app)
    with refusing_when_away():
        revision = schema.current_revision(app.extensions["daypass_database"].engine)
    show_result({"revision": revision}, f"The schema is at {revision}.", as_json)


@db.command("check")
@as_json
def check(as_json: bool) -> None:
    """Check whether Daypass can serve from this database; changes nothing in it."""
    findings = [*ignored_settings(), *examine(services().health)]
    show_warnings(findings)
    lines = [each.line_with_cause for each in findings if each.level is Level.PROBLEM]
    if lines:
        raise click.ClickException("; ".join(lines))
    warnings = [each.line for each in findings if each.level is Level.WARNING]
    sentence = "The database can be reached and written, its schema is current, and its settings are safe."
    show_result({"revision": schema.newest_revision(), "warnings": warnings}, sentence, as_json)


def examine(health: Health) -> list[Finding]:
    """Every finding about the database; SQLite's file is looked at for damage, which takes seconds on a large one."""
    findings = health.examine(thoroughly=True)
    path = health.path
    if path is None or not is_usable(findings):
        return findings
    others = [each for each in findings if each.name != integrity.NAME]
    return others + run_check(integrity.NAME, lambda: [integrity.check(path, thoroughly=True)])


def upgrade_schema(app: Flask) -> None:
    """Create or upgrade the schema, and let the database know the keys it is used with.

    A newer release's schema stays: its migrations are unknown here, and Daypass works with it.
    """
    with app.app_context(), refusing_when_away():
        if schema.is_behind(schema.current_revision(app.extensions["daypass_database"].engine)):
            migrations(app).upgrade()
    parts(app).services.key_fingerprints.remember()


def migrations(app: Flask) -> ModuleType:
    """Flask-Migrate for this application, without a time limit; call it in the application context."""
    import flask_migrate  # not needed by servers

    app.extensions["daypass_database"].patience = None
    flask_migrate.Migrate(app, app.extensions["sqlalchemy"], directory=str(schema.MIGRATIONS))
    module: ModuleType = flask_migrate
    return module

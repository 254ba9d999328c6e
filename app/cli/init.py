"""``daypass init``: an installation from nothing; run again, it creates what is missing."""

from pathlib import Path

import click
from flask import Flask
from sqlalchemy import make_url

from app.cli.database import upgrade_schema
from app.cli.database_file import prepare_file
from app.cli.launching import RefusingCommand, application, operator
from app.cli.start_checks import ignored_settings, show_warnings
from app.domain.errors import BadRequest, Conflict
from app.domain.identity import Role
from app.http.context import parts
from app.storage import schema
from app.storage.database import refusing_when_away
from config import KEYS_FILE, Settings, SettingsError, exposure, files, generate_keys, load_settings
from config.settings import PREFIX


@click.command("init", cls=RefusingCommand)
def init() -> None:
    """Create what is missing: folder, keys, database, first administrator."""
    settings = load_settings()
    _ensure_folder(settings)
    _ensure_keys(settings)
    app = application(creates_database=True)
    upgrade_schema(app)
    show_warnings([*ignored_settings(), *parts(app).services.health.examine()])
    _ensure_administrator(app, settings)


def _ensure_folder(settings: Settings) -> None:
    if settings.database_url and settings.token_keys and settings.password_pepper:
        return  # nothing would be in it, and it may be on a read-only file system
    folder = settings.instance_folder
    try:
        files.create_folder(folder)
    except OSError as error:
        what_to_do = f"{files.remedy(folder, error.errno)}, or set {PREFIX}INSTANCE"
        raise SettingsError(f"can't create the folder {folder} ({error.strerror}): {what_to_do}") from error
    if problem := exposure.folder_problem(folder):
        raise SettingsError(str(problem))


def _ensure_keys(settings: Settings) -> None:
    folder = settings.instance_folder
    if settings.token_keys or (folder / KEYS_FILE).exists():
        return
    database = make_url(settings.sqlalchemy_url)
    if database.drivername == "sqlite":
        prepare_file(Path(str(database.database)), creates=True)
    with refusing_when_away():
        if schema.has_users(settings.sqlalchemy_url):
            raise SettingsError(
                f"the database has users, but {folder / KEYS_FILE} is missing: restore the file that was used with it; "
                "with other keys, none of its tokens and passwords work"
            )
    if generate_keys(folder):
        click.echo(f"Generated the keys: {folder / KEYS_FILE}. Keep a copy, apart from the database's.", err=True)


def _ensure_administrator(app: Flask, settings: Settings) -> None:
    services = parts(app).services
    if not services.accounts.is_empty():
        return
    name, is_temporary = settings.admin_username, not settings.admin_password
    password = settings.admin_password or services.changing_passwords.generate(name)
    try:
        user = services.accounts.add(name, Role.SERVER_ADMIN, password, operator(), is_temporary=is_temporary)
    except Conflict:  # another host has created it
        return
    except BadRequest as refusal:
        setting = "" if "password" not in refusal.fields else f"{PREFIX}ADMIN_PASSWORD: "
        raise BadRequest(f"{setting}{refusal.message}", refusal.fields) from None
    if is_temporary:
        click.echo(f"Created the administrator {user.username}; password, shown this once: {password}", err=True)
    else:
        click.echo(f"Created the administrator {user.username} with the password you gave.", err=True)
    if settings.public_url:
        click.echo(f"Users sign in at {settings.normal_public_url}/login.", err=True)

"""``daypass init``, ``serve`` and ``scheduler``."""

import multiprocessing
import os
import secrets
import signal
import socket
import threading

import click
from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from app import logs
from app.cli.database import migrations
from app.cli.launching import RefusingCommand, application, operator
from app.domain.clock import system_clock
from app.domain.errors import Conflict
from app.domain.identity import Role
from app.http.context import parts
from app.jobs.scheduler import build_scheduler
from app.storage import schema
from app.storage.database import refusing_when_away
from config import KEYS_FILE, Settings, SettingsError, generate_keys, load_settings
from config.settings import PREFIX

STOP_PATIENCE_SECONDS = 10
"""How long running requests may take to finish; a client that stalls within its body must not block the stop."""


@click.command("init", cls=RefusingCommand)
def init() -> None:
    """Create what is missing: folder, keys, database, first administrator."""
    settings = load_settings()
    _ensure_keys(settings)
    app = application()
    with app.app_context(), refusing_when_away():
        migrations(app).upgrade()
    _ensure_administrator(app, settings)


def _ensure_keys(settings: Settings) -> None:
    folder = settings.instance_folder
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"can't create the folder {folder} ({error.strerror}): set {PREFIX}INSTANCE") from error
    if settings.token_keys or (folder / KEYS_FILE).exists():
        return
    with refusing_when_away():
        if schema.has_users(settings.sqlalchemy_url):
            raise SettingsError(
                f"the database has users, but {folder / KEYS_FILE} is missing: restore the file that was used with it; "
                "with other keys, none of its tokens and passwords work"
            )
    if generate_keys(folder):
        click.echo(f"Generated the keys: {folder / KEYS_FILE}. Keep a copy, apart from the database's.", err=True)


def _ensure_administrator(app: Flask, settings: Settings) -> None:
    accounts = parts(app).services.accounts
    if not accounts.is_empty():
        return
    password = settings.admin_password or secrets.token_urlsafe(15)
    try:
        is_temporary = not settings.admin_password
        user = accounts.add(settings.admin_username, Role.SERVER_ADMIN, password, operator(), is_temporary=is_temporary)
    except Conflict:  # another host has created it
        return
    if settings.admin_password:
        click.echo(f"Created the administrator {user.username} with the password you gave.", err=True)
    else:
        click.echo(f"Created the administrator {user.username}; password, shown this once: {password}", err=True)
    if settings.public_url:
        click.echo(f"Users sign in at {settings.normal_public_url}/login.", err=True)


@click.command("serve", cls=RefusingCommand)
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--workers", type=click.IntRange(1, 256), help="Server processes.")
@click.option("--threads", type=click.IntRange(4, 256), help="Threads of each process.")
def serve(**options: str | int | None) -> None:
    """Serve until stopped; SIGTERM lets running requests finish."""
    # The workers are processes that read the settings again: pass the options on.
    for name, value in options.items():
        if value is not None:
            os.environ[PREFIX + name.upper()] = str(value)
    settings = load_settings()
    app = application()
    _refuse_unsafe(app, settings)
    _refuse_taken_port(settings)
    # glibc gives each thread its own heap, which keeps unused memory.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    # Forking a process with threads (the scheduler's) can copy a held lock.
    multiprocessing.set_start_method("spawn", force=True)
    server = Granian(
        "wsgi:application",
        address=_ip_address(settings.host),
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_PATIENCE_SECONDS,
        log_level=LogLevels(settings.log_level.lower()),
        log_dictconfig=logs.config(settings.log_level),
    )
    logs.configure(settings.log_level)
    if settings.scheduler:
        jobs = build_scheduler(parts(app).services, system_clock)
        server.on_startup(jobs.start)
        server.on_shutdown(jobs.shutdown)
    _welcome(app, settings)
    server.serve()


@click.command("scheduler", cls=RefusingCommand)
def scheduler() -> None:
    """Run only the jobs, for hosts that serve with DAYPASS_SCHEDULER=off."""
    settings = load_settings()
    app = application()
    _refuse_unsafe(app, settings)
    logs.configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    jobs = build_scheduler(parts(app).services, system_clock)
    jobs.start()
    stop.wait()
    jobs.shutdown()


def _refuse_unsafe(app: Flask, settings: Settings) -> None:
    """Refuse to start where data could be lost or leaked."""
    if app.debug and settings.host not in ("127.0.0.1", "::1", "localhost"):
        raise SettingsError("debug mode is on and the address is not loopback: unset FLASK_DEBUG")
    with refusing_when_away():
        problem = schema.startup_problem(app.extensions["daypass_database"].engine)
    if problem:
        raise SettingsError(problem)
    try:
        parts(app).services.instance_settings.policy()
    except ValueError as error:
        raise SettingsError(f"the database has a setting out of its range: {error}") from error


def _refuse_taken_port(settings: Settings) -> None:
    """Granian would share a port that is in use, and get only some of the requests."""
    address = _ip_address(settings.host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, settings.port))
        except OSError as error:
            raise SettingsError(
                f"can't listen on {settings.host}:{settings.port} ({error.strerror}): set {PREFIX}HOST or {PREFIX}PORT"
            ) from error


def _ip_address(host: str) -> str:
    """Granian requires an address, not a name."""
    try:
        return host if ":" in host else socket.gethostbyname(host)
    except OSError as error:
        raise SettingsError(f"can't listen on {host} ({error.strerror}): set {PREFIX}HOST") from error


def _welcome(app: Flask, settings: Settings) -> None:
    """Print the address, the administrators, and a first request."""
    users = parts(app).services.accounts.every()
    administrators = [user.username for user in users if user.is_administrator and user.is_active]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    listens_on = f"http://{host}:{settings.port}"
    address = settings.normal_public_url or listens_on
    click.echo(
        f"\nDaypass serves on {listens_on}{f', for users at {address}' if settings.public_url else ''}\n"
        f"Administrator: {', '.join(administrators[:3]) or 'none: run `daypass user add`'}\n\n"
        "Try next, with a password of yours:\n"
        f"  curl {address}/integration/v1/createRefreshToken/ \\\n"
        f"    -d username={(administrators or ['NAME'])[0]} --data-urlencode password=PASSWORD -d name=my-first-token\n"
        "then use the refresh token to request an access token, as in README.md. Stop with Ctrl-C.\n",
        err=True,
    )

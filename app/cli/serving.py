"""``daypass serve`` and ``scheduler``."""

import multiprocessing
import os
import signal
import socket
import threading

import click
from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from app import logs
from app.cli.launching import RefusingCommand, application
from app.domain.clock import system_clock
from app.http.context import parts
from app.jobs.scheduler import build_scheduler
from app.storage import schema
from app.storage.database import refusing_when_away
from config import Settings, SettingsError, load_settings
from config.settings import PREFIX

STOP_PATIENCE_SECONDS = 10
"""How long running requests may take to finish; a client that stalls within its body must not block the stop."""


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

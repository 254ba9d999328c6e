"""``daypass serve`` and ``scheduler``."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from functools import partial

import click
from flask import Flask

from app import logs
from app.cli.launching import RefusingCommand, application, first_worker
from app.cli.start_checks import deployment, refuse_unsafe, show_warnings
from app.domain.clock import system_clock, utc_text
from app.domain.identity import User
from app.http.context import parts
from app.jobs.scheduler import build_scheduler
from app.server import CannotServe, worker
from app.server.activation import listener_from_systemd
from app.server.connections import connections_at_once
from app.server.listening import Listener, tcp_listener
from app.server.spare_threads import bodies_at_once
from app.server.spawning import allow_many_files
from app.server.supervisor import Supervisor
from app.server.unix_socket import unix_listener
from app.server.worker import Plan
from config import Settings, SettingsError, load_settings
from config.settings import PREFIX, without_secret_settings

STOP_PATIENCE_SECONDS = 10
"""How long running requests may take to finish; a client that stalls within its body must not block the stop."""


@click.command("serve", cls=RefusingCommand)
@click.option("--host", help="Address to listen on, or unix:PATH.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--workers", type=click.IntRange(1, 256), help="Server processes.")
@click.option("--threads", type=click.IntRange(4, 256), help="Threads of each process.")
def serve(**options: str | int | None) -> None:
    """Serve until stopped; SIGTERM lets running requests finish."""
    allow_many_files()
    # The workers are processes that read the settings again: pass the options on.
    for name, value in options.items():
        if value is not None:
            os.environ[PREFIX + name.upper()] = str(value)
    try:
        passed = listener_from_systemd()
        settings = load_settings()
        app = application()
        refuse_unsafe(app)
        with closing(passed or _listener(settings)) as listener:
            _serve(app, settings, listener)
    except CannotServe as error:
        raise click.ClickException(without_secret_settings(str(error))) from error


def _serve(app: Flask, settings: Settings, listener: Listener) -> None:
    if app.debug and not listener.is_local:
        raise SettingsError("debug mode is on and the address is not loopback: unset FLASK_DEBUG")
    show_warnings([deployment(settings, listener.name, listener.is_unix, listener.is_local)])
    logs.configure(settings.log_level)
    bodies = bodies_at_once(settings.workers, settings.threads)
    plan = Plan(
        listener.source,
        settings.workers,
        settings.threads,
        settings.log_level,
        bodies=bodies,
        connections=connections_at_once(),
        http2=settings.http2,
        # Checks wait for PostgreSQL, and those that wait together are read together.
        rest=settings.sqlalchemy_url.startswith("sqlite"),
    )
    supervisor = Supervisor(
        partial(worker.run, plan),
        settings.workers,
        STOP_PATIENCE_SECONDS,
        descriptors=listener.descriptors,
        when_serving=partial(_print, _welcome(app, settings, listener)),
        before_stop=listener.close,
        early=first_worker(),
    )
    with _jobs_running(app) if settings.scheduler else nullcontext():
        supervisor.run()


@contextmanager
def _jobs_running(app: Flask) -> Iterator[None]:
    jobs = build_scheduler(parts(app).services, system_clock)
    jobs.start()
    try:
        yield
    finally:
        jobs.shutdown()


def _listener(settings: Settings) -> Listener:
    if settings.socket_path:
        return unix_listener(settings.socket_path, settings.socket_permissions)
    return tcp_listener(settings.host, settings.port)


@click.command("scheduler", cls=RefusingCommand)
def scheduler() -> None:
    """Run only the jobs, for hosts that serve with DAYPASS_SCHEDULER=off."""
    settings = load_settings()
    app = application()
    refuse_unsafe(app)
    logs.configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _jobs_running(app):
        stop.wait()


def _welcome(app: Flask, settings: Settings, listener: Listener) -> str:
    """The address, the administrators, and a first request."""
    known = parts(app).services.accounts.administrators()
    administrators = [user.username for user in known]
    address = settings.normal_public_url or listener.url
    option = "" if settings.public_url or not listener.curl_option else f"{listener.curl_option} "
    return (
        f"\nDaypass serves on {listener.name}{f', for users at {address}' if settings.public_url else ''}\n"
        f"Administrator: {', '.join(map(_signs_in, known[:3])) or 'none: run `daypass user add`'}\n\n"
        "Try next, with a password of yours:\n"
        f"  curl {option}{address}/integration/v1/createRefreshToken/ \\\n"
        f"    -d username={(administrators or ['NAME'])[0]} --data-urlencode password=PASSWORD -d name=my-first-token\n"
        "then use the refresh token to request an access token, as in README.md. Stop with Ctrl-C.\n"
    )


def _signs_in(administrator: User) -> str:
    end = administrator.password_expires_at
    return administrator.username + (f" (choose another password before {utc_text(end, 'minutes')})" if end else "")


def _print(text: str) -> None:
    with suppress(OSError):  # nobody reads it
        click.echo(text, err=True)

"""What keeps a server or a scheduler from starting. Not here: addresses and ports (``serving``)."""

import atexit
from collections.abc import Callable
from pathlib import Path

import click
from flask import Flask

from app.domain.findings import Level
from app.http.context import parts
from app.services.health_checks import JOURNAL
from app.services.key_fingerprints import NAME as KEYS
from app.storage import integrity
from config import Settings, SettingsError

BEFORE_THE_FIRST_CONNECTION: tuple[Callable[[Path], str | None], ...] = ()
"""Looks at SQLite's file before anything opens it: a line that refuses the start, or None."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def refuse_unsafe(app: Flask, settings: Settings) -> None:
    """Refuse to start where data could be lost or leaked, or nothing could be written; warnings are printed.

    After an unclean stop, SQLite's file is checked for damage in the background.
    """
    if app.debug and settings.host not in LOOPBACK and not settings.socket_path:
        raise SettingsError("debug mode is on and the address is not loopback: unset FLASK_DEBUG")
    services = parts(app).services
    path = services.health.path
    watch = _look_at_the_file(path) if path else None
    try:
        _refuse(app)
    except BaseException:
        if watch:
            watch.abandon()
        raise
    services.key_fingerprints.remember()
    if watch:
        atexit.register(watch.close)
        watch.check_in_background()


def _look_at_the_file(path: Path) -> integrity.Watch | None:
    """Before the first connection, which removes the traces of an unclean stop."""
    for look in BEFORE_THE_FIRST_CONNECTION:
        if line := look(path):
            raise SettingsError(line)
    return integrity.watch(path)


def _refuse(app: Flask) -> None:
    for each in parts(app).services.health.examine(thoroughly=True):
        if each.level is Level.PROBLEM:
            raise SettingsError(each.line_with_cause)
        # Unknown keys are stored a moment later, and every start shows the warning about SQLite itself.
        if each.level is Level.WARNING and each.name not in (KEYS, JOURNAL):
            click.echo(f"Warning: {each.line}.", err=True)

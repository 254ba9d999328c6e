"""What keeps a server or a scheduler from starting, and the warnings of a start. Not here: ports (``serving``)."""

import atexit
from collections.abc import Iterable

import click
from flask import Flask

from app.domain.findings import Finding, Level, ok, warning
from app.http.context import parts
from app.services.key_fingerprints import NAME as KEYS
from app.storage import integrity
from config import Settings, SettingsError, ignored_variables


def refuse_unsafe(app: Flask) -> None:
    """Refuse to start where data could be lost or leaked, or nothing could be written; warnings are printed.

    After an unclean stop, SQLite's file is checked for damage in the background.
    """
    services = parts(app).services
    path = services.health.path
    watch = integrity.watch(path) if path else None  # before the first connection, which removes the traces
    try:
        findings = [*ignored_settings(), *services.health.examine(thoroughly=True)]
        show_warnings(each for each in findings if each.name != KEYS)  # unknown keys are stored below
        _refuse(findings)
    except BaseException:
        if watch:
            watch.abandon()
        raise
    services.key_fingerprints.remember()
    if watch:
        atexit.register(watch.close)
        watch.check_in_background()


def _refuse(findings: Iterable[Finding]) -> None:
    for each in findings:
        if each.level is Level.PROBLEM:
            raise SettingsError(each.line_with_cause)


def show_warnings(findings: Iterable[Finding]) -> None:
    """Print the warnings among the findings on standard error."""
    for each in findings:
        if each.level is Level.WARNING:
            click.echo(f"Warning: {each.line}.", err=True)


def ignored_settings() -> list[Finding]:
    """A warning for each ``DAYPASS_*`` variable that is no setting."""
    ignored = (ascii(name)[1:-1] for name in ignored_variables())
    return [warning("environment", f"{name} is no setting of Daypass, and is ignored") for name in ignored]


def deployment(settings: Settings, place: str, is_unix: bool, is_local: bool) -> Finding:
    """Whether what a server listens on suits the trusted proxies. `place`: the address or socket, for people.

    `is_unix`: whether it is a Unix socket. `is_local`: whether only this machine reaches it.
    """
    if is_unix and not settings.trusts_unix_peers:
        detail = f"Daypass listens on {place} and does not trust its peers, so no client has an address"
        remedy = "add unix to DAYPASS_TRUSTED_PROXIES, or strangers can use up everybody's attempts to sign in"
        return warning("deployment", detail, remedy)
    if not is_local and not settings.proxies:
        detail = f"Daypass listens on {place}, and trusts no proxy"
        remedy = "put a buffering proxy in front, and name its network in DAYPASS_TRUSTED_PROXIES"
        return warning("deployment", detail, remedy)
    return ok("deployment", "the settings are valid")

"""``daypass-token``: print an active access token, for shell scripts."""

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

from daypass_client.errors import ConfigurationError, DaypassError, NotNow, ServerUnavailable
from daypass_client.requests_auth import DaypassAuth, Session
from daypass_client.secrecy import Secret, shown, without_secrets
from daypass_client.server import is_of_settings
from daypass_client.settings import Options
from daypass_client.tokens import TokenSource

DONE, REFUSED, NOT_NOW = 0, 1, 2
INTERRUPTED = 130
"""As shells have it for a program that Ctrl-C ended."""

TIMEOUTS = (5, 15)

ROTATES = "Give the refresh token a new secret, and write it to where the old one is, which works for a while yet."

ROTATE_EPILOG = """The new secret is written to the file, or to what DAYPASS_ENV_FILE, DAYPASS_KEYRING or
DAYPASS_ROTATE_COMMAND names, before it is used. Exit codes: 0, it was rotated, or need not be; 1, you need to do
something, and the message says what; 2, try again later. Unless it is 0, the old secret is in its place, and works."""

EPILOG = """The refresh token comes from DAYPASS_REFRESH_TOKEN or a file, never from the command line, which others see.
Exit codes: 0, a token was printed; 1, you need to do something, and the message says what; 2, try again later."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _fail(message, REFUSED)


def main(words: Sequence[str] | None = None) -> None:
    """Run the command and exit."""
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["rotate"]:
        _rotate(words[1:])
    parser = _Parser(prog="daypass-token", description="Print an active access token.", epilog=EPILOG)
    parser.add_argument("--file", help="file with DAYPASS_URL, DAYPASS_REFRESH_TOKEN and so on (mode 0600)")
    given = parser.parse_args(words)
    options: Options = {"file": given.file} if given.file else {}
    with _telling():
        token = _token_that_works(DaypassAuth(**options))
    _print(token)
    sys.exit(DONE)


def _rotate(words: Sequence[str]) -> NoReturn:
    parser = _Parser(prog="daypass-token rotate", description=ROTATES, epilog=ROTATE_EPILOG)
    parser.add_argument("--file", help="file with DAYPASS_URL, DAYPASS_REFRESH_TOKEN and so on (mode 0600)")
    parser.add_argument("--if-due", action="store_true", help="only if 80 %% of the refresh token's life are over")
    parser.add_argument("--print", action="store_true", help="print the secret in use afterwards")
    given = parser.parse_args(words)
    options: Options = {"rotate": True}
    if given.file:
        options["file"] = given.file
    with _telling():
        source = TokenSource(options)
        was_rotated = source.rotate(given.if_due)
    if given.print:
        _print(source.refresh_token)
    elif was_rotated:
        _tell(f"{shown(source.refresh_token)} has a new secret, which is in {source.settings.place}")
    sys.exit(DONE)


def _token_that_works(auth: DaypassAuth) -> Secret:
    """A token that the server accepts now: a shell does not repeat a refused call."""
    with Session(auth) as session:
        try:
            answer = session.get(auth.check_path, timeout=TIMEOUTS, allow_redirects=False)
            status, text = answer.status_code, answer.text
        except (OSError, ValueError) as error:  # the former includes those of requests
            if is_of_settings(error):
                raise ConfigurationError(f"{auth.url} cannot be called with these settings: {error}") from None
            status, text = 503, str(error)
    if status == 200:
        return auth.token()
    message = f"{auth.url} does not accept its access token: HTTP status {status}, {without_secrets(text)[:200]}"
    raise ServerUnavailable(message) if status == 429 or status >= 500 else DaypassError(message)


def _print(token: Secret) -> None:
    if sys.stdout is None:  # Python's, if a shell closed it
        _fail("standard output is closed, so the token was not printed", REFUSED)
    try:
        sys.stdout.write(f"{token}\n")
        sys.stdout.flush()
    except OSError as error:
        # Python writes what is left when it exits, and would report that as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _fail(f"the token could not be printed: {error.strerror}", REFUSED)


def _fail(message: str, code: int) -> NoReturn:
    _tell(message)
    sys.exit(code)


def _tell(message: str) -> None:
    """One line on standard error, if there is one."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(f"daypass-token: {' '.join(without_secrets(message).split())}\n")


@contextmanager
def _telling() -> Iterator[None]:
    """Say the warnings, or exit with the error, in one line each."""
    try:
        with _warnings() as warnings:
            yield
    except DaypassError as error:
        _fail(str(error), NOT_NOW if isinstance(error, NotNow) else REFUSED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    for warning in warnings:
        _tell(warning)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """The client's warnings, kept for later: an error has one line, and it is the error's."""
    log, collector = logging.getLogger("daypass_client"), _Collector()
    propagated, log.propagate = log.propagate, False
    log.addHandler(collector)
    try:
        yield collector.messages
    finally:
        log.removeHandler(collector)
        log.propagate = propagated

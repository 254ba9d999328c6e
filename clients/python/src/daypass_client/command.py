"""``daypass-token``: print an active access token, for shell scripts."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

import requests

from daypass_client.errors import DaypassError, NotNow, ServerUnavailable
from daypass_client.requests_auth import DaypassAuth, Session
from daypass_client.secrecy import Secret, without_secrets

DONE, REFUSED, NOT_NOW = 0, 1, 2

TIMEOUTS = (5, 15)

EPILOG = """The refresh token comes from DAYPASS_REFRESH_TOKEN or a file, never from the command line, which others see.
Exit codes: 0, a token was printed; 1, you need to do something, and the message says what; 2, try again later."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(REFUSED, f"daypass-token: {message}\n")


def main(words: Sequence[str] | None = None) -> None:
    """Run the command and exit."""
    parser = _Parser(prog="daypass-token", description="Print an active access token.", epilog=EPILOG)
    parser.add_argument("--file", help="file with DAYPASS_URL, DAYPASS_REFRESH_TOKEN and so on (mode 0600)")
    given = parser.parse_args(words)
    try:
        auth = DaypassAuth(file=given.file) if given.file else DaypassAuth()
        token = _token_that_works(auth)
    except DaypassError as error:
        sys.stderr.write(f"daypass-token: {' '.join(str(error).split())}\n")
        sys.exit(NOT_NOW if isinstance(error, NotNow) else REFUSED)
    sys.stdout.write(f"{token}\n")
    sys.exit(DONE)


def _token_that_works(auth: DaypassAuth) -> Secret:
    """A token that the server accepts now: a shell does not repeat a refused call."""
    with Session(auth) as session:
        try:
            answer = session.get(auth.check_path, timeout=TIMEOUTS, allow_redirects=False)
            status, text = answer.status_code, answer.text
        except requests.RequestException as error:
            status, text = 503, str(error)
    if status == 200:
        return auth.token()
    message = without_secrets(f"{auth.url} does not accept its access token: HTTP status {status}, {text[:200]}")
    raise ServerUnavailable(message) if status == 429 or status >= 500 else DaypassError(message)

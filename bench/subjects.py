"""The subjects of the comparison: what each is called, its requests, and the proof that it accepts and refuses."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from bench.load import Carrier, Target
from bench.servers import Server, serving, serving_daypass
from bench.workspace import DATABASES, Workspace

NOTHING = "nothing"
DAYPASS = "daypass"
PEER = "peer"

_TOKEN = Carrier("TOKEN")
_TOKEN_SCHEME = Carrier("Authorization", "Token ")
_BEARER = Carrier("Authorization", "Bearer ")
MINT_PATH = "/integration/v1/createAPIAccessToken/"
_INTROSPECTION = Carrier("Authorization", "Bearer introspector", "token=%s")

WSGI_NOTHING = "wsgi"
FLASK_NOTHING = "flask"
VERIFY = "verify"
USERINFO = "userinfo"

PEERS = (
    ("drf", "REST framework TokenAuthentication", "/drf", _TOKEN_SCHEME),
    ("knox", "django-rest-knox", "/knox", _TOKEN_SCHEME),
    ("oauth", "django-oauth-toolkit, bearer check", "/oauth", _BEARER),
    ("introspect", "django-oauth-toolkit, introspection", "/introspect", _INTROSPECTION),
    ("jwt", "Flask-JWT-Extended, blocklist", "/", _BEARER),
)


class Unverified(Exception):
    """A subject accepted a bad token, or refused a good one; its figures would mean nothing."""


@dataclass(frozen=True)
class Subject:
    """One thing that is measured. `bad`: a token that must be refused, None where nothing is."""

    key: str
    label: str
    group: str
    database: str
    target: Target
    bad: str | None

    @property
    def name(self) -> str:
        """Its key in the results."""
        return f"{self.key}/{self.database}" if self.database else self.key

    def verify(self) -> None:
        """Refuse with :class:`Unverified` unless a good token is accepted and a bad one refused."""
        good = self.target.tokens.read_text().split("\n", 1)[0]
        if not _accepted(self._send(good)):
            raise Unverified(f"{self.label} ({self.database}) refuses a good token: {self._send(good).text[:300]}")
        if self.bad is not None and _accepted(self._send(self.bad)):
            raise Unverified(f"{self.label} ({self.database}) accepts a bad token")

    def _send(self, token: str) -> requests.Response:
        carrier = self.target.carrier
        if carrier.body:
            name, _, value = carrier.body.partition("=")
            fields = {name: value.replace("%s", token)}
            return requests.post(self.target.url, fields, headers={carrier.name: carrier.before}, timeout=10)
        return requests.get(self.target.url, headers={carrier.name: carrier.before + token}, timeout=10)


def _accepted(answer: requests.Response) -> bool:
    """An introspection answers in its body, the others with their status."""
    if answer.status_code not in (200, 400, 401, 403):
        raise Unverified(f"{answer.url} answers {answer.status_code}: {answer.text[:300]}")
    body: Any = answer.json() if answer.headers.get("Content-Type", "").startswith("application/json") else {}
    return answer.status_code == 200 and not (isinstance(body, dict) and body.get("active") is False)


def all_subjects(workspace: Workspace, running: ExitStack) -> Iterator[Subject]:
    """Every subject, its server started; those stop with `running`."""
    sample = workspace.daypass(DATABASES[0], workspace.plan.tokens).tokens
    start: Callable[[Server], Server] = running.enter_context
    for key, label, module in (
        (WSGI_NOTHING, "WSGI app that does nothing", "nothing"),
        (FLASK_NOTHING, "Flask view that does nothing", "nothing_flask"),
    ):
        server = start(serving(f"bench.apps.{module}:application", workspace.folder))
        yield Subject(key, label, NOTHING, "", Target(f"{server.url}/", sample, _TOKEN, server.pid), None)
    for database in DATABASES:
        yield from _daypass(workspace, database, start)
        yield from _peers(workspace, database, start)


def verify_target(server: Server, tokens: Path) -> Target:
    """The check."""
    return Target(f"{server.url}/auth/verify", tokens, _TOKEN, server.pid)


def mint_target(server: Server, forms: Path) -> Target:
    """A new access token from a refresh token."""
    return Target(server.url + MINT_PATH, forms, Carrier(body="%s"), server.pid)


def login_target(server: Server, forms: Path) -> Target:
    """A new refresh token from a password."""
    return Target(f"{server.url}/integration/v1/createRefreshToken/", forms, Carrier(body="%s"), server.pid)


def _daypass(workspace: Workspace, database: str, start: Callable[[Server], Server]) -> Iterator[Subject]:
    installation = workspace.daypass(database, workspace.plan.tokens)
    server = start(serving_daypass(installation))
    bad, tokens = installation.bad_token(), installation.tokens
    userinfo = Target(f"{server.url}/integration/v1/userinfo/", tokens, _TOKEN, server.pid)
    yield Subject(VERIFY, "Daypass /auth/verify", DAYPASS, database, verify_target(server, tokens), bad)
    yield Subject(USERINFO, "Daypass userinfo, through Flask", DAYPASS, database, userinfo, bad)


def _peers(workspace: Workspace, database: str, start: Callable[[Server], Server]) -> Iterator[Subject]:
    django = workspace.peer("django_rows", database)
    flask_jwt = workspace.peer("flask_jwt", database)
    site = start(serving("bench.apps.django_site:application", django.folder, **django.environment))
    view = start(serving("bench.apps.flask_jwt:application", flask_jwt.folder, **flask_jwt.environment))
    for key, label, path, carrier in PEERS:
        server, folder = (view, flask_jwt.folder) if key == "jwt" else (site, django.folder)
        tokens = folder / f"{'oauth' if key == 'introspect' else key}.txt"
        bad = (folder / "jwt-revoked.txt").read_text() if key == "jwt" else _with_other_end(tokens)
        yield Subject(key, label, PEER, database, Target(server.url + path, tokens, carrier, server.pid), bad)


def _with_other_end(tokens: Path) -> str:
    """A good token with another last character: for knox, the same row with a wrong digest."""
    good = tokens.read_text().split("\n", 1)[0]
    return good[:-1] + ("0" if good[-1] != "0" else "1")

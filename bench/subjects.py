"""The subjects of the comparison: what each is called, its requests, and the proof that it accepts and refuses."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests

from bench.load import Carrier, Target, drive
from bench.rounds import summarize, take_turns
from bench.servers import Server, serving, serving_daypass
from bench.workspace import DATABASES, Workspace

NOTHING = "nothing"
DAYPASS = "daypass"
PEER = "peer"

_TOKEN = Carrier("TOKEN")
_TOKEN_SCHEME = Carrier("Authorization", "Token ")
_BEARER = Carrier("Authorization", "Bearer ")
MINT_PATH = "/integration/v1/createAPIAccessToken/"

WSGI_NOTHING = "wsgi"
WSGI_PINNED = "wsgi-pinned"
FLASK_NOTHING = "flask"
VERIFY = "verify"
INTROSPECTION = "client"
"""By a client with its secret."""

FLOORS = (
    (WSGI_NOTHING, "WSGI app that does nothing", "nothing"),
    (WSGI_PINNED, "WSGI app that does nothing, on one core", "nothing_pinned"),
    (FLASK_NOTHING, "Flask view that does nothing", "nothing_flask"),
)

INTROSPECTION_PATH = "/oauth/introspect"
OWN = {
    VERIFY: ("Daypass /auth/verify", "/auth/verify", ""),
    "userinfo": ("Daypass userinfo, through Flask", "/integration/v1/userinfo/", ""),
    INTROSPECTION: ("Daypass introspection, client id and secret", INTROSPECTION_PATH, "Basic"),
    "bearer": ("Daypass introspection, Bearer token", INTROSPECTION_PATH, "Bearer"),
}
"""Label, path, and the scheme with which a caller that introspects authenticates, of each request of Daypass."""


def basic(name: str, password: str) -> str:
    """The value of an Authorization header."""
    return f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"


def introspecting(authorization: str) -> Carrier:
    """The token is in the form, and the caller's credential in the header."""
    return Carrier("Authorization", authorization, "token=%s")


PEERS = (
    ("drf", "REST framework TokenAuthentication", "/drf", _TOKEN_SCHEME),
    ("knox", "django-rest-knox", "/knox", _TOKEN_SCHEME),
    ("oauth", "django-oauth-toolkit, bearer check", "/oauth", _BEARER),
    ("introspect", "django-oauth-toolkit, introspection", "/introspect", introspecting("Bearer introspector")),
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
            headers = {carrier.name: carrier.before} if carrier.name else {}
            return requests.post(self.target.url, fields, headers=headers, timeout=10)
        return requests.get(self.target.url, headers={carrier.name: carrier.before + token}, timeout=10)


def _accepted(answer: requests.Response) -> bool:
    """An introspection answers in its body, the others with their status."""
    if answer.status_code not in (200, 400, 401, 403):
        raise Unverified(f"{answer.url} answers {answer.status_code}: {answer.text[:300]}")
    body: Any = answer.json() if answer.headers.get("Content-Type", "").startswith("application/json") else {}
    return answer.status_code == 200 and not (isinstance(body, dict) and body.get("active") is False)


def side_by_side(workspace: Workspace, subjects: Iterable[Subject], warm_ups: int = 1) -> dict[str, Any]:
    """What each subject, whose server runs, is and does; `warm_ups` of the usual length come first."""
    found, plan = list(subjects), workspace.plan
    for subject in found:
        subject.verify()
        drive(subject.target, plan.warm_up * warm_ups)
    measured = take_turns({each.name: partial(drive, each.target, plan.seconds) for each in found}, plan.rounds)
    return {
        each.name: {"label": each.label, "group": each.group, "key": each.key, "database": each.database}
        | summarize(measured[each.name])
        for each in found
    }


def prepare_subjects(workspace: Workspace) -> None:
    """Fill the databases of all subjects."""
    for database in DATABASES:
        workspace.daypass(database, workspace.plan.tokens)
        workspace.peer("django_rows", database)
        workspace.peer("flask_jwt", database)


def check_subjects(workspace: Workspace, running: ExitStack) -> Iterator[Subject]:
    """Everything that answers whose token it is, its server started; those stop with `running`."""
    yield from _floors(workspace, running)
    yield from daypass_subjects(workspace, running, (VERIFY, "userinfo"))
    for database in DATABASES:
        yield from _peers(workspace, database, running, ("drf", "knox", "oauth", "jwt"))


def introspection_subjects(workspace: Workspace, running: ExitStack) -> Iterator[Subject]:
    """Likewise everything that introspects."""
    yield from _floors(workspace, running)
    yield from daypass_subjects(workspace, running, (INTROSPECTION, "bearer"))
    for database in DATABASES:
        yield from _peers(workspace, database, running, ("introspect",))


def _floors(workspace: Workspace, running: ExitStack) -> Iterator[Subject]:
    sample = workspace.daypass(DATABASES[0], workspace.plan.tokens).tokens
    for key, label, module in FLOORS:
        server = running.enter_context(serving(f"bench.apps.{module}:application", workspace.folder))
        yield Subject(key, label, NOTHING, "", Target(f"{server.url}/", sample, _TOKEN, server.pid), None)


def daypass_subjects(
    workspace: Workspace,
    running: ExitStack,
    keys: Sequence[str],
    workers: int = 1,
    databases: Sequence[str] = DATABASES,
) -> Iterator[Subject]:
    """Those of Daypass with these keys, on one server for each database."""
    for database in databases:
        installation = workspace.daypass(database, workspace.plan.tokens)
        server = running.enter_context(serving_daypass(installation, workers))
        counted = workspace.server_of(database)
        for key in keys:
            label, path, scheme = OWN[key]
            carrier = introspecting(f"{scheme} {installation.introspectors[scheme]}") if scheme else _TOKEN
            target = Target(server.url + path, installation.tokens, carrier, server.pid, counted)
            yield Subject(key, label, DAYPASS, database, target, installation.bad_token())


def _peers(workspace: Workspace, database: str, running: ExitStack, keys: Sequence[str]) -> Iterator[Subject]:
    django, flask_jwt = workspace.peer("django_rows", database), workspace.peer("flask_jwt", database)
    site = running.enter_context(serving("bench.apps.django_site:application", django.folder, **django.environment))
    view = site
    if "jwt" in keys:
        view = running.enter_context(
            serving("bench.apps.flask_jwt:application", flask_jwt.folder, **flask_jwt.environment)
        )
    counted = workspace.server_of(database)
    for key, label, path, carrier in PEERS:
        if key not in keys:
            continue
        server, folder = (view, flask_jwt.folder) if key == "jwt" else (site, django.folder)
        tokens = folder / f"{'oauth' if key == 'introspect' else key}.txt"
        bad = (folder / "jwt-revoked.txt").read_text() if key == "jwt" else with_other_end(tokens)
        yield Subject(key, label, PEER, database, Target(server.url + path, tokens, carrier, server.pid, counted), bad)


def verify_target(server: Server, tokens: Path, database: int | None = None) -> Target:
    """The check. `database`: the process of the database server, whose CPU time is counted."""
    return Target(f"{server.url}/auth/verify", tokens, _TOKEN, server.pid, database)


def mint_target(server: Server, forms: Path, database: int | None = None) -> Target:
    """A new access token from a refresh token. `database` as for the check."""
    return Target(server.url + MINT_PATH, forms, Carrier(body="%s"), server.pid, database)


def login_target(server: Server, forms: Path) -> Target:
    """A new refresh token from a password."""
    return Target(f"{server.url}/integration/v1/createRefreshToken/", forms, Carrier(body="%s"), server.pid)


def with_other_end(tokens: Path) -> str:
    """A good token with two other characters at its end: for knox, the same row with a wrong digest. The last one alone
    may say nothing: the last bits of a signature in base64 are none of it."""
    good = tokens.read_text().split("\n", 1)[0]
    return good[:-2] + ("00" if good[-2] != "0" else "11")

"""OAuth's introspection and revocation at the gate: what it answers is what Flask answers, and what it leaves to it."""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from itertools import product
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from werkzeug.test import Client, EnvironBuilder, TestResponse, run_wsgi_app

from app.domain.errors import Refusal, every_refusal
from app.domain.identity import Role
from app.domain.tokens import TokenKind
from app.gate import Gate
from app.http.body import LARGEST_BODY
from app.http.context import parts
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.contract import asking
from tests.contract.asking import Headers, basic, bearer
from tests.contract.conftest import MovableClock
from tests.contract.states import ACCESS_STATES, REFRESH_STATES, World
from tests.contract.test_error_tables import example
from tests.contract.test_oauth_grants import WAYS
from tests.factories import PASSWORD, allowed_user, generate, issue, make_user, mint

FORM = "application/x-www-form-urlencoded"
ENDPOINTS = [f"/oauth{version}/{name}{slash}" for name in ("introspect", "revoke") for version in ("", "/v2")
             for slash in ("", "/")]  # fmt: skip
HERE = {"REMOTE_ADDR": "127.0.0.1"}
ROUNDS = 400
VARYING = ("request_id", "milliseconds", "timestamp", "token_id", "user_id", "logger")


class Behind:
    """The application behind the gate, which remembers that it was asked, and with what body."""

    def __init__(self, app: Flask) -> None:
        gate = app.wsgi_app
        assert isinstance(gate, Gate)
        self.flask = gate._application
        self.bodies: list[bytes] = []

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        raw = environ["wsgi.input"].read()
        self.bodies.append(raw)
        environ["wsgi.input"] = BytesIO(raw)
        return self.flask(environ, start_response)


@pytest.fixture
def behind(app: Flask) -> Behind:
    return Behind(app)


@pytest.fixture
def gate(app: Flask, behind: Behind) -> Client:
    return Client(Gate(behind, parts(app)), use_cookies=False)


@pytest.fixture
def flask(behind: Behind) -> Client:
    return Client(behind.flask, use_cookies=False)


@pytest.fixture
def stopped(clock: MovableClock) -> Iterator[None]:
    """So that two answers one after the other say the same."""
    with clock.later(seconds=1):
        yield


def seen(answer: TestResponse) -> tuple[Any, ...]:
    """All of an answer but the request's own id."""
    answer.headers.pop("X-Request-Id")
    return answer.status, list(answer.headers), answer.data


def post(client: Client, path: str, data: Any = b"", headers: Any = (), **request: Any) -> TestResponse:
    request.setdefault("content_type", FORM)
    return client.open(path, method="POST", data=data, headers=headers, **request)


class Pieces:
    """Credentials and tokens of every kind and state, to be put together at random."""

    def __init__(self, world: World) -> None:
        services = world.services
        people = [make_user(services, role=role) for role in (Role.VIEWER, Role.INTROSPECTOR, Role.SERVER_ADMIN)]
        self.refresh = [issue(services, each) for each in people for _ in range(2)]
        self.access = [mint(services, each) for each in self.refresh]
        single = generate(services, allowed_user(services))
        states = (*ACCESS_STATES.values(), *REFRESH_STATES.values())
        ended = [make(World(services, world.clock, world.setting))[0] for make, _ in states]
        self.texts = [*(each.secret for each in (*self.refresh, *self.access, single)), *ended, "nonsense", ""]
        self.texts += [f"{self.texts[0]}x", asking.unknown_token(TokenKind.REFRESH), asking.unknown_token()]
        self.ids = [*(each.token.public_id for each in (*self.refresh, *self.access)), "anna", "", "x:y"]

    def headers(self, pick: random.Random) -> Headers:
        text, other, id = pick.choice(self.texts), pick.choice(self.texts), self.id(pick, None)
        some: list[Headers] = [
            {}, {}, bearer(text), {"TOKEN": text}, basic(self.id(pick, text), text), basic(id, text),
            {"TOKEN": text, **bearer(other)}, {"TOKEN": text, **basic(id, other)}, {"Authorization": "Basic !"},
            basic(quote(id, safe=""), quote(text, safe="")), {"Authorization": text}, {"Authorization": "Bearer "},
            basic(id, ""), {"X-Forwarded-For": "192.0.2.1", "User-Agent": "x/1", **bearer(text)},
        ]  # fmt: skip
        return pick.choice(some)

    def id(self, pick: random.Random, text: str | None) -> str:
        """Often the one of the text."""
        return text[4:16] if text and pick.random() < 0.8 else pick.choice(self.ids)

    def body(self, pick: random.Random) -> bytes:
        text = pick.choice(self.texts)
        pairs = [("token", pick.choice(self.texts)) for _ in range(pick.choice((0, 1, 1, 1, 1, 1, 1, 2)))]
        if pick.random() < 0.5:
            pairs.append(("token_type_hint", pick.choice(("access_token", "refresh_token", "", "x"))))
        if pick.random() < 0.4:
            pairs += [("client_secret", text), ("client_id", self.id(pick, text))][: pick.choice((1, 2, 2))]
        if pick.random() < 0.2:
            pairs.append(pick.choice((("scope", "é"), ("", ""), ("a b", "%"), ("client_id", "x"))))
        pick.shuffle(pairs)
        raw = urlencode(pairs).encode()
        return raw + pick.choice((b"", b"", b"", b"", b"&", b"&x", b"&%ff=1", b"\xff", b"&\xc3\xa9=1"))


@pytest.mark.both_databases
def test_whatever_is_asked_the_gate_answers_as_flask_does(
    world: World, gate: Client, flask: Client, behind: Behind, clock: MovableClock
) -> None:
    """◆ Status, headers and body, in their order; from a seed, so that a failure comes again.

    Fails when the gate takes another word for a refusal, another challenge or another credential.
    """
    pick, pieces = random.Random(7662), Pieces(world)
    statuses, at_the_gate = set(), 0
    for _ in range(ROUNDS):
        path, headers, body = pick.choice(ENDPOINTS[:4]), pieces.headers(pick), pieces.body(pick)
        kind = pick.choice((FORM, FORM, FORM, FORM, f"{FORM};charset=UTF-8", FORM.upper(), "application/json", "x", ""))
        behind.bodies.clear()
        with clock.later(seconds=1):  # stopped for no longer: PostgreSQL has a clock of its own
            ours = post(gate, path, body, headers, content_type=kind)
            passed_on = bool(behind.bodies)
            theirs = post(flask, path, body, headers, content_type=kind)
        statuses.add(theirs.status_code)
        at_the_gate += not passed_on
        assert seen(ours) == seen(theirs), (path, kind, len(body), sorted(headers))
    assert statuses == {200, 400, 401}
    assert at_the_gate > ROUNDS / 3


@pytest.mark.usefixtures("stopped")
def test_a_revocation_at_the_gate_leaves_what_one_in_flask_leaves(
    world: World, gate: Client, flask: Client, database: Database, services: Services
) -> None:
    """Of each credential and token: the answer, the state of the token, and the audit event with all it names."""
    owner, admin = world.user, make_user(services, role=Role.SERVER_ADMIN)

    def nobody() -> tuple[Headers, dict[str, str]]:
        return {}, {}

    def client() -> tuple[Headers, dict[str, str]]:
        return {}, {"client_secret": world.refresh.secret}

    def by(user: Any, form: Callable[[str], Headers]) -> Callable[[], tuple[Headers, dict[str, str]]]:
        return lambda: (form(mint(services, issue(services, user)).secret), {})

    ways = [nobody, client, *(by(user, form) for user in (owner, admin, make_user(services))
                              for form in (bearer, lambda text: basic(text[4:16], text)))]  # fmt: skip
    for way in ways:
        left = []
        for application in (gate, flask):
            token = mint(services, world.refresh)
            headers, form = way()
            answer = post(application, "/oauth/revoke", {"token": token.secret, **form}, headers)
            events = [each for each in rows.audit_events(database) if each.object_id == token.token.public_id][1:]
            about = [(each.action, each.actor, each.address, each.detail) for each in events]
            assert all(event.request_id == answer.headers["X-Request-Id"] for event in events)
            is_active = services.listing.find(token.token.public_id).token.revoked_at is None
            left.append((answer.status, answer.data, is_active, about))
        assert left[0] == left[1]
        assert left[0][0].startswith("403" if way in ways[-2:] else "200")


@pytest.mark.parametrize("way", [way for way in WAYS if "TOKEN" not in way])
@pytest.mark.parametrize("kind", TokenKind)
@pytest.mark.parametrize("role", [Role.INTROSPECTOR, Role.SERVER_ADMIN])
def test_a_token_of_who_may_introspect_is_a_client_of_its_id_and_its_text(
    gate: Client, behind: Behind, services: Services, role: Role, kind: TokenKind, way: str
) -> None:
    """In each way that libraries send one; neither Flask nor a password digest is asked."""
    refresh = issue(services, make_user(services, role=role))
    credential = refresh if kind is TokenKind.REFRESH else mint(services, refresh)
    token = mint(services, issue(services, make_user(services)))
    headers, form = WAYS[way](credential.token.public_id, credential.secret)
    for path in ENDPOINTS[:4]:
        answer = post(gate, path, {"token": token.secret, **form}, headers)
        assert (answer.status_code, answer.get_json()["jti"]) == (200, token.token.public_id)
    assert behind.bodies == []


def test_an_access_token_as_a_client_may_what_it_may_in_a_header_and_is_used_by_it(
    gate: Client, services: Services
) -> None:
    """As Bearer: of who may not introspect refused as that, and under another's id as no client."""
    access = mint(services, issue(services, make_user(services)))
    id, secret = access.token.public_id, access.secret
    answer = post(gate, "/oauth/introspect", {"token": secret}, basic(id, secret))
    assert asking.refusal(answer) == (401, "insufficient_scope", "not_permitted")
    services.last_use.flush()
    assert services.listing.find(id).token.last_used_at is not None
    for headers, form in ((basic("abcdefghijkl", secret), {}), ({}, {"client_id": "x", "client_secret": secret})):
        answer = post(gate, "/oauth/revoke", {"token": secret, **form}, headers)
        assert asking.refusal(answer) == (401, "invalid_client", "bad_credentials")
    assert post(gate, "/oauth/revoke", {"token": secret}, basic(id, secret)).status_code == 200
    answer = post(gate, "/oauth/introspect", {"token": secret}, basic(id, secret))
    assert asking.refusal(answer) == (401, "invalid_client", "token_revoked")
    assert asking.challenges(answer) == [asking.BASIC]
    assert answer.get_json()["detail"] == "The access token was revoked, or its secret was replaced."


def test_what_the_gate_does_not_answer_reaches_flask_with_its_whole_body(
    gate: Client, behind: Behind, services: Services
) -> None:
    """A password, another type, method or protocol, chunks, a query in other bytes, and what is too large."""
    user = make_user(services, role=Role.INTROSPECTOR, password=PASSWORD)
    form = urlencode({"token": "nonsense", "rest": "x" * 2000}).encode()
    others: list[dict[str, Any]] = [
        {"headers": basic(user.username, PASSWORD)},
        {"content_type": "application/json"},
        {"content_type": f"{FORM}-not"},
        {"environ_overrides": {"SERVER_PROTOCOL": "HTTP/2"}},
        {"environ_overrides": {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}},
        {"environ_overrides": {"QUERY_STRING": "a=\xff"}},
        {"environ_overrides": {"CONTENT_LENGTH": "+1"}},
        {"environ_overrides": {"CONTENT_LENGTH": str(LARGEST_BODY + 1)}},
        {"environ_overrides": {"HTTP_HOST": "a,b"}},
    ]
    for request in others:
        behind.bodies.clear()
        post(gate, "/oauth/introspect", form, **request)
        assert behind.bodies == [form], request
    for path in ("/oauth/token", "/oauth/introspect/x", "/oauth//introspect", "/OAUTH/introspect", "/oauth/v3/revoke"):
        behind.bodies.clear()
        post(gate, path, form)
        assert behind.bodies == [form], path


@pytest.mark.parametrize("form", [bearer, lambda text: basic(text[4:16], text)])
def test_a_superseded_credential_is_recorded_with_the_request_that_presented_it(
    gate: Client, services: Services, database: Database, form: Callable[[str], Headers]
) -> None:
    refresh = issue(services, make_user(services, role=Role.INTROSPECTOR))
    old = mint(services, refresh)
    mint(services, refresh)
    answer = post(gate, "/oauth/introspect", {"token": "x"}, form(old.secret), environ_base=HERE)
    assert (answer.status_code, answer.get_json()["reason"]) == (401, "token_superseded")
    services.last_use.flush()
    (event,) = [each for each in rows.audit_events(database) if each.object_id == old.token.public_id][1:]
    assert (event.action, event.actor) == ("access_token.superseded_presented", "")
    assert (event.request_id, event.address) == (answer.headers["X-Request-Id"], "127.0.0.1")


class Broken:
    """A body whose connection ends."""

    def __init__(self, raw: bytes, error: Exception | None) -> None:
        self._left, self._error = BytesIO(raw), error

    def read(self, size: int = -1) -> bytes:
        raw = self._left.read(min(size, 7) if size >= 0 else size)
        if not raw and self._error:
            raise self._error
        return raw


@pytest.mark.parametrize("error", [None, OSError("gone"), ValueError("gone")])
def test_a_body_that_comes_in_pieces_is_read_whole_and_one_that_ends_early_is_a_400(
    app: Flask, error: Exception | None
) -> None:
    """Fails when one read is taken for all, or a shorter body for a form."""
    form = b"token=nonsense"
    for length, status in ((len(form), "200"), (len(form) + 1, "400")):
        environ = EnvironBuilder("/oauth/revoke", method="POST", content_type=FORM, data=form).get_environ()
        environ |= {"wsgi.input": Broken(form, error), "CONTENT_LENGTH": str(length)}
        body, answered, _ = run_wsgi_app(app.wsgi_app, environ)
        assert answered[:3] == status, b"".join(body)


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("kind", list(every_refusal()), ids=lambda kind: kind.__name__)
def test_every_refusal_is_the_same_error_at_the_gate(
    gate: Client, flask: Client, behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch, kind: type[Refusal]
) -> None:
    """◆ Fails when one has another status, word, challenge or wait there. By a token and by a client."""

    def raise_it(*_: Any, **__: Any) -> None:
        raise example(kind)

    services = world.services
    refresh = issue(services, make_user(services, role=Role.SERVER_ADMIN))
    headers = bearer(mint(services, refresh).secret)
    monkeypatch.setattr(services.introspecting, "introspect", raise_it)
    monkeypatch.setattr(services.revoking, "revoke_secret", raise_it)
    for path, credential in product(("/oauth/introspect", "/oauth/revoke"), (headers, basic("", refresh.secret))):
        ours = post(gate, path, {"token": "x"}, credential)
        assert behind.bodies == []
        assert seen(ours) == seen(post(flask, path, {"token": "x"}, credential))


def test_a_fault_of_ours_is_met_again_in_flask_and_answered_there(
    gate: Client, world: World, log_lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.services.introspecting, "introspect", None)
    answer = post(gate, "/oauth/introspect", {"token": "x", "client_secret": world.refresh.secret})
    assert asking.refusal(answer) == (500, "server_error", "internal_server_error")
    assert [line for line in log_lines if "gate_gave_up" in line and "NoneType" in line]


def test_an_introspection_is_logged_as_a_check_is_and_all_else_as_in_flask(
    gate: Client, flask: Client, world: World, log_lines: list[str]
) -> None:
    """A line for what is refused and what is revoked; of what is answered, one of the level DEBUG."""
    lines = []
    for application in (gate, flask):
        sent = bearer(mint(world.services, issue(world.services, make_user(world.services))).secret)
        for path, headers in (("/oauth/introspect", sent), ("/oauth/revoke", {}), ("/oauth/revoke", bearer("x"))):
            before = len(log_lines)
            answer = post(application, path, {"token": "nonsense"}, headers)
            (line,) = [json.loads(each) for each in log_lines[before:] if '"request"' in each]
            assert line["request_id"] == answer.headers["X-Request-Id"]
            lines.append({name: value for name, value in line.items() if name not in VARYING} | {"user": bool(
                line["user_id"])})  # fmt: skip
    assert lines[:3] == lines[3:]
    before = len(log_lines)
    post(gate, "/oauth/introspect", {"token": "x", "client_secret": world.refresh.secret})
    (line,) = [json.loads(each) for each in log_lines[before:] if '"request"' in each]
    assert (line["level"], line["status"], line["path"]) == ("debug", 200, "/oauth/introspect")

"""Who may ask about tokens, and how whoever may not is told: RFC 7662 section 2.3, RFC 6749 section 5.2, RFC 6750
section 3, RFC 7617.

Here belong identities against both endpoints, and credentials that can't be checked. Not here: what is told of a
token (``test_oauth_introspection``), and what a revocation does (``test_oauth_revocation``).
"""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from app.domain.identity import Role, User
from app.domain.secrets import TokenFormat, new_token_text
from app.domain.tokens import AccessToken, Issued, TokenKind
from app.gate import Gate
from app.http.context import parts
from app.services import Services
from app.services.throttling import ACCOUNT_LIMIT, WINDOW
from config import Settings
from tests.contract.asking_oauth import (
    BASIC,
    BEARER,
    BEARER_INSUFFICIENT,
    BEARER_INVALID,
    INACTIVE,
    INTROSPECT,
    REVOKE,
    Headers,
    OAuth,
    basic,
    bearer,
    challenges,
    said,
)
from tests.contract.conftest import MovableClock
from tests.contract.test_alation_errors import doomed_application
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint
from tests.secrecy import PASSWORD_MARK

WRONG = f"{PASSWORD_MARK}-of-nobody"
TEXT = TokenFormat(("dp",))


@dataclass
class People:
    """One of each sort, made once for the module: passwords cost time."""

    services: Services
    user: User
    admin: User
    introspector: User
    disabled: User
    passwordless: User

    def token(self, who: User) -> str:
        return mint(self.services, issue(self.services, who)).secret

    def ended(self, end: Callable[[Issued[AccessToken]], object]) -> str:
        """An introspector's token that would do, had it not ended."""
        access = mint(self.services, issue(self.services, self.introspector))
        end(access)
        return access.secret

    def revoked(self) -> str:
        return self.ended(lambda access: self.services.revoking.revoke(access.token.public_id, "", OPERATOR))

    def superseded(self) -> str:
        refresh = issue(self.services, self.introspector)
        first = mint(self.services, refresh)
        mint(self.services, refresh)
        return first.secret

    def of_a_disabled_one(self) -> str:
        owner = make_user(self.services, role=Role.INTROSPECTOR)
        token = self.token(owner)
        self.services.accounts.disable(owner.username, OPERATOR)
        return token

    def refresh_token(self) -> str:
        return issue(self.services, self.introspector).secret


@pytest.fixture(scope="module")
def people(app: Flask) -> People:
    services = parts(app).services
    roles = (Role.VIEWER, Role.SERVER_ADMIN, Role.INTROSPECTOR, Role.INTROSPECTOR)
    user, admin, introspector, disabled = (make_user(services, role=role, password=PASSWORD) for role in roles)
    services.accounts.disable(disabled.username, OPERATOR)
    return People(services, user, admin, introspector, disabled, make_user(services, role=Role.INTROSPECTOR))


Case = tuple[Callable[[People], Headers], tuple[int, str, str] | None, list[str]]

NO_CLIENT = (401, "invalid_client", "token_missing")
BAD_CLIENT = (401, "invalid_client", "bad_credentials")


def _bad_token(reason: str) -> tuple[tuple[int, str, str], list[str]]:
    return (401, "invalid_token", reason), [BEARER_INVALID]


ASKERS: dict[str, Case] = {
    "nobody": (lambda _: {}, NO_CLIENT, [BASIC, BEARER]),
    "another scheme": (lambda _: {"Authorization": "Digest username=a"}, NO_CLIENT, [BASIC, BEARER]),
    "an empty Authorization": (lambda _: {"Authorization": ""}, NO_CLIENT, [BASIC, BEARER]),
    "an empty Bearer": (lambda _: {"Authorization": "Bearer"}, NO_CLIENT, [BASIC, BEARER]),
    "an empty TOKEN": (lambda _: {"TOKEN": ""}, NO_CLIENT, [BASIC, BEARER]),
    "a cookie": (lambda it: {"Cookie": f"TOKEN={it.token(it.admin)}"}, NO_CLIENT, [BASIC, BEARER]),
    "Basic, a wrong password": (lambda it: basic(it.admin.username, WRONG), BAD_CLIENT, [BASIC]),
    "Basic, an unknown user": (lambda _: basic("nobody-at-all", PASSWORD), BAD_CLIENT, [BASIC]),
    "Basic, a disabled user": (lambda it: basic(it.disabled.username, PASSWORD), BAD_CLIENT, [BASIC]),
    "Basic, without a password": (lambda it: basic(it.passwordless.username, ""), BAD_CLIENT, [BASIC]),
    "Basic, junk": (lambda _: {"Authorization": "Basic !!!"}, BAD_CLIENT, [BASIC]),
    "Basic, a user": (
        lambda it: basic(it.user.username, PASSWORD),
        (400, "unauthorized_client", "not_permitted"),
        [],
    ),
    "Basic, an administrator": (lambda it: basic(it.admin.username, PASSWORD), None, []),
    "Basic, an introspector": (lambda it: basic(it.introspector.username, PASSWORD), None, []),
    "Bearer, malformed": (lambda _: bearer("nonsense"), *_bad_token("token_malformed")),
    "Bearer, unknown": (lambda _: bearer(_unknown()), *_bad_token("token_unknown")),
    "Bearer, revoked": (lambda it: bearer(it.revoked()), *_bad_token("token_revoked")),
    "Bearer, superseded": (lambda it: bearer(it.superseded()), *_bad_token("token_superseded")),
    "Bearer, of a disabled one": (lambda it: bearer(it.of_a_disabled_one()), *_bad_token("owner_disabled")),
    "Bearer, a refresh token": (lambda it: bearer(it.refresh_token()), *_bad_token("token_malformed")),
    "Bearer, a user": (
        lambda it: bearer(it.token(it.user)),
        (401, "insufficient_scope", "not_permitted"),
        [BEARER_INSUFFICIENT],
    ),
    "Bearer, an administrator": (lambda it: bearer(it.token(it.admin)), None, []),
    "Bearer, an introspector": (lambda it: bearer(it.token(it.introspector)), None, []),
    "TOKEN, malformed": (lambda _: {"TOKEN": "nonsense"}, *_bad_token("token_malformed")),
    "TOKEN, unknown": (lambda _: {"TOKEN": _unknown()}, *_bad_token("token_unknown")),
    "TOKEN, revoked": (lambda it: {"TOKEN": it.revoked()}, *_bad_token("token_revoked")),
    "TOKEN, superseded": (lambda it: {"TOKEN": it.superseded()}, *_bad_token("token_superseded")),
    "TOKEN, of a disabled one": (lambda it: {"TOKEN": it.of_a_disabled_one()}, *_bad_token("owner_disabled")),
    "TOKEN, a refresh token": (lambda it: {"TOKEN": it.refresh_token()}, *_bad_token("token_malformed")),
    "TOKEN, a user": (
        lambda it: {"TOKEN": it.token(it.user)},
        (401, "insufficient_scope", "not_permitted"),
        [BEARER_INSUFFICIENT],
    ),
    "TOKEN, an administrator": (lambda it: {"TOKEN": it.token(it.admin)}, None, []),
    "TOKEN, an introspector": (lambda it: {"TOKEN": it.token(it.introspector)}, None, []),
    "TOKEN of an administrator beside another token": (
        lambda it: {"TOKEN": it.token(it.admin), **bearer(it.token(it.introspector))},
        *_bad_token("token_malformed"),
    ),
    "TOKEN of a user beside the password of an administrator": (
        lambda it: {"TOKEN": it.token(it.user), **basic(it.admin.username, PASSWORD)},
        (401, "insufficient_scope", "not_permitted"),
        [BEARER_INSUFFICIENT],
    ),
    "an empty TOKEN beside the password of an administrator": (
        lambda it: {"TOKEN": "", **basic(it.admin.username, PASSWORD)},
        NO_CLIENT,
        [BASIC, BEARER],
    ),
    "TOKEN of an administrator beside junk": (
        lambda it: {"TOKEN": it.token(it.admin), "Authorization": "Basic !!!"},
        None,
        [],
    ),
    "TOKEN of an administrator beside a wrong password": (
        lambda it: {"TOKEN": it.token(it.admin), **basic(it.user.username, WRONG)},
        None,
        [],
    ),
}
"""The access matrix: what they send, the refusal (None: they may ask), and the challenges of RFC 9110."""

NEEDS_NO_CREDENTIAL = ("nobody", "a cookie")
"""Who sends none in the headers: revoking is open to them, by possession."""


def _unknown() -> str:
    return TEXT.compose(new_token_text(TokenKind.ACCESS))


@pytest.mark.parametrize("who", ASKERS)
def test_who_may_ask_about_tokens(oauth: OAuth, people: People, who: str) -> None:
    """Fails when the guard is another, for instance TOKEN_HOLDER (tried)."""
    headers, refusal, expected = ASKERS[who]
    token = people.token(people.user)
    answer = oauth.introspect(token, headers=headers(people))
    assert challenges(answer) == expected
    if refusal is None:
        assert (answer.status_code, answer.get_json()["active"]) == (200, True)
    else:
        assert said(answer) == refusal


@pytest.mark.parametrize("who", [who for who in ASKERS if who not in NEEDS_NO_CREDENTIAL])
def test_whose_credential_is_bad_ends_nothing(oauth: OAuth, people: People, who: str) -> None:
    """Not even what they hold: who says who they are must be right. Users are refused what is somebody else's.

    Fails when a bad credential is taken for none (tried).
    """
    headers, refusal, expected = ASKERS[who]
    held = people.token(people.admin if "user" in who else people.user)
    answer = oauth.revoke(held, headers=headers(people))
    is_active = oauth.introspect(held, headers={"TOKEN": people.token(people.admin)}).data != INACTIVE
    if refusal is None and "introspector" not in who:
        assert (answer.status_code, is_active) == (200, False)
        return
    assert is_active
    if refusal is not None and refusal[0] == 401 and refusal[1] != "insufficient_scope":
        assert (said(answer), challenges(answer)) == (refusal, expected)
    elif who.startswith("Basic"):
        assert (said(answer), challenges(answer)) == ((400, "unauthorized_client", "not_permitted"), [])
    else:  # RFC 6750, section 3.1
        assert said(answer) == (403, "insufficient_scope", "not_permitted")
        assert challenges(answer) == [BEARER_INSUFFICIENT]


@pytest.mark.parametrize("header", ["TOKEN", "Authorization"])
def test_an_expired_token_may_ask_nothing(oauth: OAuth, people: People, clock: MovableClock, header: str) -> None:
    """To the microsecond."""
    access = mint(people.services, issue(people.services, people.introspector))
    assert access.token.expires_at is not None
    headers = {"TOKEN": access.secret} if header == "TOKEN" else bearer(access.secret)
    with clock.stopped_at(access.token.expires_at - timedelta(microseconds=1)):
        assert oauth.introspect("nonsense", headers=headers).data == INACTIVE
    with clock.stopped_at(access.token.expires_at):
        for answer in (oauth.introspect("nonsense", headers=headers), oauth.revoke("nonsense", headers=headers)):
            assert said(answer) == (401, "invalid_token", "token_expired")
            assert challenges(answer) == [BEARER_INVALID]


def test_rights_are_those_of_this_moment(oauth: OAuth, services: Services) -> None:
    """Taken from the user at each request, never from the token."""
    who = make_user(services, role=Role.INTROSPECTOR)
    headers = bearer(mint(services, issue(services, who)).secret)
    for role in Role:
        services.accounts.set_role(who.username, role, OPERATOR)
        answer = oauth.introspect("nonsense", headers=headers)
        assert answer.status_code == (200 if role in (Role.SERVER_ADMIN, Role.INTROSPECTOR) else 401), role
    services.accounts.disable(who.username, OPERATOR)
    assert said(oauth.introspect("nonsense", headers=headers)) == (401, "invalid_token", "owner_disabled")


def test_whoever_cannot_sign_in_gets_one_and_the_same_answer(oauth: OAuth, people: People) -> None:
    """In body and headers: nobody learns which user names there are."""
    attempts = [
        basic("nobody-at-all", PASSWORD), basic("Not A User Name\u0130", PASSWORD), basic("", ""),
        basic(people.disabled.username, PASSWORD), basic(people.passwordless.username, PASSWORD),
        basic(people.user.username, WRONG), basic(people.user.username, ""), basic(people.user.username, "\0"),
        basic(people.user.username, PASSWORD * 100), {"Authorization": "Basic"}, {"Authorization": "Basic ====="},
    ]  # fmt: skip
    answers = [oauth.introspect("nonsense", headers=headers) for headers in attempts]
    assert {said(answer) for answer in answers} == {BAD_CLIENT}
    assert len({answer.data for answer in answers}) == 1
    headers = [[line for line in answer.headers if line[0] != "X-Request-Id"] for answer in answers]
    assert all(each == headers[0] for each in headers)


def test_a_password_may_hold_colons_and_letters_of_any_script(oauth: OAuth, services: Services) -> None:
    """RFC 7617, in UTF-8 as the challenge announces; the scheme in any letter case, the user name too."""
    password = f"{PASSWORD_MARK}:with:colöns \U0001f511+%41"
    who = make_user(services, "letter-case@example.org", Role.INTROSPECTOR, password)
    headers = basic(who.username, password)
    assert oauth.introspect("nonsense", headers=headers).data == INACTIVE
    other_case = {"Authorization": headers["Authorization"].replace("Basic ", "bASIC  ")}
    assert oauth.introspect("nonsense", headers=other_case).data == INACTIVE
    assert oauth.introspect("nonsense", headers=basic(who.username.upper(), password)).data == INACTIVE
    in_latin_1 = base64.b64encode(f"{who.username}:{password[:-5]}".encode("latin-1", "replace")).decode()
    answer = oauth.introspect("nonsense", headers={"Authorization": f"Basic {in_latin_1}"})
    assert said(answer) == BAD_CLIENT


def test_a_password_in_the_body_is_none(oauth: OAuth, people: People) -> None:
    """RFC 6749, section 2.3.1, leaves it to the server; this one takes credentials from headers only."""
    form = {"token": "nonsense", "client_id": people.admin.username, "client_secret": PASSWORD}
    assert said(oauth.send(INTROSPECT, data=form)) == NO_CLIENT


def test_too_many_wrong_passwords_are_a_429_with_retry_after(
    oauth: OAuth, services: Services, clock: MovableClock
) -> None:
    """At both endpoints together, and for the right password too. Tokens go on working."""
    who = make_user(services, role=Role.INTROSPECTOR, password=PASSWORD)
    token = mint(services, issue(services, who))
    with clock.stopped_at(datetime(2033, 1, 1, tzinfo=UTC)) as now:
        for number in range(ACCOUNT_LIMIT):
            ask = (oauth.introspect, oauth.revoke)[number % 2]
            assert said(ask("nonsense", headers=basic(who.username, WRONG))) == BAD_CLIENT
        for ask in (oauth.introspect, oauth.revoke):
            answer = ask("nonsense", headers=basic(who.username, PASSWORD))
            assert said(answer) == (429, "temporarily_unavailable", "rate_limited")
            assert answer.headers["Retry-After"] == "900"
            assert challenges(answer) == []
        with clock.stopped_at(now + WINDOW):
            assert oauth.introspect("nonsense", headers=basic(who.username, PASSWORD)).data == INACTIVE
    assert oauth.introspect("nonsense", headers=bearer(token.secret)).data == INACTIVE


def test_an_api_that_signs_in_with_every_call_is_never_throttled(
    oauth: OAuth, people: People, clock: MovableClock
) -> None:
    with clock.stopped_at(datetime(2034, 1, 1, tzinfo=UTC)):
        headers = basic(people.introspector.username, PASSWORD)
        for _ in range(ACCOUNT_LIMIT + 2):
            assert oauth.introspect("nonsense", headers=headers).data == INACTIVE


@contextmanager
def application_of_its_own(
    request: pytest.FixtureRequest, settings: Settings, folder: Path
) -> Iterator[tuple[Flask, Callable[[], None]]]:
    """On a database of the module's kind that nobody will miss, and what takes that database away."""
    kind = "sqlite" if settings.database_url.startswith("sqlite") else "postgres"
    fresh = (
        request.getfixturevalue("sqlite_files").fresh(folder)
        if kind == "sqlite"
        else request.getfixturevalue("postgres").fresh()
    )
    with fresh as url, doomed_application(url, folder) as (app, doom):
        yield app, doom


UNAVAILABLE = (503, "temporarily_unavailable", "unavailable")


def test_without_its_database_everything_is_a_503_with_retry_after(
    request: pytest.FixtureRequest, settings: Settings, tmp_path: Path
) -> None:
    """Never 401, on which clients throw their token away."""
    with application_of_its_own(request, settings, tmp_path) as (app, doom):
        services = parts(app).services
        admin = make_user(services, role=Role.SERVER_ADMIN)
        refresh = issue(services, admin)
        access = mint(services, refresh).secret
        doom()
        oauth = OAuth(app.test_client())
        credentials: list[Headers] = [bearer(access), {"TOKEN": access}, basic(admin.username, PASSWORD)]
        answers = [
            ask(token, hint, headers)
            for ask in (oauth.introspect, oauth.revoke)
            for token, hint in ((access, None), (refresh.secret, "refresh_token"))
            for headers in credentials
        ]
        answers += [oauth.revoke(access), oauth.revoke(refresh.secret)]
        assert {said(answer) for answer in answers} == {UNAVAILABLE}
        assert {answer.headers["Retry-After"] for answer in answers} == {"1"}
        assert not any(challenges(answer) for answer in answers)


def test_a_token_that_cannot_be_looked_up_is_a_503_and_not_inactive(
    request: pytest.FixtureRequest, settings: Settings, tmp_path: Path
) -> None:
    """Nor revoked: an API would turn good tokens away, and a holder take theirs for ended (RFC 7009, section 2.2.1).

    Whoever asks is known by then: their password can be checked, and the table of access tokens is gone. Fails when
    Unavailable is taken for "inactive", or for nothing to revoke (tried both).
    """
    with application_of_its_own(request, settings, tmp_path) as (app, _):
        services = parts(app).services
        admin = make_user(services, role=Role.SERVER_ADMIN, password=PASSWORD)
        access = mint(services, issue(services, admin)).secret
        headers = basic(admin.username, PASSWORD)
        oauth = OAuth(app.test_client())
        assert oauth.introspect(access, headers=headers).get_json()["active"] is True
        services.last_use.flush()
        with app.extensions["daypass_database"].transaction() as session:
            session.execute(text("ALTER TABLE access_tokens RENAME TO gone"))
        for answer in (
            oauth.introspect(access, headers=headers),
            oauth.revoke(access, headers=headers),
            oauth.revoke(access),
        ):
            assert said(answer) == UNAVAILABLE
            assert answer.headers["Retry-After"] == "1"


def test_no_secret_or_reason_of_a_bad_credential_is_in_the_answer(oauth: OAuth, people: People) -> None:
    sent = [bearer(people.revoked()), basic(people.user.username, WRONG), bearer(people.token(people.user))]
    for headers in sent:
        for path in (INTROSPECT, REVOKE):
            answer = oauth.send(path, data={"token": people.token(people.admin)}, headers=headers)
            credential = headers["Authorization"].split()[1]
            assert credential not in answer.text and WRONG not in answer.text


# An introspector may do nothing else


@pytest.mark.parametrize("header", ["TOKEN", "Bearer"])
def test_an_introspectors_token_opens_nothing_else(app: Flask, people: People, header: str) -> None:
    """Fails when `Role.may_use_apis` lets everybody in (tried)."""
    token = people.token(people.introspector)
    headers = {"TOKEN": token} if header == "TOKEN" else bearer(token)
    for path in ("/integration/v1/userinfo", "/integration/v1/userinfo/"):
        answer = app.test_client().get(path, headers=headers)
        assert (answer.status_code, answer.get_json()["reason"]) == (403, "not_permitted")
    gated = Flask(__name__)
    gated.wsgi_app = Gate(app.wsgi_app, parts(app))  # type: ignore[method-assign]
    answer = gated.test_client().get("/auth/verify", headers=headers)
    assert (answer.status_code, answer.get_json()["reason"]) == (403, "not_permitted")


def test_an_introspector_makes_and_mints_its_own_tokens_and_no_others(app: Flask, people: People) -> None:
    """That is how it gets an access token to ask with."""
    client, prefix = app.test_client(), "/integration/v1"
    sent = {"username": people.introspector.username, "password": PASSWORD, "name": "orders api"}
    made = client.post(f"{prefix}/createRefreshToken/", json=sent)
    assert made.status_code == 201
    proof = {"refresh_token": made.get_json()["refresh_token"], "user_id": people.introspector.id}
    minted = client.post(f"{prefix}/createAPIAccessToken/", json=proof)
    assert minted.status_code == 201
    headers = bearer(minted.get_json()["api_access_token"])
    assert OAuth(client).introspect("nonsense", headers=headers).data == INACTIVE
    for_another = client.post(f"{prefix}/createAPIAccessToken/", json=proof | {"user_id": people.user.id})
    assert for_another.status_code == 401

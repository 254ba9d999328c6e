"""Who may ask about tokens, and how everyone else is refused: RFC 7662 section 2.3, RFC 6749 section 5.2, RFC 6750
section 3, RFC 7617."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask

from app.domain.identity import Role, User
from app.http.context import parts
from app.services import Services
from app.services.throttling import NEW_PLACE_LIMIT
from tests.contract import asking
from tests.contract.asking import Headers, OAuth, are_alike, basic, bearer, challenges, refusal
from tests.contract.conftest import MovableClock
from tests.factories import PASSWORD, disable, issue, make_user, mint, revoke
from tests.secrecy import PASSWORD_MARK, secrets_in

WRONG = f"{PASSWORD_MARK}-of-nobody"


class People:
    """One of each sort, made once for the module: passwords cost time."""

    def __init__(self, services: Services) -> None:
        self.services = services
        roles = (Role.VIEWER, Role.SERVER_ADMIN, Role.INTROSPECTOR, Role.INTROSPECTOR)
        people = [make_user(services, role=role, password=PASSWORD) for role in roles]
        self.user, self.admin, self.introspector, self.disabled = people
        self.passwordless = make_user(services, role=Role.INTROSPECTOR)
        disable(services, self.disabled.username)

    def token(self, of: User) -> str:
        return mint(self.services, issue(self.services, of)).secret

    def revoked(self) -> str:
        access = mint(self.services, issue(self.services, self.introspector))
        revoke(self.services, access)
        return access.secret


@pytest.fixture(scope="module")
def people(app: Flask) -> People:
    return People(parts(app).services)


Answer = tuple[tuple[int, str, str] | None, list[str]]
"""The refusal (None: accepted), and the challenges of RFC 9110."""

NO_CLIENT: Answer = (401, "invalid_client", "token_missing"), [asking.BASIC, asking.BEARER]
BAD_CLIENT: Answer = (401, "invalid_client", "bad_credentials"), [asking.BASIC]
MALFORMED: Answer = (401, "invalid_token", "token_malformed"), [asking.BEARER_INVALID]
REVOKED: Answer = (401, "invalid_token", "token_revoked"), [asking.BEARER_INVALID]
NO_RIGHT: Answer = (401, "insufficient_scope", "not_permitted"), [asking.BEARER_INSUFFICIENT]
UNAUTHORIZED: Answer = (400, "unauthorized_client", "not_permitted"), []
ACCEPTED: Answer = None, []

BY_TOKEN: dict[str, tuple[Callable[[People], str], Answer]] = {
    "nonsense": (lambda it: "nonsense", MALFORMED),
    "a refresh token": (lambda it: issue(it.services, it.introspector).secret, MALFORMED),
    "a revoked token": (People.revoked, REVOKED),
    "a user": (lambda it: it.token(it.user), NO_RIGHT),
    "an administrator": (lambda it: it.token(it.admin), ACCEPTED),
    "an introspector": (lambda it: it.token(it.introspector), ACCEPTED),
}

ASKERS: dict[str, tuple[Callable[[People], Headers], Answer]] = {
    "nobody": (lambda it: {}, NO_CLIENT),
    "a cookie": (lambda it: {"Cookie": f"TOKEN={it.token(it.admin)}"}, NO_CLIENT),
    "another scheme": (lambda it: {"Authorization": "Digest username=a"}, NO_CLIENT),
    "Basic, a wrong password": (lambda it: basic(it.admin.username, WRONG), BAD_CLIENT),
    "Basic, a user": (lambda it: basic(it.user.username, PASSWORD), UNAUTHORIZED),
    "Basic, an administrator": (lambda it: basic(it.admin.username, PASSWORD), ACCEPTED),
    "Basic, an introspector": (lambda it: basic(it.introspector.username, PASSWORD), ACCEPTED),
    **{
        f"{header}, {who}": (lambda it, make=make, form=form, header=header: {header: form + make(it)}, answer)  # type: ignore[misc]
        for header, form in (("TOKEN", ""), ("Authorization", "Bearer "))
        for who, (make, answer) in BY_TOKEN.items()
    },
    "an administrator beside another token": (
        lambda it: {"TOKEN": it.token(it.admin), **bearer(it.token(it.introspector))}, MALFORMED,
    ),
    "a user beside the password of an administrator": (
        lambda it: {"TOKEN": it.token(it.user), **basic(it.admin.username, PASSWORD)}, NO_RIGHT,
    ),
    "an empty TOKEN beside the password of an administrator": (
        lambda it: {"TOKEN": "", **basic(it.admin.username, PASSWORD)}, NO_CLIENT,
    ),
    "an administrator beside a wrong password": (
        lambda it: {"TOKEN": it.token(it.admin), **basic(it.user.username, WRONG)}, ACCEPTED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("who", ASKERS)
def test_administrators_and_introspectors_may_ask_about_tokens(oauth: OAuth, people: People, who: str) -> None:
    """Fails when the guard is another, for instance TOKEN_HOLDER (tried)."""
    headers, (refused, expected) = ASKERS[who]
    answer = oauth.introspect(people.token(people.user), headers=headers(people))
    assert challenges(answer) == expected
    assert not secrets_in(answer.text)
    if refused is None:
        assert (answer.status_code, answer.get_json()["active"]) == (200, True)
    else:
        assert refusal(answer) == refused


@pytest.mark.parametrize("who", [who for who in ASKERS if who not in ("nobody", "a cookie")])
def test_a_bad_credential_revokes_nothing(oauth: OAuth, people: People, who: str) -> None:
    """Not even what the sender holds, and users nothing of somebody else's. Fails when a bad one is taken for none."""
    headers, (refused, expected) = ASKERS[who]
    held = people.token(people.admin if "user" in who else people.user)
    answer = oauth.revoke(held, headers=headers(people))
    is_active = oauth.introspect(held, headers={"TOKEN": people.token(people.admin)}).data != asking.INACTIVE
    if refused is None and "introspector" not in who:
        assert (answer.status_code, is_active) == (200, False)
        return
    assert is_active
    if (refused, expected) in (NO_CLIENT, BAD_CLIENT, MALFORMED, REVOKED):
        assert (refusal(answer), challenges(answer)) == (refused, expected)
    elif who.startswith("Basic"):
        assert (refusal(answer), challenges(answer)) == UNAUTHORIZED
    else:  # RFC 6750, section 3.1
        assert refusal(answer) == (403, "insufficient_scope", "not_permitted")
        assert challenges(answer) == [asking.BEARER_INSUFFICIENT]


def test_who_cannot_sign_in_gets_one_and_the_same_answer(oauth: OAuth, people: People) -> None:
    """◆ In body and headers: nobody learns which user names there are."""
    attempts = [
        basic("nobody-at-all", PASSWORD), basic("Not A User Name\u0130", PASSWORD), basic("", ""),
        basic(people.disabled.username, PASSWORD), basic(people.passwordless.username, PASSWORD),
        basic(people.user.username, WRONG), basic(people.user.username, "\0"), {"Authorization": "Basic ====="},
    ]  # fmt: skip
    answers = [oauth.introspect("nonsense", headers=headers) for headers in attempts]
    assert {refusal(answer) for answer in answers} == {BAD_CLIENT[0]}
    assert are_alike(answers)


def test_a_password_in_the_body_is_no_credential(oauth: OAuth, people: People) -> None:
    """RFC 6749, section 2.3.1, leaves it to the server; this one takes passwords of users from headers only."""
    form = {"token": "nonsense", "client_id": people.admin.username, "client_secret": PASSWORD}
    for path in (asking.INTROSPECT, asking.REVOKE):
        answer = oauth.send(path, data=form)
        assert refusal(answer) == (401, "invalid_client", "token_malformed")
        assert challenges(answer) == [asking.BASIC]


def test_too_many_wrong_passwords_are_a_429_with_retry_after(oauth: OAuth, people: People, clock: MovableClock) -> None:
    """At both endpoints together, and for the right password too. Tokens are not affected."""
    user = make_user(people.services, role=Role.INTROSPECTOR, password=PASSWORD)
    with clock.stopped_at(datetime(2033, 1, 1, tzinfo=UTC)):
        token = people.token(user)
        for number in range(NEW_PLACE_LIMIT):
            ask = (oauth.introspect, oauth.revoke)[number % 2]
            assert refusal(ask("nonsense", headers=basic(user.username, WRONG))) == BAD_CLIENT[0]
        for ask in (oauth.introspect, oauth.revoke):
            answer = ask("nonsense", headers=basic(user.username, PASSWORD))
            assert refusal(answer) == (429, "temporarily_unavailable", "rate_limited")
            assert (answer.headers["Retry-After"], challenges(answer)) == ("3600", [])
        assert oauth.introspect("nonsense", headers=bearer(token)).data == asking.INACTIVE

"""Whom the Trifacta-compatible API refuses: bad credentials, and what settings and decisions about users forbid."""

from itertools import product

import pytest

from app.domain.identity import ApiTokens, Role, User
from app.domain.tokens import AccessToken, Issued
from app.services import Services, throttling
from tests.contract import asking
from tests.contract.asking import DOCUMENT, PERSON, TOKENS, AskedGate, Headers, Trifacta, basic, bearer
from tests.contract.conftest import Setting
from tests.contract.states import ACCESS_STATES, Make, World
from tests.factories import PASSWORD, allowed_user, generate, issue, make_user, mint, set_api_tokens
from tests.secrecy import PASSWORD_MARK

WRONG = f"{PASSWORD_MARK}-of-nobody"
CALLS = (
    ("POST", TOKENS), ("GET", TOKENS), ("GET", f"{TOKENS}/:tokenId"), ("DELETE", f"{TOKENS}/:tokenId"),
    ("GET", PERSON), ("GET", DOCUMENT),
)  # fmt: skip
NOTHING_SENT = "Send HTTP Basic credentials, or an access token as Bearer."
NO_LOGIN = "Incorrect user name or password."
DETAILS = {
    "token_malformed": "This is not an access token.",
    "token_unknown": "There is no such access token.",
    "token_expired": "The access token has expired.",
    "token_revoked": "The access token was deleted or revoked.",
    "token_superseded": "The access token was replaced by a newer one.",
    "owner_disabled": "The owner of the token is disabled.",
    "owner_must_sign_in": "The owner of the token has not signed in for too long.",
    "owner_denied": "API access tokens are disabled for the owner of the token.",
    "api_tokens_off": "API access tokens are turned off. An administrator can turn them on.",
}
NOT_ENABLED = (
    "API access tokens are not enabled for this account. A server administrator can enable them for one user "
    "(daypass user allow-tokens NAME) or for all users (daypass conf api_tokens_for_users -s on)."
)
FEATURE_OFF = (
    404,
    "RouteNotFoundException",
    "API tokens are turned off. A server administrator can turn them on: daypass conf api_tokens_enabled -s on.",
)
OF_NO_USE = "This is an introspector's token: it can introspect tokens, and nothing else."


def missing(details: str) -> tuple[int, str, str]:
    return 401, "MissingPersonException", DETAILS.get(details, details)


def every_call(trifacta: Trifacta, headers: Headers) -> set[tuple[int, str, str | None]]:
    """What each call answers to that credential."""
    return {asking.refusal(trifacta.send(method, path, headers, json=None)) for method, path in CALLS}


def signed_in(services: Services, user: User) -> Headers:
    """By an access token that was minted from a refresh token, which no decision here is about."""
    return bearer(mint(services, issue(services, user)).secret)


@pytest.fixture
def owner(services: Services) -> User:
    return allowed_user(services)


@pytest.fixture
def token(services: Services, owner: User) -> Issued[AccessToken]:
    return generate(services, owner)


# Credentials


def test_without_a_credential_that_works_every_call_is_a_401(
    trifacta: Trifacta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "NEW_PLACE_LIMIT", 99)
    for headers, details in (
        ({}, NOTHING_SENT), ({"Authorization": "Digest username=a"}, NOTHING_SENT),
        ({"TOKEN": "", **basic("anna", PASSWORD)}, NOTHING_SENT), (bearer("no_token"), "token_malformed"),
        ({"TOKEN": "no_token"}, "token_malformed"), ({"Authorization": "Basic !!!"}, NO_LOGIN),
        (basic("nobody-at-all", PASSWORD), NO_LOGIN),
    ):  # fmt: skip
        assert every_call(trifacta, headers) == {missing(details)}, headers
    assert trifacta.listed({}).data == (
        b'{"exception":{"name":"MissingPersonException","message":"Person is missing",'
        b'"details":"Send HTTP Basic credentials, or an access token as Bearer."}}\n'
    )


def test_one_token_counts_in_one_header_and_nowhere_else(
    trifacta: Trifacta, services: Services, owner: User, token: Issued[AccessToken]
) -> None:
    one, other = token.secret, generate(services, owner).secret
    answer = trifacta.send("GET", PERSON, {"Cookie": f"TOKEN={one}"}, query_string={"TOKEN": one})
    assert asking.refusal(answer) == missing(NOTHING_SENT)
    assert every_call(trifacta, {"TOKEN": one, **bearer(other)}) == {missing("token_malformed")}
    for beside in (bearer(one), bearer("no_token"), basic(owner.username, WRONG)):
        assert trifacta.person({"TOKEN": one, **beside}).status_code == 200


@pytest.mark.parametrize(("state", "reason"), ACCESS_STATES.values(), ids=ACCESS_STATES)
def test_a_token_that_does_not_work_is_a_401_that_tells_its_holder_why(
    trifacta: Trifacta, world: World, state: Make, reason: str
) -> None:
    """And nothing to who knows no more than the public id."""
    secret, _ = state(world)
    assert every_call(trifacta, bearer(secret)) == {missing(reason)}
    with_the_public_id = asking.unknown_token(public_id=secret[4:16])
    assert asking.refusal(trifacta.person(bearer(with_the_public_id))) == missing("token_unknown")


# Permission


def test_who_may_not_make_tokens_is_refused_to_the_byte_before_the_members_are_read(
    trifacta: Trifacta, services: Services
) -> None:
    headers = signed_in(services, make_user(services))
    assert trifacta.create(headers).status_code == trifacta.create(headers, 10**14).status_code == 403
    assert trifacta.create(headers).text == (
        f'{{"exception":{{"name":"AccessControlException","message":"Access denied","details":"{NOT_ENABLED}"}}}}\n'
    )


def test_a_token_stops_and_works_again_with_the_decision_and_the_setting(
    trifacta: Trifacta, gate: AskedGate, services: Services, setting: Setting, owner: User, token: Issued[AccessToken]
) -> None:
    """◆ Fails when the check does not look at the decision or the setting (tried: each taken out of the verdict)."""
    headers = bearer(token.secret)
    set_api_tokens(services, owner.username, ApiTokens.DENY)
    assert every_call(trifacta, headers) == {missing("owner_denied")}
    assert (gate.verify(token.secret).status_code, gate.verify_bearer(token.secret).status_code) == (403, 401)
    set_api_tokens(services, owner.username, ApiTokens.INHERIT)
    with setting(api_tokens_enabled="off"):
        assert asking.refusal(trifacta.person(headers)) == missing("api_tokens_off")
        assert (gate.verify(token.secret).status_code, gate.verify_bearer(token.secret).status_code) == (403, 401)
    assert trifacta.person(headers).status_code == 200


def test_while_the_feature_is_off_there_are_no_such_routes_for_anybody(
    trifacta: Trifacta, services: Services, setting: Setting, token: Issued[AccessToken]
) -> None:
    """Fails when the guard asks for a credential first (tried: nobody got a 401)."""
    admin = signed_in(services, make_user(services, role=Role.SERVER_ADMIN))
    with setting(api_tokens_enabled="off"):
        for headers in ({}, bearer("nonsense"), basic("nobody", PASSWORD), bearer(token.secret), admin):
            for method, path in product(
                ("GET", "POST", "PUT", "OPTIONS", "DELETE"),
                (TOKENS, "/V4/APIACCESSTOKENS/", f"{TOKENS}/{token.token.uuid}/"),
            ):
                answer = trifacta.send(method, path, headers, data=b"{", content_type="text/plain")
                assert asking.refusal(answer) == FEATURE_OFF and "Allow" not in answer.headers
        assert trifacta.person(admin).status_code == 200


def test_an_administrator_may_delete_anybodys_token_and_see_only_their_own(
    trifacta: Trifacta, services: Services, token: Issued[AccessToken]
) -> None:
    """◆ To all others another's token is like one that does not exist (``test_access_matrix``)."""
    for role in set(Role) - {Role.SERVER_ADMIN, Role.INTROSPECTOR}:
        others = signed_in(services, make_user(services, role=role))
        assert asking.refusal(trifacta.deleted(others, token.token.uuid)) == asking.NO_SUCH_TOKEN, role
    admin = signed_in(services, make_user(services, role=Role.SERVER_ADMIN))
    assert trifacta.ids(admin) == []
    assert asking.refusal(trifacta.shown(admin, token.token.uuid)) == asking.NO_SUCH_TOKEN
    minted = mint(services, issue(services, make_user(services)))
    assert asking.refusal(trifacta.deleted(admin, minted.token.uuid)) == asking.NO_SUCH_TOKEN
    assert trifacta.deleted(admin, token.token.uuid).status_code == 204
    assert asking.refusal(trifacta.deleted(admin, token.token.uuid)) == asking.NO_SUCH_TOKEN
    assert asking.refusal(trifacta.person(bearer(token.secret))) == missing("token_revoked")


def test_an_introspector_may_do_nothing_here(trifacta: Trifacta, services: Services) -> None:
    user = allowed_user(services, role=Role.INTROSPECTOR, password=PASSWORD)
    for headers in (signed_in(services, user), basic(user.username, PASSWORD)):
        assert every_call(trifacta, headers) == {(403, "AccessControlException", OF_NO_USE)}

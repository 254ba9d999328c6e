"""Who may make API tokens and whose work, as the instance's settings and the decisions about single users say.

Each decision holds from the very next request on. Not here: credentials that don't work at all
(``test_trifacta_refusals``).
"""

from collections.abc import Callable
from itertools import product

import pytest
from flask import Flask

from app.domain.identity import ApiTokens, Role, User
from app.domain.tokens import AccessToken, Issued
from app.services import Services
from tests.contract.asking import Alation
from tests.contract.asking_gate import AskedGate
from tests.contract.asking_oauth import Headers, basic, bearer
from tests.contract.asking_trifacta import NO_SUCH_TOKEN, TOKENS, Trifacta, said
from tests.contract.conftest import Setting
from tests.factories import OPERATOR, PASSWORD, allowed_user, generate, issue, make_user, mint

FORBIDDEN = (
    403,
    "AccessControlException",
    "API access tokens are not enabled for this account. A server administrator can enable them for one user "
    "(daypass user allow-tokens NAME) or for everybody (daypass conf api_tokens_for_users -s on).",
)
FEATURE_OFF = (
    404,
    "RouteNotFoundException",
    "API tokens are turned off. A server administrator can turn them on: daypass conf api_tokens_enabled -s on.",
)
DENIED = (401, "MissingPersonException", "API access tokens are disabled for the owner of the token.")
ALL_OFF = (401, "MissingPersonException", "API access tokens are turned off. An administrator can turn them on.")
DEACTIVATED = (401, "MissingPersonException", "The owner of the token is disabled.")


def signed_in(services: Services, user: User) -> Headers:
    """By an access token that was minted from a refresh token, which none of these decisions is about."""
    return bearer(mint(services, issue(services, user)).secret)


@pytest.fixture
def gate(app: Flask) -> AskedGate:
    return AskedGate(app)


@pytest.fixture
def owner(services: Services) -> User:
    return allowed_user(services)


@pytest.fixture
def token(services: Services, owner: User) -> Issued[AccessToken]:
    return generate(services, owner)


@pytest.fixture
def works_everywhere(trifacta: Trifacta, alation: Alation, gate: AskedGate) -> Callable[[str], bool]:
    """Whether an access token opens all three: `/auth/verify`, Alation's userinfo and this dialect."""

    def works(secret: str) -> bool:
        statuses = [
            [gate.verify(secret).status_code, gate.verify_bearer(secret).status_code],
            [alation.use(secret).status_code, alation.use(Authorization=f"Bearer {secret}").status_code],
            [trifacta.person({"TOKEN": secret}).status_code, trifacta.person(bearer(secret)).status_code],
        ]
        if statuses == [[200, 200]] * 3:
            return True
        assert statuses == [[403, 401], [403, 403], [401, 401]]
        return False

    return works


@pytest.mark.parametrize("for_users", ["off", "on"])
@pytest.mark.parametrize("decision", list(ApiTokens))
@pytest.mark.parametrize("role", [Role.VIEWER, Role.CATALOG_ADMIN, Role.SERVER_ADMIN])
def test_who_may_make_tokens(
    trifacta: Trifacta, services: Services, setting: Setting, role: Role, decision: ApiTokens, for_users: str
) -> None:
    user = make_user(services, role=role)
    headers = signed_in(services, user)  # somebody who is denied could not mint any more
    services.accounts.set_api_tokens(user.username, decision, OPERATOR)
    may = decision is ApiTokens.ALLOW or (
        decision is ApiTokens.INHERIT and (for_users == "on" or role is Role.SERVER_ADMIN)
    )
    with setting(api_tokens_for_users=for_users):
        answer = trifacta.create(headers)
    if may:
        assert answer.status_code == 201
    else:
        assert said(answer) == FORBIDDEN
    assert len(trifacta.ids(headers)) == may


def test_the_403_to_the_byte(trifacta: Trifacta, services: Services) -> None:
    assert trifacta.create(signed_in(services, make_user(services))).text == (
        f'{{"exception":{{"name":"AccessControlException","message":"Access denied","details":"{FORBIDDEN[2]}"}}}}\n'
    )


def test_permission_is_decided_before_the_lifetime_is_looked_at(trifacta: Trifacta, services: Services) -> None:
    assert said(trifacta.create(signed_in(services, make_user(services)), 10**14)) == FORBIDDEN


def test_whoever_may_not_make_tokens_sees_and_deletes_those_they_have(
    trifacta: Trifacta, services: Services, owner: User, token: Issued[AccessToken]
) -> None:
    headers = signed_in(services, owner)
    services.accounts.set_api_tokens(owner.username, ApiTokens.INHERIT, OPERATOR)
    assert said(trifacta.create(headers)) == FORBIDDEN
    assert trifacta.ids(bearer(token.secret)) == [token.token.uuid]
    assert trifacta.deleted(headers, token.token.uuid).status_code == 204


def test_the_tokens_of_a_denied_user_stop_and_work_again(
    trifacta: Trifacta,
    services: Services,
    works_everywhere: Callable[[str], bool],
    owner: User,
    token: Issued[AccessToken],
) -> None:
    """Fails when the check does not look at the decision (tried: `user_api_tokens` taken out of the verdict)."""
    minted = mint(services, issue(services, owner)).secret
    assert works_everywhere(token.secret)
    services.accounts.set_api_tokens(owner.username, ApiTokens.DENY, OPERATOR)
    assert not works_everywhere(token.secret)
    assert said(trifacta.person(bearer(token.secret))) == DENIED
    assert works_everywhere(minted), "an access token under a refresh token is none of this"
    for decision in (ApiTokens.INHERIT, ApiTokens.ALLOW):
        services.accounts.set_api_tokens(owner.username, decision, OPERATOR)
        assert works_everywhere(token.secret)


def test_denying_administrators_stops_their_tokens_too(
    services: Services, works_everywhere: Callable[[str], bool]
) -> None:
    admin = make_user(services, role=Role.SERVER_ADMIN)
    token = generate(services, admin)
    services.accounts.set_api_tokens(admin.username, ApiTokens.DENY, OPERATOR)
    assert not works_everywhere(token.secret)


def test_while_the_feature_is_off_no_such_token_works_and_afterwards_it_does_again(
    trifacta: Trifacta,
    services: Services,
    setting: Setting,
    works_everywhere: Callable[[str], bool],
    owner: User,
    token: Issued[AccessToken],
) -> None:
    """Fails when the check does not read the setting (tried: `api_tokens_enabled` taken out of the verdict)."""
    for_ever = generate(services, make_user(services, role=Role.SERVER_ADMIN), None)
    minted = mint(services, issue(services, owner)).secret
    with setting(api_tokens_enabled="off"):
        assert not works_everywhere(token.secret)
        assert not works_everywhere(for_ever.secret)
        assert said(trifacta.person(bearer(token.secret))) == ALL_OFF
        assert works_everywhere(minted)
    assert works_everywhere(token.secret)
    assert works_everywhere(for_ever.secret)


def test_while_the_feature_is_off_there_are_no_such_routes_whoever_asks(
    trifacta: Trifacta, services: Services, setting: Setting, token: Issued[AccessToken]
) -> None:
    """Fails when the guard asks for a credential first (tried: nobody got a 401)."""
    admin = make_user(services, role=Role.SERVER_ADMIN)
    askers: list[Headers] = [
        {}, bearer("nonsense"), basic("nobody", PASSWORD), bearer(token.secret), signed_in(services, admin)
    ]  # fmt: skip
    with setting(api_tokens_enabled="off"):
        for headers in askers:
            for path in (TOKENS, f"{TOKENS}/", "/V4/APIACCESSTOKENS"):
                assert said(trifacta.send("GET", path, headers)) == FEATURE_OFF
            assert said(trifacta.create(headers)) == FEATURE_OFF
            assert said(trifacta.send("POST", TOKENS, headers, data=b"{", content_type="text/plain")) == FEATURE_OFF
            for method, path in product(
                ("PUT", "PATCH", "OPTIONS", "DELETE"), (TOKENS, f"{TOKENS}/{token.token.uuid}/")
            ):
                answer = trifacta.send(method, path, headers, json={})
                assert said(answer) == FEATURE_OFF and "Allow" not in answer.headers
            for token_id in (token.token.uuid, ":tokenId"):
                assert said(trifacta.shown(headers, token_id)) == FEATURE_OFF
                assert said(trifacta.deleted(headers, token_id)) == FEATURE_OFF
        assert trifacta.person(signed_in(services, admin)).status_code == 200
    assert trifacta.ids(bearer(token.secret)) == [token.token.uuid]


def test_the_tokens_of_a_deactivated_user_stop_and_work_again(
    trifacta: Trifacta,
    services: Services,
    works_everywhere: Callable[[str], bool],
    owner: User,
    token: Issued[AccessToken],
) -> None:
    services.accounts.disable(owner.username, OPERATOR)
    assert not works_everywhere(token.secret)
    assert said(trifacta.person(bearer(token.secret))) == DEACTIVATED
    assert said(trifacta.create(bearer(token.secret))) == DEACTIVATED
    services.accounts.enable(owner.username, OPERATOR)
    assert works_everywhere(token.secret)


def test_a_changed_password_touches_no_token(
    trifacta: Trifacta, services: Services, works_everywhere: Callable[[str], bool]
) -> None:
    user = allowed_user(services, password=PASSWORD)
    value, _ = trifacta.created(basic(user.username, PASSWORD))
    services.accounts.set_password(user.username, f"{PASSWORD}-another", OPERATOR)
    assert works_everywhere(value)
    assert trifacta.listed(basic(user.username, PASSWORD)).status_code == 401


def test_another_users_id_and_an_unknown_one_are_answered_alike(
    trifacta: Trifacta, services: Services, token: Issued[AccessToken]
) -> None:
    """To the byte, headers included. Fails when the owner is looked at later than the row (tried: a 403)."""
    headers = signed_in(services, allowed_user(services))
    deleted = generate(services, allowed_user(services))
    services.single_tier.delete(deleted.token.uuid, OPERATOR, None)
    unknown = "123e4567-e89b-42d3-a456-426614174000"
    for ask in (trifacta.shown, trifacta.deleted):
        answers = [ask(headers, each) for each in (token.token.uuid, unknown, deleted.token.uuid, ":tokenId")]
        assert {said(answer) for answer in answers} == {NO_SUCH_TOKEN}
        assert len({answer.data for answer in answers}) == 1
        names = [[name for name, _ in answer.headers] for answer in answers]
        assert all(each == names[0] for each in names)
    assert trifacta.ids(bearer(token.secret)) == [token.token.uuid]


def test_an_administrator_deletes_anybodys_by_its_id_and_sees_only_their_own(
    trifacta: Trifacta, services: Services, works_everywhere: Callable[[str], bool], token: Issued[AccessToken]
) -> None:
    admin = signed_in(services, make_user(services, role=Role.SERVER_ADMIN))
    assert trifacta.ids(admin) == []
    assert said(trifacta.shown(admin, token.token.uuid)) == NO_SUCH_TOKEN
    assert trifacta.deleted(admin, token.token.uuid).status_code == 204
    assert not works_everywhere(token.secret)
    assert said(trifacta.deleted(admin, token.token.uuid)) == NO_SUCH_TOKEN


def test_only_server_administrators_get_at_others_tokens(
    trifacta: Trifacta, services: Services, token: Issued[AccessToken]
) -> None:
    for role in Role:
        if role not in (Role.SERVER_ADMIN, Role.INTROSPECTOR):
            headers = signed_in(services, make_user(services, role=role))
            assert said(trifacta.deleted(headers, token.token.uuid)) == NO_SUCH_TOKEN, role


def test_the_tokens_of_the_other_sort_are_not_to_be_found_here(trifacta: Trifacta, services: Services) -> None:
    admin = make_user(services, role=Role.SERVER_ADMIN)
    minted = mint(services, issue(services, admin))
    assert trifacta.ids(bearer(minted.secret)) == []
    for token_id in (minted.token.uuid, minted.token.public_id):
        assert said(trifacta.shown(bearer(minted.secret), token_id)) == NO_SUCH_TOKEN
        assert said(trifacta.deleted(bearer(minted.secret), token_id)) == NO_SUCH_TOKEN


def test_an_introspector_may_do_nothing_here(trifacta: Trifacta, services: Services) -> None:
    user = make_user(services, role=Role.INTROSPECTOR, password=PASSWORD)
    services.accounts.set_api_tokens(user.username, ApiTokens.ALLOW, OPERATOR)
    of_no_use = (
        403, "AccessControlException", "This is an introspector's token: it can introspect tokens, and nothing else."
    )  # fmt: skip
    for headers in (signed_in(services, user), basic(user.username, PASSWORD)):
        for answer in (
            trifacta.create(headers), trifacta.listed(headers), trifacta.person(headers),
            trifacta.shown(headers, "x"), trifacta.deleted(headers, "x"),
        ):  # fmt: skip
            assert said(answer) == of_no_use


def test_what_a_user_may_is_read_anew_for_each_request(trifacta: Trifacta, services: Services) -> None:
    make_user(services, role=Role.SERVER_ADMIN)  # another one, for the last can't be demoted
    user = make_user(services)
    headers = signed_in(services, user)
    assert said(trifacta.create(headers)) == FORBIDDEN
    services.accounts.set_role(user.username, Role.SERVER_ADMIN, OPERATOR)
    assert trifacta.create(headers).status_code == 201
    services.accounts.set_role(user.username, Role.VIEWER, OPERATOR)
    assert said(trifacta.create(headers)) == FORBIDDEN

"""What OAuth clients learn of tokens and may revoke, and how they authenticate there, beside the users who do."""

import json

import pytest

from app.domain.identity import Role
from app.domain.tokens import Issued, RefreshToken
from app.services import Services
from app.services.throttling import NEW_PLACE_LIMIT
from app.storage.database import Database
from tests import rows
from tests.contract import asking
from tests.contract.asking import INACTIVE, Headers, OAuth, basic, challenges, refusal
from tests.contract.conftest import MovableClock
from tests.contract.states import REFRESH_STATES, World
from tests.contract.test_oauth_grants import ALONE, WAYS, form_of
from tests.factories import PASSWORD, generate, issue, make_user, mint, rotate, set_role, works
from tests.secrecy import PASSWORD_MARK

Refresh = Issued[RefreshToken]
Form = dict[str, str]
ENDPOINTS = [f"/oauth{version}/{name}{slash}" for name in ("introspect", "revoke") for version in ("", "/v2")
             for slash in ("", "/")]  # fmt: skip


@pytest.fixture
def refresh(services: Services) -> Refresh:
    return issue(services, make_user(services), "nightly etl")


def asked(oauth: OAuth, token: str, form: Form, headers: Headers | None = None, **more: str) -> dict[str, object]:
    """What a client is told, which must be a 200."""
    answer = oauth.send(asking.INTROSPECT, data={"token": token, **form, **more}, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(json.loads(answer.data))


def test_a_client_learns_of_access_tokens_of_its_own_refresh_token_and_of_nothing_else(
    oauth: OAuth, services: Services, refresh: Refresh
) -> None:
    """Not of another's of the same owner, of a single-tier token, nor of itself. Fails without `refuse_of_others`."""
    owner = services.accounts.by_id(refresh.token.user_id)
    own, other = mint(services, refresh), issue(services, owner)
    single = generate(services, make_user(services, role=Role.SERVER_ADMIN))
    found = asked(oauth, own.secret, form_of(refresh), token_type_hint="access_token", verify_token="true")
    assert (found["active"], found["client_id"], found["jti"]) == (True, refresh.token.public_id, own.token.public_id)
    assert found["sub"] == str(owner.id) and type(found["exp"]) is type(found["nbf"]) is type(found["iat"]) is int
    for token in (mint(services, other), single, refresh, other):
        for hint in ("", "access_token", "refresh_token"):
            assert asked(oauth, token.secret, form_of(refresh), token_type_hint=hint) == {"active": False}


def test_an_old_secret_is_the_same_client_while_its_overlap_lasts_and_then_is_refused_as_replaced(
    oauth: OAuth, services: Services, refresh: Refresh, clock: MovableClock
) -> None:
    """With either secret it mints, and learns of what was minted with the other one."""
    new = rotate(services, refresh)
    for minting, asking_one in ((refresh, new), (new, refresh)):
        token = oauth.grant(**form_of(minting)).get_json()["access_token"]
        assert asked(oauth, token, form_of(asking_one))["client_id"] == refresh.token.public_id
        by_the_other = oauth.grant("refresh_token", refresh_token=minting.secret, **form_of(asking_one))
        assert by_the_other.status_code == 200, "two secrets, one client"
    with clock.later(hours=25):
        form = {"token": by_the_other.get_json()["access_token"], **form_of(refresh)}
        for path in (asking.INTROSPECT, asking.REVOKE):
            assert refusal(oauth.send(path, data=form)) == (401, "invalid_client", "token_revoked")
        assert refusal(oauth.grant(**form_of(refresh))) == (401, "invalid_client", "token_revoked")
        answer = oauth.grant("refresh_token", refresh_token=refresh.secret)
        assert refusal(answer) == (400, "invalid_grant", "token_revoked")
        assert oauth.grant(**form_of(new)).status_code == 200


@pytest.mark.parametrize("role", [Role.SERVER_ADMIN, Role.INTROSPECTOR])
def test_a_client_whose_owner_may_introspect_learns_of_all(
    oauth: OAuth, services: Services, refresh: Refresh, role: Role
) -> None:
    """As of this request: a role that was taken away counts at once."""
    api = issue(services, make_user(services, role=role))
    token = mint(services, refresh).secret
    assert asked(oauth, token, form_of(api))["username"] == services.accounts.by_id(refresh.token.user_id).username
    assert asked(oauth, refresh.secret, form_of(api), token_type_hint="refresh_token")["active"] is True
    set_role(services, services.accounts.by_id(api.token.user_id).username, Role.VIEWER)
    assert asked(oauth, token, form_of(api)) == {"active": False}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_authenticate_as_a_client_is_accepted(
    oauth: OAuth, services: Services, refresh: Refresh, way: str
) -> None:
    """But for the header beside `TOKEN`, which is not read there."""
    headers, form = WAYS[way](refresh.token.public_id, refresh.secret)
    token = mint(services, refresh)
    assert asked(oauth, token.secret, form, headers)["active"] is True
    answer = oauth.send(asking.REVOKE, data={"token": token.secret, **form}, headers=headers)
    assert (answer.status_code, works(services, token)) == (200, False)


@pytest.mark.parametrize("sent", ALONE)
def test_no_client_is_nobody_and_refuses_nobody(oauth: OAuth, services: Services, refresh: Refresh, sent: str) -> None:
    """An administrator's token beside a lone id counts, and who is nobody may revoke what they hold."""
    headers, form = ALONE[sent]
    token = mint(services, refresh)
    answer = oauth.send(asking.INTROSPECT, data={"token": token.secret, **form}, headers=headers)
    assert answer.status_code == 401
    if "TOKEN" in headers or "Bearer" in headers.get("Authorization", ""):
        return
    admin = mint(services, issue(services, make_user(services, role=Role.SERVER_ADMIN))).secret
    assert asked(oauth, token.secret, form, {"TOKEN": admin, **headers})["active"] is True
    assert oauth.send(asking.REVOKE, data={"token": token.secret, **form}, headers=headers).status_code == 200
    assert not works(services, token)


@pytest.mark.parametrize("state", [name for name in REFRESH_STATES if name not in ("another's", "of the other kind")])
def test_a_client_that_does_not_work_is_a_401_and_revokes_nothing(oauth: OAuth, world: World, state: str) -> None:
    """By Basic, text that is no refresh token's is a user's password."""
    make, reason = REFRESH_STATES[state]
    held = mint(world.services, issue(world.services, make_user(world.services)))
    secret, _ = make(world)
    reason = "token_malformed" if state == "nothing like a token" else reason
    parsed = asking.TEXT.parse(secret)
    is_secret = parsed is not None and parsed.kind == "refresh"
    for path in ENDPOINTS:
        answer = oauth.send(path, data={"token": held.secret, "client_secret": secret})
        assert (refusal(answer), challenges(answer)) == ((401, "invalid_client", reason), [asking.BASIC])
        if is_secret:
            answer = oauth.send(path, data={"token": held.secret}, headers=basic("", secret))
            assert (refusal(answer), challenges(answer)) == ((401, "invalid_client", reason), [asking.BASIC])
    assert works(world.services, held)


def test_an_expired_client_and_two_clients_are_refused(
    oauth: OAuth, services: Services, refresh: Refresh, clock: MovableClock
) -> None:
    other = issue(services, make_user(services))
    token = mint(services, refresh).secret
    for path in ENDPOINTS:
        with clock.later(days=61):
            answer = oauth.send(path, data={"token": token, **form_of(refresh)})
            assert refusal(answer) == (401, "invalid_client", "token_expired")
        mixed = form_of(refresh) | {"client_id": other.token.public_id}
        answer = oauth.send(path, data={"token": token, **mixed})
        assert refusal(answer) == (401, "invalid_client", "bad_credentials")
        for headers in (basic(other.token.public_id, other.secret), basic("anna", PASSWORD)):
            answer = oauth.send(path, data={"token": token, **form_of(refresh)}, headers=headers)
            assert refusal(answer) == (400, "invalid_request", "bad_request")


def test_a_user_s_password_in_basic_is_not_decoded(oauth: OAuth, services: Services) -> None:
    """Fails when all of Basic is form-decoded: this one would lose its signs."""
    password = f"{PASSWORD_MARK}+of%20an+api"
    user = make_user(services, role=Role.INTROSPECTOR, password=password)
    assert oauth.introspect("nonsense", headers=basic(user.username, password)).data == INACTIVE


def test_a_wrong_secret_that_is_sent_twice_counts_once(
    oauth: OAuth, services: Services, database: Database, clock: MovableClock
) -> None:
    """x/oauth2 sends each attempt by Basic and at once in the form. Text that is no secret is a user's password in
    Basic, which counts; in the form it is not."""
    user = make_user(services, role=Role.INTROSPECTOR, password=PASSWORD)
    wrong = f"{PASSWORD_MARK}-wrong"
    with clock.later(days=400):
        for _ in range(NEW_PLACE_LIMIT - 1):
            answer = oauth.introspect("nonsense", headers=basic(user.username, wrong))
            assert refusal(answer) == (401, "invalid_client", "bad_credentials")
            form = {"token": "nonsense", "client_id": user.username, "client_secret": wrong}
            assert refusal(oauth.send(asking.INTROSPECT, data=form))[2] == "token_malformed"
        assert oauth.introspect("nonsense", headers=basic(user.username, PASSWORD)).data == INACTIVE


def test_a_client_revokes_its_access_tokens_and_itself_and_nothing_of_others(
    oauth: OAuth, services: Services, database: Database, refresh: Refresh
) -> None:
    """Of its owner neither. 200, whatever the token was."""
    owner = services.accounts.by_id(refresh.token.user_id)
    others = [issue(services, owner), issue(services, make_user(services)), generate(services, make_user(
        services, role=Role.SERVER_ADMIN))]  # fmt: skip
    others += [mint(services, each) for each in others[:2]]
    own = mint(services, refresh)
    for token in (*others, own, own, refresh):
        answer = oauth.send(asking.REVOKE, data={"token": token.secret, **form_of(refresh)})
        assert (answer.status_code, answer.data) == (200, b"")
        assert works(services, token) == (token in others)
    events = [each for each in rows.audit_events(database) if each.object_id == own.token.public_id]
    assert (events[-1].action, events[-1].actor) == ("access_token.revoked", owner.username)
    assert json.loads(events[-1].detail)["reason"] == "revoked with its secret"
    answer = oauth.send(asking.REVOKE, data={"token": own.secret, **form_of(refresh)})
    assert refusal(answer) == (401, "invalid_client", "token_revoked")


def test_a_client_whose_owner_is_an_administrator_revokes_nothing_of_others_either(
    oauth: OAuth, services: Services, refresh: Refresh
) -> None:
    admin = issue(services, make_user(services, role=Role.SERVER_ADMIN))
    held = mint(services, refresh)
    assert oauth.send(asking.REVOKE, data={"token": held.secret, **form_of(admin)}).status_code == 200
    assert works(services, held)


def test_a_replaced_token_that_its_client_presents_is_recorded(
    oauth: OAuth, services: Services, database: Database, refresh: Refresh
) -> None:
    old = mint(services, refresh)
    mint(services, refresh)
    assert asked(oauth, old.secret, form_of(refresh)) == {"active": False}
    services.last_use.flush()
    seen = [each for each in rows.audit_events(database) if each.object_id == old.token.public_id]
    assert seen[-1].action == "access_token.superseded_presented"
    assert seen[-1].actor == services.accounts.by_id(refresh.token.user_id).username


def test_a_client_s_secret_is_checked_by_one_read(
    oauth: OAuth, services: Services, refresh: Refresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """◆ With its owner and the token that it asks about, on a connection of the check, and never by a password."""
    token = mint(services, refresh).secret
    looks: list[str] = []
    cursors = services.verifier._lookup._cursors
    take = cursors.take
    monkeypatch.setattr(cursors, "take", lambda: looks.append("one read") or take())  # type: ignore[func-returns-value]
    monkeypatch.setattr(services.held_tokens, "validate", None)
    monkeypatch.setattr(services.accounts, "authenticate", None)
    assert asked(oauth, token, form_of(refresh))["active"] is True
    assert looks == ["one read"]
    assert asked(oauth, token, {}, basic(refresh.token.public_id, refresh.secret))["active"] is True
    assert looks == ["one read", "one read"]

"""What the tokens of the Alation dialect mean: how many there may be, what ends them, and what does not.

Here belong refresh tokens and their owners, seen through HTTP. Not here: minting and lifetimes
(``test_alation_minting``), the instant of expiry (``test_alation_expiry``), and what the answers look like
(``test_alation_successes``, ``test_alation_errors``).
"""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking import ACCESS_ENDED, NO_CREDENTIALS, REFRESH_ENDED, Alation, said
from tests.contract.conftest import MovableClock, Setting
from tests.factories import OPERATOR, PASSWORD, issue, make_user
from tests.secrecy import PASSWORD_MARK

MANY = 300

REVOKED = (403, NO_CREDENTIALS, "token_revoked")

Proof = dict[str, Any]


def test_two_refresh_tokens_of_one_user_may_have_one_name(alation: Alation, services: Services) -> None:
    user = make_user(services, password=PASSWORD)
    sent = {"username": user.username, "password": PASSWORD, "name": "connector"}
    secrets = [alation.post("createRefreshToken", **sent).get_json()["refresh_token"] for _ in range(2)]
    assert secrets[0] != secrets[1]
    for secret in secrets:  # and neither knocks out what the other minted
        tokens = [alation.minted({"refresh_token": each, "user_id": user.id}) for each in secrets]
        assert [alation.use(token).status_code for token in tokens] == [200, 200]
        assert alation.post("validateRefreshToken", refresh_token=secret, user_id=user.id).status_code == 200


def test_a_user_may_hold_hundreds_of_refresh_tokens(alation: Alation, services: Services) -> None:
    user = make_user(services)
    issued = [issue(services, user, "connector") for _ in range(MANY)]
    assert len({each.token.public_id for each in issued}) == MANY
    for each in issued[:: MANY // 20]:
        proof = {"refresh_token": each.secret, "user_id": user.id}
        assert alation.post("validateRefreshToken", **proof).status_code == 200
        assert alation.use(alation.minted(proof)).status_code == 200


def test_refresh_tokens_are_counted_while_they_are_alive(
    alation: Alation, services: Services, setting: Setting, clock: MovableClock
) -> None:
    user = make_user(services, password=PASSWORD)
    sent = {"username": user.username, "password": PASSWORD, "name": "bi"}
    with setting(max_refresh_tokens_per_user="2", refresh_token_lifespan="30"):
        first, _ = issue(services, user), issue(services, user)
        assert said(alation.post("createRefreshToken", **sent))[::2] == (403, "limit_reached")
        services.revoking.revoke(first.token.public_id, "test", OPERATOR)
        assert alation.post("createRefreshToken", **sent).status_code == 201
        assert said(alation.post("createRefreshToken", **sent))[::2] == (403, "limit_reached")
        with clock.later(days=31):
            assert alation.post("createRefreshToken", **sent).status_code == 201
        other = make_user(services, password=PASSWORD)
        assert alation.post("createRefreshToken", **sent | {"username": other.username}).status_code == 201


def test_revoking_ends_access_tokens_and_may_be_repeated(alation: Alation, proof: Proof, setting: Setting) -> None:
    with setting(access_token_reissue="overlap"):
        tokens = [alation.minted(proof), alation.minted(proof)]
        assert [alation.use(token).status_code for token in tokens] == [200, 200]
        answers = [alation.post("revokeAPIAccessTokens", **proof) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.data for answer in answers}) == 1
    assert [said(alation.use(token)) for token in tokens] == [REVOKED, REVOKED]
    assert alation.post("validateRefreshToken", **proof).get_json()["token_status"] == "ACTIVE"
    assert alation.use(alation.minted(proof)).status_code == 200


def test_revoking_without_any_access_token_is_no_error(alation: Alation, proof: Proof) -> None:
    assert alation.post("revokeAPIAccessTokens", **proof).status_code == 200


def test_revoking_ends_nothing_of_other_refresh_tokens(alation: Alation, services: Services) -> None:
    user = make_user(services)
    one, other = ({"refresh_token": issue(services, user).secret, "user_id": user.id} for _ in range(2))
    token = alation.minted(other)
    alation.minted(one)
    alation.post("revokeAPIAccessTokens", **one)
    assert alation.use(token).status_code == 200


def test_regenerating_keeps_id_and_name_and_ends_what_was_before(
    alation: Alation, services: Services, setting: Setting
) -> None:
    refresh = issue(services, make_user(services), "kept")
    proof = {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}
    with setting(access_token_reissue="overlap"):
        tokens = [alation.minted(proof), alation.minted(proof)]
    renewed = alation.post("regenRefreshToken", **proof).get_json()
    new_proof = proof | {"refresh_token": renewed["refresh_token"]}
    known = services.refresh_verifier.validate(renewed["refresh_token"], refresh.token.user_id)
    assert (known.id, known.public_id, known.name) == (refresh.token.id, refresh.token.public_id, "kept")
    assert renewed["created_at"] == alation.post("validateRefreshToken", **new_proof).get_json()["created_at"]
    assert [said(alation.use(token)) for token in tokens] == [REVOKED, REVOKED]
    assert said(alation.post("createAPIAccessToken", **proof)) == (401, REFRESH_ENDED, "token_revoked")
    assert alation.use(alation.minted(new_proof)).status_code == 200
    assert f"with id: {refresh.token.id}" in alation.post("revokeAPIAccessTokens", **new_proof).get_json()["detail"]


@pytest.mark.parametrize("marked", [False, True], ids=["not yet marked", "marked as expired"])
def test_an_expired_refresh_token_gets_a_full_new_life(
    alation: Alation, services: Services, clock: MovableClock, proof: Proof, marked: bool
) -> None:
    with clock.later(days=61) as now:
        if marked:
            services.expiring.expire_due()
        renewed = alation.post("regenRefreshToken", **proof).get_json()
        assert renewed["token_status"] == "ACTIVE"
        assert datetime.fromisoformat(renewed["token_expires_at"]) == now + timedelta(days=60)
        proof["refresh_token"] = renewed["refresh_token"]
        assert alation.use(alation.minted(proof)).status_code == 200


def test_a_revoked_refresh_token_cannot_be_regenerated(
    alation: Alation, services: Services, clock: MovableClock
) -> None:
    refresh = issue(services, make_user(services))
    services.revoking.revoke(refresh.token.public_id, "test", OPERATOR)
    proof = {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}
    assert said(alation.post("regenRefreshToken", **proof)) == (401, REFRESH_ENDED, "token_revoked")
    with clock.later(days=61):  # its time being over as well changes nothing
        assert said(alation.post("regenRefreshToken", **proof)) == (401, REFRESH_ENDED, "token_revoked")


def test_nothing_of_a_disabled_user_works_until_enabled_again(alation: Alation, services: Services) -> None:
    user = make_user(services, password=PASSWORD)
    refresh = issue(services, user)
    proof = {"refresh_token": refresh.secret, "user_id": user.id}
    token = alation.minted(proof)
    login = {"username": user.username, "password": PASSWORD, "name": "bi"}
    services.accounts.disable(user.username, OPERATOR)
    assert said(alation.use(token)) == (403, NO_CREDENTIALS, "owner_disabled")
    assert said(alation.post("createAPIAccessToken", **proof)) == (401, REFRESH_ENDED, "owner_disabled")
    assert said(alation.post("regenRefreshToken", **proof)) == (401, REFRESH_ENDED, "owner_disabled")
    answer = alation.post("validateAPIAccessToken", api_access_token=token, user_id=user.id)
    assert said(answer) == (401, ACCESS_ENDED, "owner_disabled")
    assert said(alation.post("createRefreshToken", **login))[::2] == (401, "bad_credentials")
    services.accounts.enable(user.username, OPERATOR)
    assert alation.use(token).status_code == 200
    assert alation.use(alation.minted(proof)).status_code == 200
    assert alation.post("createRefreshToken", **login).status_code == 201


def test_a_changed_password_does_not_touch_tokens(alation: Alation, services: Services) -> None:
    user = make_user(services, password=PASSWORD)
    refresh = issue(services, user)
    proof = {"refresh_token": refresh.secret, "user_id": user.id}
    token = alation.minted(proof)
    new_password = f"{PASSWORD_MARK}-another"
    services.accounts.set_password(user.username, new_password, OPERATOR)
    assert alation.use(token).status_code == 200
    assert alation.use(alation.minted(proof)).status_code == 200
    sent = {"username": user.username, "name": "bi"}
    assert alation.post("createRefreshToken", password=PASSWORD, **sent).status_code == 401
    assert alation.post("createRefreshToken", password=new_password, **sent).status_code == 201


def test_a_changed_role_is_told_on_the_next_request(alation: Alation, services: Services, proof: Proof) -> None:
    token = alation.minted(proof)
    username = alation.use(token).get_json()["username"]
    services.accounts.set_role(username, Role.STEWARD, OPERATOR)
    assert alation.use(token).get_json()["role"] == "STEWARD"


def test_administrators_create_refresh_tokens_when_users_may_not(
    alation: Alation, services: Services, setting: Setting
) -> None:
    administrator = make_user(services, role=Role.SERVER_ADMIN, password=PASSWORD)
    viewer = make_user(services, password=PASSWORD)
    before = issue(services, viewer)
    with setting(refresh_tokens_for_users="off"):
        sent = {"username": administrator.username, "password": PASSWORD, "name": "bi"}
        assert alation.post("createRefreshToken", **sent).status_code == 201
        sent["username"] = viewer.username
        assert said(alation.post("createRefreshToken", **sent))[::2] == (403, "not_permitted")
        # What exists is not affected.
        proof = {"refresh_token": before.secret, "user_id": viewer.id}
        assert alation.use(alation.minted(proof)).status_code == 200
        assert alation.post("regenRefreshToken", **proof).status_code == 201


def test_without_the_password_api_nobody_creates_refresh_tokens_with_a_password(
    alation: Alation, services: Services, setting: Setting
) -> None:
    administrator = make_user(services, role=Role.SERVER_ADMIN, password=PASSWORD)
    with setting(password_api_enabled="off"):
        for password in (PASSWORD, f"{PASSWORD_MARK}-wrong"):
            answer = alation.post("createRefreshToken", username=administrator.username, password=password, name="bi")
            assert said(answer)[::2] == (403, "not_permitted")  # whether or not the password is right

"""Rotation on the wire and on the pages: what each API answers with either secret, and what people read about them.

Not here: the rules (``tests/unit/services/test_rotating``).
"""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from app.domain.identity import Caller, Role
from app.services import Services
from tests.contract.asking import Alation, OAuth, basic
from tests.contract.asking_native import Native, Person, problem
from tests.contract.asking_pages import Somebody, somebody
from tests.contract.conftest import MovableClock, Setting
from tests.drivers.pages import words
from tests.factories import PASSWORD, Refresh, issue, make_user, mint_with, rotate, works
from tests.secrecy import secrets_in

ROTATE, MINT = "refresh-tokens/rotate", "access-tokens"
TOKENS, ADMIN = "/account/auth/refresh-tokens", "/admin/tokens"
NOW = datetime(2031, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
UNTIL = "2031-05-05T12:00:00.000000Z"


def test_a_rotation_by_the_secret_is_answered_with_the_new_one_and_the_same_again(
    services: Services, native: Native, clock: MovableClock
) -> None:
    with clock.stopped_at(NOW):
        refresh = issue(services, make_user(services))
        answer = native.post(ROTATE, {"refresh_token": refresh.secret})
        made = answer.get_json()
        assert answer.status_code == 201
        assert answer.headers["Refresh-Token-Expires-At"] == "2031-07-03T12:00:00Z"
        assert list(made) == [
            "kind", "public_id", "secret", "name", "status", "created_at", "expires_at", "refresh_token",
            "old_secret_until",
        ]  # fmt: skip
        assert (made["public_id"], made["old_secret_until"]) == (refresh.token.public_id, UNTIL)
        assert made["refresh_token"] == made["secret"] != refresh.secret
        assert native.post(ROTATE, {"refresh_token": refresh.secret}).get_json() == made
        old, new = (native.post(MINT, {"refresh_token": each}) for each in (refresh.secret, made["refresh_token"]))
        assert old.get_json()["old_secret_until"] == UNTIL
        assert "old_secret_until" not in new.get_json()
    with clock.stopped_at(NOW + DAY):
        refused = native.post(ROTATE, {"refresh_token": refresh.secret})
    assert problem(refused) == (401, "token_revoked")
    assert "its old secret worked until 2031-05-05T12:00:00Z" in refused.get_json()["detail"]


def test_by_public_id_it_is_done_once_under_a_key_and_the_old_secret_is_told(
    services: Services, native: Native, anna: Person, setting: Setting
) -> None:
    anna = Person(anna.user, issue(services, anna.user), anna.access, anna.native)
    path = f"me/refresh-tokens/{anna.refresh.token.public_id}"
    with setting(api_can_create_refresh_tokens="on"):
        made, again = (anna.native.post(f"{path}/rotate", headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (made.status_code, again.status_code) == (201, 200)
    assert again.get_json() == {"public_id": anna.refresh.token.public_id, "secret_already_shown": True}
    refused = native.post(ROTATE, {"refresh_token": anna.refresh.secret})
    assert problem(refused) == (409, "conflict")
    assert "rotated by its owner" in refused.get_json()["detail"]
    assert native.post(MINT, {"refresh_token": anna.refresh.secret}).status_code == 201
    shown = anna.native.get("me/tokens?kind=refresh").get_json()["items"][0]
    assert shown["rotated_at"] and shown["old_secret_until"] == made.get_json()["old_secret_until"]
    ended = anna.native.post(f"{path}/end-old-secret").get_json()
    assert (ended["public_id"], ended["old_secret_until"]) == (shown["public_id"], None)
    assert problem(native.post(MINT, {"refresh_token": anna.refresh.secret})) == (401, "token_revoked")


def test_the_uses_of_both_secrets_are_told_with_address_and_agent(services: Services, anna: Person) -> None:
    refresh = issue(services, anna.user)
    path = f"me/refresh-tokens/{refresh.token.public_id}/secrets"
    new = rotate(services, refresh)
    told = anna.native.get(path).get_json()
    assert (told["current"], told["old"], told["moved"], told["behind"]) == (None, None, 0, [])
    for secret, address in ((refresh.secret, "192.0.2.5"), (new.secret, "192.0.2.5"),
                            (new.secret, "192.0.2.6"), (refresh.secret, "192.0.2.7")):  # fmt: skip
        mint_with(services, secret, None, Caller("", address=address, agent="curl/8"))
    told = anna.native.get(path).get_json()
    assert [told[each]["address"] for each in ("current", "old")] == ["192.0.2.6", "192.0.2.7"]
    assert (told["moved"], [each["address"] for each in told["behind"]]) == (2, ["192.0.2.7"])
    assert told["old"]["agent"] == "curl/8"


def test_either_secret_serves_the_other_apis_in_the_same_members(
    services: Services, alation: Alation, oauth: OAuth, clock: MovableClock
) -> None:
    """◆ Fails when an answer of a compatibility layer has a member more for the old secret."""
    introspector = make_user(services, role=Role.INTROSPECTOR, password=PASSWORD)
    headers = basic(introspector.username, PASSWORD)
    with clock.stopped_at(NOW):
        refresh = issue(services, make_user(services))
        proof = {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}
        before = {each: list(alation.post(each, **proof).get_json()) for each in ("createAPIAccessToken",
                  "validateRefreshToken", "revokeAPIAccessTokens")}  # fmt: skip
        rotate(services, refresh)
        for endpoint, members in before.items():
            assert list(alation.post(endpoint, **proof).get_json()) == members
        assert alation.post("validateRefreshToken", **proof).get_json()["token_expires_at"] == UNTIL
        told = oauth.introspect(refresh.secret, "refresh_token", headers).get_json()
        assert (told["active"], told["exp"]) == (True, int((NOW + DAY).timestamp()))
        assert alation.post("regenRefreshToken", **proof).status_code == 401
        assert oauth.revoke(refresh.secret).status_code == 200
        assert oauth.introspect(refresh.secret, "refresh_token", headers).get_json() == {"active": False}


def test_an_old_secret_in_a_path_is_found_while_it_works(services: Services, native: Native, anna: Person) -> None:
    rotate(services, anna.refresh)
    native.get(f"{anna.refresh.secret}/x")
    services.last_use.flush()
    assert services.listing.find(anna.refresh.token.public_id).token.secret_seen_at is not None


@pytest.fixture
def owner(app: Flask) -> Somebody:
    return somebody(app)


@pytest.fixture
def refresh(services: Services, owner: Somebody) -> Refresh:
    return issue(services, owner.user, "catalog-sync")


def test_the_page_rotates_shows_the_secret_once_and_who_uses_which(
    owner: Somebody, services: Services, refresh: Refresh
) -> None:
    mine = f"{TOKENS}/{refresh.token.public_id}"
    dialog = words(owner.pages.get(f"{mine}/rotate"))
    assert "Its current secret works for another 24 hours" in dialog
    new = next(each for each in secrets_in(owner.pages.post(f"{mine}/rotate").text) if each.startswith("dpr_"))
    assert works(services, refresh) and new != refresh.secret
    assert "No address has moved to the new secret yet." in words(owner.pages.get(mine))
    for secret, address in ((new, "192.0.2.6"), (refresh.secret, "192.0.2.7")):
        mint_with(services, secret, None, Caller("", address=address))
    shown = words(owner.pages.get(mine))
    assert "1 address has moved to the new secret. 192.0.2.7 last used the old one" in shown
    assert "Rotated by you on a page" in shown and "Overlap of both secrets until" in shown
    again = words(owner.pages.get(f"{mine}/rotate"))
    assert "192.0.2.7 still used the old secret" in again and "rotating again ends that secret at once" in again


def test_the_old_secret_is_ended_on_the_pages_of_its_owner_and_of_an_administrator(
    app: Flask, owner: Somebody, services: Services, refresh: Refresh
) -> None:
    clara = somebody(app, Role.SERVER_ADMIN)
    for who, path in ((owner, f"{TOKENS}/{refresh.token.public_id}"), (clara, f"{ADMIN}/{refresh.token.public_id}")):
        rotated = rotate(services, refresh)
        assert "Secrets" in words(who.pages.get(path))
        assert "stops working at once" in words(who.pages.get(f"{path}/end-old-secret"))
        sent = who.pages.post(f"{path}/end-old-secret", {"back": path})
        assert "Ended the old secret of catalog-sync." in words(who.pages.get(sent.headers["Location"]))
        assert not works(services, refresh) and works(services, rotated)
        assert "There is nothing to end." in words(who.pages.get(f"{path}/end-old-secret"))
        refresh = rotated


def test_what_pages_say_of_overlaps_and_lives_follows_the_settings(
    owner: Somebody, setting: Setting, refresh: Refresh
) -> None:
    mine = f"{TOKENS}/{refresh.token.public_id}"
    with setting(refresh_token_overlap_hours="0", refresh_token_max_life_days="61"):
        dialog = words(owner.pages.get(f"{mine}/rotate"))
        assert "Its current secret stops working at once" in dialog
        assert "from now at most" in words(owner.pages.get(f"{mine}/regenerate"))
        owner.pages.post(f"{mine}/rotate")
        assert "The old secret stopped working at once" in words(owner.pages.get(mine))

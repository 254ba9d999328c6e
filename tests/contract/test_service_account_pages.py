"""Service accounts on the pages: those that one answers for, and their administration."""

import pytest
from flask import Flask

from app.domain.errors import Refusal
from app.domain.identity import ApiTokens, Role, User
from app.domain.token_view import TokenView
from app.services import Services
from tests.contract.asking_pages import Somebody, somebody
from tests.drivers.pages import page, words
from tests.factories import disable, issue, make_service_account, make_user, set_api_tokens, set_role, signed_in, works

ACCOUNTS = "/account/service-accounts"


@pytest.fixture
def anna(app: Flask) -> Somebody:
    return somebody(app)


@pytest.fixture
def clara(app: Flask) -> Somebody:
    return somebody(app, Role.SERVER_ADMIN)


@pytest.fixture
def account(services: Services, anna: Somebody) -> User:
    return make_service_account(services, anna.user)


def test_the_sidebar_leads_who_answers_for_an_account_to_it(
    services: Services, app: Flask, anna: Somebody, account: User
) -> None:
    assert "Service accounts" in words(anna.pages.get("/account/auth"))
    assert account.username in words(anna.pages.get(ACCOUNTS))
    other = somebody(app)
    assert "Service accounts" not in words(other.pages.get("/account/auth"))
    assert "No service accounts yet" in words(other.pages.get(ACCOUNTS))


def test_its_tokens_are_created_tested_and_revoked_as_ones_own(
    services: Services, anna: Somebody, account: User
) -> None:
    home = f"{ACCOUNTS}/{account.id}"
    revealed = anna.pages.post(f"{home}/refresh-tokens", {"name": "nightly"})
    secret = page(revealed).value_of("secret")
    assert secret.startswith("dpr_")
    tested = anna.pages.post(f"{home}/test-token", {"secret": secret, "kind": "refresh"})
    assert "Accepted" in words(tested)
    (held,) = services.token_lists.refresh_tokens_of(account.id, TokenView()).items
    under = f"{home}/refresh-tokens/{held.token.public_id}"
    assert f"{under}/access-token" in revealed.text
    minted = anna.pages.post(f"{under}/access-token")
    assert page(minted).value_of("secret").startswith("dpa_")
    assert anna.pages.post(f"{under}/regenerate").status_code == 200
    done = anna.pages.post(f"{under}/revoke", {"back": home})
    assert done.location.startswith(home)
    assert "Revoked nightly" in words(anna.pages.get(done.location))
    assert "No refresh tokens" not in words(anna.pages.get(home))


def test_its_api_tokens_are_generated_described_and_deleted_as_ones_own(
    services: Services, anna: Somebody, account: User
) -> None:
    home = f"{ACCOUNTS}/{account.id}/api-tokens"
    denied = words(anna.pages.get(home))
    assert "not enabled for this account" in denied and "Generate New Token" not in denied
    set_api_tokens(services, account.username, ApiTokens.ALLOW)
    assert f"{home}/new" in anna.pages.get(home).text
    revealed = anna.pages.post(f"{home}/new", {"lifetime": "30", "description": "dashboard"})
    secret = page(revealed).value_of("secret")
    assert services.verifier.verify(secret).user_id == account.id
    (token,) = services.token_lists.api_tokens_of(account.id, TokenView()).items
    anna.pages.post(f"{home}/{token.public_id}/edit", {"description": "dashboard upstairs"})
    assert "dashboard upstairs" in words(anna.pages.get(home))
    assert "Move to a service account" not in anna.pages.get(f"{home}/{token.public_id}").text
    done = anna.pages.post(f"{home}/{token.uuid}/delete")
    shown = words(anna.pages.get(done.location))
    assert done.location.startswith(home) and "Deleted dashboard upstairs. It no longer works." in shown
    assert "By you on" in shown
    with pytest.raises(Refusal):
        services.verifier.verify(secret)


def test_the_two_lists_of_its_tokens_lead_to_each_other(anna: Somebody, account: User) -> None:
    home = f"{ACCOUNTS}/{account.id}"
    assert f'href="{home}/api-tokens"' in anna.pages.get(home).text
    assert f'href="{home}"' in anna.pages.get(f"{home}/api-tokens").text


def test_who_may_create_none_reads_why_and_can_still_revoke(services: Services, anna: Somebody, account: User) -> None:
    refresh = issue(services, account)
    set_role(services, account.username, Role.SERVER_ADMIN)
    home = f"{ACCOUNTS}/{account.id}"
    shown = words(anna.pages.get(home))
    assert "has the role SERVER_ADMIN, and you have VIEWER" in shown and "Create Refresh Token" not in shown
    assert anna.pages.post(f"{home}/refresh-tokens", {"name": "x"}).status_code == 403
    anna.pages.post(f"{home}/refresh-tokens/{refresh.token.public_id}/revoke")
    assert not works(services, refresh)


def test_administrators_create_accounts_and_change_who_is_responsible(
    services: Services, anna: Somebody, clara: Somebody
) -> None:
    form = {"username": "svc-of-pages", "responsible": anna.user.username, "new_role": "STEWARD"}
    made = clara.pages.post("/admin/users/new-service-account", form)
    account = services.accounts.get("svc-of-pages")
    assert (account.responsible, account.role) == (anna.user.username, Role.STEWARD)
    shown = words(clara.pages.get(made.location))
    assert "Service account" in shown and "Set Password" not in shown and "Last sign-in" not in shown
    deputy = make_user(services)
    changed = {"responsible": anna.user.username, "deputy": deputy.username}
    clara.pages.post(f"/admin/users/{account.id}/responsible", changed)
    assert services.accounts.get("svc-of-pages").deputy == deputy.username
    assert "svc-of-pages" in words(clara.pages.get(f"/admin/users/{anna.user.id}"))
    wrong = clara.pages.post("/admin/users/new-service-account", form | {"username": "x", "responsible": "nobody-here"})
    assert wrong.status_code == 400 and "There is no active person called nobody-here." in words(wrong)


def test_disabling_a_person_lists_what_they_have_and_offers_to_move_it(
    services: Services, anna: Somebody, clara: Somebody, account: User
) -> None:
    """◆ Afterwards the account is marked, where nobody took it over, and its tokens go on."""
    deputy, refresh, own = make_user(services), issue(services, account), issue(services, anna.user)
    services.accounts.change(account.username, {"deputy": deputy.username}, signed_in(clara.user))
    asked = clara.pages.get(f"/admin/users/{anna.user.id}/disable")
    assert "responsible for 1 service account" in words(asked) and "Move them to others first" in words(asked)
    offered = clara.pages.get(f"/admin/users/{anna.user.id}/hand-over")
    assert page(offered).value_of(f"to-{account.id}") == deputy.username
    clara.pages.post(f"/admin/users/{anna.user.id}/hand-over", {f"to-{account.id}": deputy.username})
    assert services.accounts.get(account.username).responsible == deputy.username
    chosen = {f"pick-{own.token.public_id}": "on", "owner": account.username}
    clara.pages.post(f"/admin/users/{anna.user.id}/hand-over", chosen)
    assert services.listing.find(own.token.public_id).owner == account.username
    second = make_service_account(services, deputy, anna.user)
    offered = clara.pages.get(f"/admin/users/{anna.user.id}/hand-over")
    assert f"New deputy of {second.username}" in words(offered)
    assert "the deputy of 1 service account" in words(clara.pages.get(f"/admin/users/{anna.user.id}/disable"))
    clara.pages.post(f"/admin/users/{anna.user.id}/hand-over", {f"to-{second.id}": clara.user.username})
    assert services.accounts.get(second.username).deputy == clara.user.username
    disable(services, deputy.username)
    assert works(services, refresh)
    assert "Unattended" in words(clara.pages.get("/admin/users?state=unanswered"))
    assert "no active responsible person" in words(clara.pages.get("/admin"))
    assert anna.pages.get(f"{ACCOUNTS}/{account.id}").status_code == 404


def test_tokens_are_handed_over_to_a_stronger_role_only_after_a_warning_about_that_owner(
    services: Services, anna: Somebody, clara: Somebody
) -> None:
    """As where one token moves. ◆ Fails when the page moves them at once, or a warning about another is enough."""
    steward = make_user(services, role=Role.STEWARD)
    first, second = (issue(services, anna.user) for _ in range(2))
    path = f"/admin/users/{anna.user.id}/hand-over"
    chosen = {f"pick-{first.token.public_id}": "on", "owner": steward.username}
    for confirmed in ({}, {"confirmed": "another"}):
        warned = clara.pages.post(path, chosen | confirmed)
        assert "Anyone who knows the secrets of these tokens gains rights." in words(warned)
        assert f'name="confirmed" value="{steward.username}"' in warned.text
        assert services.listing.find(first.token.public_id).owner == anna.user.username
    clara.pages.post(path, chosen | {"confirmed": steward.username})
    owners = [services.listing.find(each.token.public_id).owner for each in (first, second)]
    assert owners == [steward.username, anna.user.username]

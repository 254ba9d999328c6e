"""The pages of the user's own tokens: lists, the page of a token, lifetimes, exports, messages after revoking."""

import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from app.domain.clock import system_clock
from app.domain.identity import Role
from app.services import Services
from tests.contract.asking_pages import Somebody, holding, somebody
from tests.contract.conftest import MovableClock, Setting
from tests.drivers.pages import page, words
from tests.factories import Refresh, generate, issue, mint, signed_in, with_token

TOKENS, NEW, API_TOKENS = "/account/auth", "/account/auth/refresh-tokens", "/preferences/access-tokens"
DAY = timedelta(days=1)


@pytest.fixture
def owner(app: Flask) -> Somebody:
    return somebody(app, allowed=True)


@pytest.fixture
def clara(app: Flask) -> Somebody:
    return somebody(app, Role.SERVER_ADMIN)


def address(token: Refresh, act: str = "") -> str:
    return f"{NEW}/{token.token.public_id}{act}"


def links(answer: object, text: str) -> list[str]:
    """The addresses of links that end so."""
    return [str(named["href"]) for tag, named in page(answer).tags if tag == "a" and text in str(named.get("href"))]  # type: ignore[arg-type]


# Who revoked it, and what is to be done


def test_an_owner_reads_who_revoked_a_token_when_and_why(owner: Somebody, clara: Somebody, services: Services) -> None:
    """◆ In the list and on its page; an API token's in its list. No address of the administrator."""
    held, by = holding(services, owner.user), replace(signed_in(clara.user), address="198.51.100.77")
    for issued in (held.refresh, held.single):
        services.revoking.revoke(issued.token.public_id, "the laptop was stolen", by)
    told = f"By {clara.user.username} on {system_clock().day} "
    for path in (TOKENS, address(held.refresh), API_TOKENS):
        shown = words(owner.pages.get(path))
        assert told in shown and ": the laptop was stolen" in shown, path
        assert "198.51.100.77" not in shown
    assert f"Revoked by {clara.user.username} the laptop was stolen" in words(owner.pages.get(address(held.refresh)))


def test_what_the_owner_revoked_or_deleted_says_so_without_a_reason_nobody_gave(
    owner: Somebody, services: Services
) -> None:
    """◆ A deleted API token is gone from the list."""
    held = holding(services, owner.user)
    owner.pages.post(address(held.refresh, "/revoke"))
    owner.pages.post(f"{API_TOKENS}/{held.single.token.uuid}/delete")
    assert "Revoked by you" in (shown := words(owner.pages.get(address(held.refresh))))
    assert "revoked by its owner" not in shown
    assert held.single.token.uuid not in words(owner.pages.get(API_TOKENS))


def test_the_action_is_regenerate_where_an_access_token_is_or_was_and_create_where_none_is(
    owner: Somebody, services: Services, clock: MovableClock
) -> None:
    """◆ Also where it has expired: the word of the contract."""
    refresh = issue(services, owner.user, "etl")
    for path in (TOKENS, address(refresh)):
        assert "Create API Token" in words(owner.pages.get(path))
    mint(services, refresh)
    with clock.later(hours=25):
        owner.pages.sign_in(owner.user.username)
        for path in (TOKENS, address(refresh)):
            shown = words(owner.pages.get(path))
            assert "Regenerate API Token" in shown and "Create API Token" not in shown, path
        assert "Its API access token expired 1 hour ago" in shown
        assert "expired" in words(owner.pages.get(address(refresh, "/access-token")))


def test_the_page_of_a_token_has_its_history_and_what_to_do_within_a_week_of_its_end(
    owner: Somebody, services: Services, clock: MovableClock
) -> None:
    refresh = issue(services, owner.user, "catalog-sync")
    mint(services, refresh, "192.0.2.31")
    assert "This token expires on" not in words(owner.pages.get(address(refresh)))
    with clock.later(days=54):
        owner.pages.sign_in(owner.user.username)
        shown = words(owner.pages.get(address(refresh)))
        assert "Expires in 6 days" in shown and "This token expires on" in shown
        assert "First API access token requested · 192.0.2.31" in shown and "Created by you on a page" in shown
    with clock.later(days=60):
        owner.pages.sign_in(owner.user.username)
        shown = words(owner.pages.get(address(refresh)))
        assert "This token expired on" in shown and "Regenerate it to use it again" in shown


def test_the_page_of_an_api_token_has_its_history_and_who_revoked_it(
    owner: Somebody, clara: Somebody, services: Services
) -> None:
    single = generate(services, owner.user, description="a report").token
    path, edit = sorted(set(links(owner.pages.get(API_TOKENS), single.public_id)), key=len)
    shown = words(owner.pages.get(path))
    assert "Delete Token" in shown and edit.startswith(f"{path}/edit")
    assert all(word in shown for word in ("a report", single.public_id, single.uuid, "Created", "Never Used"))
    services.revoking.revoke(single.public_id, "left the team", signed_in(clara.user))
    shown = words(owner.pages.get(path))
    assert f"Revoked by {clara.user.username} left the team" in shown and "Delete Token" not in shown
    assert "Delete Token" not in words(owner.pages.get(API_TOKENS))


# After revoking


def test_after_revoking_the_list_is_as_it_was_and_says_what_was_revoked(owner: Somebody, services: Services) -> None:
    """◆ Filters and place kept, the name read again, and an access token said only where there was one."""
    with_access, without = issue(services, owner.user, "catalog-sync"), issue(services, owner.user, "catalog-copy")
    mint(services, with_access)
    filtered = f"{TOKENS}?q=catalog&sort=name&status=active"
    for token, told in (
        (with_access, "Revoked catalog-sync and its access token."),
        (without, "Revoked catalog-copy."),
    ):
        (dialog,) = links(owner.pages.get(filtered), f"{token.token.public_id}/revoke")
        form = page(owner.pages.get(dialog)).form(address(token, "/revoke"))
        assert f"It {'and its API access token stop' if token is with_access else 'stops'} working" in words(
            owner.pages.get(dialog)
        )
        answer = owner.pages.post(form.action, form.fields)
        assert answer.headers["Location"].startswith(f"{filtered}&done=revoked")
        assert told in words(owner.pages.get(answer.headers["Location"]))
    again = owner.pages.get(owner.pages.post(address(without, "/revoke")).headers["Location"])
    assert "catalog-copy was revoked already." in words(again)


def test_a_message_counts_what_was_created_with_a_token(owner: Somebody, services: Services, setting: Setting) -> None:
    root = issue(services, owner.user, "root")
    access = mint(services, root)
    caller = with_token(owner.user, access, root)
    with setting(api_can_create_refresh_tokens="on"):
        for number in range(2):
            services.issuing.issue(owner.user.id, f"made {number}", caller)
    answer = owner.pages.post(address(root, "/revoke"), {"with_descendants": "on"})
    told = words(owner.pages.get(answer.headers["Location"]))
    assert "Revoked root, its access token and 2 tokens created with it." in told


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/admin/users", f"{TOKENS}x", "", f"{TOKENS}?q=\r\nx"]
)
def test_a_form_leads_back_to_its_own_list_and_to_no_other_place(
    owner: Somebody, services: Services, elsewhere: str
) -> None:
    """◆ Whatever `back` says. And a message of an address that somebody else made has no text of theirs."""
    token = issue(services, owner.user)
    answer = owner.pages.post(address(token, "/revoke"), {"back": elsewhere})
    assert answer.headers["Location"].startswith(f"{TOKENS}?done=revoked")
    for query in ("done=revoked&done-token=Call+me", "done=revoked&done-token=abcdefgh2345", "done=anything"):
        assert 'role="status"' not in owner.pages.get(f"{TOKENS}?{query}").text


def test_a_message_of_an_address_about_a_token_that_works_is_not_shown(owner: Somebody, services: Services) -> None:
    refresh, single = issue(services, owner.user), generate(services, owner.user)
    for path, done, token in ((TOKENS, "revoked", refresh.token), (API_TOKENS, "deleted", single.token)):
        told = owner.pages.get(f"{path}?done={done}&done-token={token.public_id}&done-refresh_tokens=1").text
        assert 'role="status"' not in told and "1 token" in told, path


# Lists


def test_a_list_is_searched_filtered_sorted_counted_and_exported(
    app: Flask, owner: Somebody, services: Services
) -> None:
    """◆ Of the user's own tokens only; a cell that a spreadsheet would run is text."""
    issue(services, somebody(app).user, "alpha of another")
    for name in ("alpha", "beta", "=1+1", "\uff1d1+1"):
        issue(services, owner.user, name)
    shown = words(owner.pages.get(f"{TOKENS}?q=ALPH"))
    assert "alpha" in shown and "beta" not in shown and "of another" not in shown and "1 token" in shown
    assert "All 4 Active 4 Expiring 0 Expired 0 Revoked 0" in words(owner.pages.get(TOKENS))
    assert "No tokens match" in words(owner.pages.get(f"{TOKENS}?status=revoked"))
    assert "No tokens match" in words(owner.pages.get(f"{TOKENS}?q=zzz"))
    for path in (TOKENS, API_TOKENS, f"{TOKENS}/export", f"{API_TOKENS}/export"):
        refused = owner.pages.get(f"{path}?q=a%00b")
        assert refused.status_code == 400 and "control character" in words(refused)
    answer = owner.pages.get(f"{TOKENS}/export?sort=name")
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert [row["name"] for row in rows] == ["'=1+1", "alpha", "beta", "'\uff1d1+1"] and rows[1]["status"] == "active"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="refresh-tokens.csv"'
    generate(services, owner.user, description="a report")
    rows = list(csv.DictReader(io.StringIO(owner.pages.get(f"{API_TOKENS}/export").get_data(as_text=True))))
    assert [row["name"] for row in rows] == ["a report"]


@pytest.mark.parametrize("query", ["sort=secret", "status=odd", "q={secret}"])
def test_a_search_that_cannot_be_done_is_said_in_the_list(owner: Somebody, services: Services, query: str) -> None:
    """◆ A secret is not searched for, and does not stay in a link."""
    secret = issue(services, owner.user).secret
    generate(services, owner.user)
    for path in (TOKENS, API_TOKENS):
        answer = owner.pages.get(f"{path}?{query.format(secret=secret)}")
        assert (answer.status_code, 'role="alert"' in answer.text, secret in answer.text) == (400, True, False)


def test_a_name_is_found_however_its_letters_are_composed(owner: Somebody, services: Services) -> None:
    issue(services, owner.user, "M\u00fcnchen")
    assert "1 token" in words(owner.pages.get(f"{TOKENS}?q=mu%CC%88nchen"))


# Lifetimes


def test_a_lifetime_is_chosen_within_the_policy_and_what_was_chosen_stays(
    owner: Somebody, services: Services, setting: Setting
) -> None:
    """◆ Presets, and a date; another is refused at its field with the limit."""
    values = [str(named.get("value")) for _, named in page(owner.pages.get(NEW)).tags if named.get("name") == "expires"]
    assert values == ["7", "30", "60", "date"]
    today = system_clock().date()
    for typed, days in (
        ({"expires": "7"}, 7),
        ({"expires": "60"}, None),
        ({"expires": "date", "date": f"{today + 9 * DAY}"}, 9),
        ({}, None),
    ):
        secret = page(owner.pages.post(NEW, {"name": "x", **typed})).value_of("secret")
        token = services.listing.find(secret.split("_")[1]).token
        assert token.lifetime_days == days  # type: ignore[union-attr]
    with setting(refresh_token_lifespan="20"):
        for typed, told in (
            ({"expires": "30"}, "The longest lifetime here is 20 days."),
            ({"expires": "date", "date": f"{today}"}, "Choose a date: tomorrow or later."),
            ({"expires": "date", "date": "soon"}, "Choose a date: tomorrow or later."),
            ({"expires": "-1"}, "A lifetime is at least 1 day."),
            ({"expires": "1.5"}, "A lifetime is a whole number of days"),
        ):
            answer = owner.pages.post(NEW, {"name": "typed", **typed})
            assert (answer.status_code, told in words(answer)) == (400, True), typed
            assert page(answer).value_of("name") == "typed"


def test_an_api_token_has_presets_and_no_expiration_where_that_is_allowed(
    owner: Somebody, services: Services, setting: Setting
) -> None:
    """◆ With a warning; the longest allowed is among the presets."""
    form = f"{API_TOKENS}/new"

    def offered() -> list[str]:
        return [str(named["value"]) for _, named in page(owner.pages.get(form)).tags if named.get("name") == "lifetime"]

    assert offered() == ["7", "30", "60", "90", "365", "date", "-1"]
    assert "nothing ends it" in words(owner.pages.get(form))
    never = page(owner.pages.post(form, {"lifetime": "-1"})).value_of("secret")
    assert services.listing.find(never.split("_")[1]).token.expires_at is None
    with setting(api_token_max_lifetime_days="45"):
        assert offered() == ["7", "30", "45", "date"] and "nothing ends it" not in words(owner.pages.get(form))
        wrong = owner.pages.post(form, {"lifetime": "60"})
        assert (wrong.status_code, "The longest lifetime is 45 days." in words(wrong)) == (400, True)

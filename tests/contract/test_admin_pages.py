"""The administration pages: who may see them, what they show, and that their forms do what they say.

Not here: the rules behind them (the services' tests), how they look in a browser, and signing in itself.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import event
from werkzeug.test import TestResponse

from app.domain.errors import BadCredentials, NotFound, TokenRevoked
from app.domain.identity import Role, User
from app.domain.policy import INSTANCE_SETTINGS
from app.domain.tokens import TokenStatus
from app.http.context import parts
from app.jobs import JOBS
from app.services import Services
from app.storage.database import Database
from tests.contract.conftest import MovableClock, Setting
from tests.factories import OPERATOR, PASSWORD, allowed_user, generate, issue, make_user, mint
from tests.secrecy import secrets_in

COOKIE = "daypass"

PAGES = (
    "/admin", "/admin/users", "/admin/users/new", "/admin/tokens", "/admin/identify", "/admin/settings",
    "/admin/settings/retention_days", "/admin/settings/openapi_enabled", "/admin/audit", "/admin/jobs",
)  # fmt: skip

MARKUP = '<b onclick="x()">&amp;\'"</b>'


class Browser:
    """One that is signed in, or not. What it is shown never holds a secret, inline script or style."""

    def __init__(self, app: Flask, cookie: str | None = None) -> None:
        self.client = app.test_client()
        self.form_token = ""
        if cookie is not None:
            self.client.set_cookie(COOKIE, cookie)
            self.form_token = parts(app).services.sessions.form_token(cookie)

    def get(self, path: str, **query: str) -> TestResponse:
        answer = self.client.get(f"{path}?{urlencode(query)}" if query else path)
        check(answer)
        return answer

    def post(self, path: str, **form: str) -> TestResponse:
        answer = self.client.post(path, data={"form_token": self.form_token} | form)
        check(answer)
        return answer


def check(answer: TestResponse) -> None:
    shown = answer.get_data(as_text=True)
    assert answer.status_code < 500, shown
    assert not secrets_in(re.sub(r'name="(form_token|once|confirmation)" value="[^"]*"', "", shown))
    Reader(shown)
    assert answer.status_code == 303 or "style-src 'self'" in answer.headers["Content-Security-Policy"]


class Reader(HTMLParser):
    """Reads a page as a browser does: no element of it was typed by anybody, and no script or style is inline."""

    def __init__(self, shown: str) -> None:
        super().__init__()
        self.feed(shown)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag not in ("b", "style"), tag
        assert tag != "script" or "src" in dict(attributes)
        inline = [name for name, _ in attributes if name == "style" or name.startswith("on")]
        assert not inline, (tag, inline)


def said(answer: TestResponse) -> str:
    """The words of a page, without its markup."""
    words = re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True).partition("<main")[2].partition(">")[2])
    return " ".join(unescape(words).split())


def hidden(answer: TestResponse, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]*)"', answer.get_data(as_text=True))
    assert found
    return unescape(found[1])


def alert(answer: TestResponse) -> str:
    found = re.search(r'<div class="alert alert-\w+"[^>]*><p>(.*?)</p>', answer.get_data(as_text=True))
    assert found, said(answer)
    return unescape(found[1])


@pytest.fixture(scope="module")
def login(app: Flask) -> User:
    """The administrator who is signed in."""
    return make_user(parts(app).services, "root", Role.SERVER_ADMIN, PASSWORD)


@pytest.fixture(scope="module")
def cookie(app: Flask, login: User) -> str:
    return parts(app).services.sessions.sign_in(login.username, PASSWORD, OPERATOR, None)


@pytest.fixture
def admin(app: Flask, cookie: str) -> Browser:
    return Browser(app, cookie)


@pytest.fixture(scope="module")
def visitor(app: Flask) -> Browser:
    """Somebody who is signed in, and no administrator."""
    services = parts(app).services
    user = make_user(services, password=PASSWORD)
    return Browser(app, services.sessions.sign_in(user.username, PASSWORD, OPERATOR, None))


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What is sent to the database meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def every_page(services: Services) -> list[str]:
    user = allowed_user(services)
    refresh = issue(services, user)
    access, single = mint(services, refresh), generate(services, user)
    ids = [each.token.public_id for each in (refresh, access, single)]
    about_user = [f"/admin/users/{user.id}{rest}" for rest in ("", "/disable", "/revoke-tokens")]
    about_tokens = [f"/admin/tokens/{each}{rest}" for each in ids for rest in ("", "/revoke")]
    return [*PAGES, *about_user, *about_tokens, f"/admin/tokens/revoke-by-filter?owner={user.username}"]


def test_every_page_is_for_administrators_alone(
    app: Flask, services: Services, admin: Browser, visitor: Browser
) -> None:
    nobody = Browser(app)
    for page in every_page(services):
        assert admin.get(page).status_code == 200, page
        assert visitor.get(page).status_code == 403, page
        assert nobody.get(page).headers["Location"].startswith("/login?next=/admin"), page


def test_the_walk_of_the_pages_leaves_none_out(app: Flask, services: Services) -> None:
    """A page that is added must be walked by the test above."""
    walked = app.url_map.bind("localhost")
    found = {walked.match(page.partition("?")[0], method="GET")[0] for page in every_page(services)}
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.startswith("/admin")}
    forms_only = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" not in (rule.methods or ())}
    assert found == endpoints - forms_only


def test_no_form_is_taken_from_whoever_is_no_administrator(app: Flask, services: Services, visitor: Browser) -> None:
    user = make_user(services)
    token = issue(services, user).token.public_id
    for path in (
        "/admin/users/new", f"/admin/users/{user.id}", f"/admin/users/{user.id}/revoke-tokens",
        f"/admin/tokens/{token}/revoke", "/admin/tokens/revoke-by-filter", "/admin/identify",
        "/admin/settings/retention_days",
    ):  # fmt: skip
        form = {"reason": "x", "state": "disabled", "owner": user.username, "value": "1", "username": "never-made"}
        assert visitor.post(path, **form).status_code == 403, path
        assert Browser(app).post(path, **form).headers["Location"].startswith("/login"), path
    assert services.accounts.get(user.username).is_active
    assert services.listing.find(token).token.status is TokenStatus.ACTIVE
    assert services.instance_settings.get("retention_days").value == "90"


def test_a_form_without_this_browsers_token_changes_nothing(services: Services, admin: Browser) -> None:
    user = make_user(services)
    admin.form_token = "0" * len(admin.form_token)
    assert admin.post(f"/admin/users/{user.id}", state="disabled").status_code == 400
    assert services.accounts.get(user.username).is_active


def test_what_changes_others_asks_for_the_password_again_after_ten_minutes(
    services: Services, admin: Browser, clock: MovableClock
) -> None:
    user = make_user(services)
    with clock.later(minutes=11):
        asked = admin.post(f"/admin/users/{user.id}", state="disabled")
        assert "Confirm your password" in said(asked)
        assert services.accounts.get(user.username).is_active
        assert hidden(asked, "state") == "disabled"


def test_making_a_user_asks_for_the_password_in_the_form_itself_and_repeats_none(
    services: Services, admin: Browser, clock: MovableClock
) -> None:
    form = {"username": "made-later", "new_role": "VIEWER", "password": PASSWORD}
    with clock.later(minutes=11):
        assert "Password of root" in said(admin.get("/admin/users/new"))
        for proof in ({}, {"current_password": f"{PASSWORD} not"}):
            refused = admin.post("/admin/users/new", **form, **proof)
            assert refused.status_code == 403 and 'id="current_password-error"' in refused.get_data(as_text=True)
            with pytest.raises(NotFound):
                services.accounts.get("made-later")
        assert admin.post("/admin/users/new", **form, current_password=PASSWORD).status_code == 303
    assert services.accounts.get("made-later").is_active


def test_every_page_takes_a_bounded_number_of_statements(
    services: Services, admin: Browser, database: Database
) -> None:
    def most() -> int:
        return max(count(page) for page in every_page(services))

    def count(page: str) -> int:
        with statements(database) as sent:
            admin.get(page)
        return len(sent)

    before = most()
    for _ in range(8):
        user = allowed_user(services)
        for number in range(3):
            mint(services, issue(services, user, f"more-{number}"))
            generate(services, user)
    assert most() <= before < 20


# The overview


def test_the_overview_counts_users_and_tokens_and_draws_them(
    services: Services, admin: Browser, setting: Setting
) -> None:
    with setting(refresh_token_lifespan="11"):
        issue(services, make_user(services), "shown-at-its-end")
    shown = admin.get("/admin")
    text = shown.get_data(as_text=True)
    assert text.count(": 1 token: shown-at-its-end") == 2  # for hovering, and for readers
    glance = services.overview.glance()
    assert f"{glance.active_users:,} active users" in said(shown)
    assert f"{glance.refresh_tokens['active']:,} active refresh token" in said(shown)
    assert "Background jobs" in said(shown) and text.count("<svg") >= 5
    assert text.count('class="table-alternative"') == 3


def test_a_bar_leads_to_the_tokens_that_end_on_its_day(services: Services, admin: Browser) -> None:
    with_name = issue(
        services,
        make_user(services),
        "ends-in-sixty-days",
    )
    day = with_name.token.expires_at.date().isoformat()
    listed = admin.get("/admin/tokens", status="active", expires_from=day, expires_to=day)
    assert with_name.token.public_id in said(listed)
    minted = mint(services, issue(services, make_user(services)))
    today = minted.token.expires_at.date().isoformat() if minted.token.expires_at else ""
    asked = {"status": "active", "expires_from": today, "expires_to": today}
    assert minted.token.public_id in said(admin.get("/admin/tokens", **asked))
    assert minted.token.public_id not in said(admin.get("/admin/tokens", **asked, to_renew="1"))  # as the bar counts
    other = (with_name.token.expires_at + timedelta(days=1)).date().isoformat()
    assert with_name.token.public_id not in said(
        admin.get("/admin/tokens", status="active", expires_from=other, expires_to=other)
    )


def test_the_names_on_a_bar_are_escaped(services: Services, admin: Browser, setting: Setting) -> None:
    with setting(refresh_token_lifespan="9"):
        issue(services, make_user(services), MARKUP)
    shown = admin.get("/admin").get_data(as_text=True)
    assert MARKUP not in shown and "&lt;b onclick=" in shown


# Users


def test_users_are_found_by_part_of_the_name_role_and_state(services: Services, admin: Browser) -> None:
    anna, bert = make_user(services, "find-anna", Role.STEWARD), make_user(services, "find-bert")
    services.accounts.disable(bert.username, OPERATOR)
    for query, expected in (
        ({"part": "FIND-"}, {anna, bert}), ({"part": "find-", "role": "STEWARD"}, {anna}),
        ({"part": "find-", "state": "disabled"}, {bert}), ({"part": "find-", "state": "active"}, {anna}),
        ({"part": "find-%"}, set()),
    ):  # fmt: skip
        shown = said(admin.get("/admin/users", **query))
        assert {user for user in (anna, bert) if f"user id {user.id} " in f"{shown} "} == expected, query


def test_the_table_of_users_counts_what_each_has_alive(services: Services, admin: Browser) -> None:
    user = allowed_user(services, username="holder-of-three")
    for _ in range(2):
        mint(services, issue(services, user))
    generate(services, user)
    assert "VIEWER Active Allowed 2 1 just now" in said(admin.get("/admin/users", part=user.username))


def test_lists_are_read_page_by_page_with_their_filters(services: Services, admin: Browser) -> None:
    user = make_user(services, "owner-of-many")
    made = [issue(services, user, f"many-{number}").token.public_id for number in range(55)]
    seen, path = [], "/admin/tokens?owner=owner-of-many&name=many"
    while path:
        shown = admin.get(path).get_data(as_text=True)
        seen += re.findall(r'<code class="quiet">(\w+)</code>', shown)
        following = re.search(r'href="([^"]+)">Older</a>', shown)
        path = unescape(following[1]) if following else ""
        assert not path or "owner=owner-of-many&name=many&cursor=" in path
    assert seen == made[::-1]
    assert "Older" in said(admin.get(f"/admin/users/{user.id}"))


def test_a_user_is_made_with_a_password_or_without(services: Services, admin: Browser) -> None:
    made = admin.post("/admin/users/new", username="Made-Here", email="m@example.com", new_role="STEWARD", password="")
    user = services.accounts.get("made-here")
    assert made.headers["Location"] == f"/admin/users/{user.id}?done=created"
    assert (user.role, user.email) == (Role.STEWARD, "m@example.com")
    assert "User created." in alert(admin.get(made.headers["Location"]))
    admin.post("/admin/users/new", username="made-with-password", new_role="VIEWER", password=PASSWORD)
    assert services.accounts.authenticate("made-with-password", PASSWORD, OPERATOR).role is Role.VIEWER
    with pytest.raises(BadCredentials):
        services.accounts.authenticate("made-here", PASSWORD, OPERATOR)


def test_a_form_for_a_user_that_is_sent_again_makes_no_other(services: Services, admin: Browser) -> None:
    form = {"form_id": hidden(admin.get("/admin/users/new"), "form_id"), "username": "made-once", "new_role": "VIEWER"}
    first, second = (admin.post("/admin/users/new", **form) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert first.status_code == second.status_code == 303


def test_a_bad_user_is_refused_at_the_field_and_nothing_that_was_typed_is_lost(
    services: Services, admin: Browser
) -> None:
    for form, status, field in (
        ({"username": "two words"}, 400, "username"), ({"username": "x", "email": "e" * 300}, 400, "email"),
        ({"username": "x", "password": "short"}, 400, "password"), ({"username": "x", "new_role": "KING"}, 400, ""),
        ({"username": "root"}, 409, ""),
    ):  # fmt: skip
        answer = admin.post("/admin/users/new", **form)
        assert answer.status_code == status, form
        text = answer.get_data(as_text=True)
        assert f'value="{form["username"]}"' in text
        assert f'id="{field}-error"' in text if field else alert(answer)
        assert form.get("password", "no such") not in text


def test_a_users_rights_are_changed(services: Services, admin: Browser) -> None:
    user = make_user(services)
    saved = admin.post(f"/admin/users/{user.id}", role="COMPOSER", api_tokens="deny")
    assert saved.headers["Location"].endswith("done=saved")
    changed = services.accounts.get(user.username)
    assert (changed.role, changed.api_tokens, changed.is_active) == ("COMPOSER", "deny", True)
    again = admin.post(f"/admin/users/{user.id}", role="COMPOSER", api_tokens="deny")
    assert again.headers["Location"].endswith("done=unchanged")
    assert admin.post(f"/admin/users/{user.id}", role="KING").status_code == 400


def test_a_user_is_disabled_and_enabled(services: Services, admin: Browser) -> None:
    user = make_user(services)
    issue(services, user)
    dialog = said(admin.get(f"/admin/users/{user.id}/disable"))
    assert f"Disable {user.username}?" in dialog and "1 active refresh token" in dialog
    for state, word in (("disabled", "disabled"), ("active", "enabled")):
        answer = admin.post(f"/admin/users/{user.id}", state=state)
        assert answer.headers["Location"].endswith(f"done={word}")
        assert services.accounts.get(user.username).is_active is (state == "active")
        assert word in alert(admin.get(answer.headers["Location"])).lower()


def test_the_last_administrator_stays_one(services: Services, admin: Browser, login: User) -> None:
    for form in ({"state": "disabled"}, {"role": "VIEWER"}):
        answer = admin.post(f"/admin/users/{login.id}", **form)
        assert answer.status_code == 409
        assert "last active administrator" in alert(answer)
    assert services.accounts.get(login.username).is_administrator


def test_all_tokens_of_a_user_are_revoked_with_a_reason(services: Services, admin: Browser) -> None:
    user = allowed_user(services)
    refresh, single = issue(services, user), generate(services, user)
    access = mint(services, refresh)
    path = f"/admin/users/{user.id}/revoke-tokens"
    assert f"This revokes 1 refresh token and 2 access tokens of {user.username}" in said(admin.get(path))
    refused = admin.post(path, reason=" ")
    assert refused.status_code == 400 and "Enter a reason" in said(refused)
    services.verifier.verify(access.secret)
    done = admin.post(path, reason="left the team")
    assert alert(admin.get(done.headers["Location"])).startswith("Revoked.")
    for secret in (access.secret, single.secret):
        with pytest.raises(TokenRevoked):
            services.verifier.verify(secret)
    assert "has no tokens that can be revoked" in said(admin.get(path))
    event = services.listing.audit_events(action="user.tokens_revoked", object_id=user.username).items[0]
    assert (event.actor, event.detail["reason"]) == ("root", "left the team")


def test_a_user_who_is_not_there_is_not_found(admin: Browser) -> None:
    for user_id in ("999999", "0", "-1", "x", "007", "9" * 40, "%00"):
        for rest in ("", "/disable", "/revoke-tokens"):
            assert admin.get(f"/admin/users/{user_id}{rest}").status_code == 404, user_id
        assert admin.post(f"/admin/users/{user_id}", state="disabled").status_code == 404


# Tokens


def test_everybodys_tokens_are_filtered(services: Services, admin: Browser) -> None:
    user = allowed_user(services, username="filtered-owner")
    refresh = issue(services, user, "filter-me")
    access, single = mint(services, refresh), generate(services, user, description="filter alone")
    services.revoking.revoke(single.token.public_id, "x", OPERATOR)
    made = {"refresh": refresh, "access": access, "single": single}
    today = datetime.now(UTC).date().isoformat()  # noqa: TID251
    for query, expected in (
        ({}, set(made)), ({"kind": "refresh"}, {"refresh"}), ({"kind": "access"}, {"access", "single"}),
        ({"status": "revoked"}, {"single"}), ({"name": "FILTER-"}, {"refresh", "access"}),
        ({"created_from": today}, set(made)), ({"created_to": "2020-01-01"}, set()), ({"created_to": today}, set(made)),
        ({"expires_to": "2020-01-01"}, set()), ({"unused_for_days": "1"}, set()),
    ):  # fmt: skip
        shown = said(admin.get("/admin/tokens", owner="filtered-owner", **query))
        found = {name for name, each in made.items() if each.token.public_id in shown}
        assert found == expected, query
    assert "No tokens match." in said(admin.get("/admin/tokens", owner="nobody-of-that-name"))


@pytest.mark.parametrize("path", ["/admin/tokens", "/admin/tokens/revoke-by-filter"])
def test_a_filter_that_makes_no_sense_is_refused_in_words(admin: Browser, path: str) -> None:
    for name, value in (
        ("kind", "x"), ("status", "x"), ("expires_from", "tomorrow"), ("expires_to", "9999-12-31"),
        ("created_from", "2026-02-30"), ("unused_for_days", "0"), ("unused_for_days", "9" * 30),
        ("unused_for_days", "-1"), ("unused_for_days", "٣"), ("owner", "\0"), ("name", "x" * 300), ("name", "\u202e"),
    ):  # fmt: skip
        answer = admin.get(path, **{name: value})
        assert answer.status_code == 400, (name, value)
        assert alert(answer).startswith(name.replace("_", " ").capitalize())


def test_a_cursor_or_day_that_makes_no_sense_is_refused_on_every_list(services: Services, admin: Browser) -> None:
    user = make_user(services)
    for cursor in ("x", "r-1", "rzz", "0" * 40, "\0", "é"):
        for path in ("/admin/tokens", "/admin/users", "/admin/audit", f"/admin/users/{user.id}"):
            assert admin.get(path, cursor=cursor).status_code == 400, (path, cursor)
    for query in ({"since": "x"}, {"until": "9999-12-31"}, {"actor": "\0"}, {"action": "\0"}, {"object": "x" * 200}):
        assert admin.get("/admin/audit", **query).status_code == 400, query
    for query in ({"part": "\0"}, {"role": "KING"}, {"state": "x"}):
        assert admin.get("/admin/users", **query).status_code == 400, query


def test_one_tokens_page_tells_all_about_it(services: Services, admin: Browser) -> None:
    refresh = issue(services, make_user(services), "told-about")
    access = mint(services, refresh)
    above = said(admin.get(f"/admin/tokens/{refresh.token.public_id}"))
    assert access.token.public_id in above and "told-about Active" in above
    below = said(admin.get(f"/admin/tokens/{access.token.public_id}"))
    assert "Refresh token told-about" in below and access.token.uuid in below
    services.revoking.revoke(refresh.token.public_id, "it leaked", OPERATOR)
    over = said(admin.get(f"/admin/tokens/{refresh.token.public_id}"))
    assert "Reason it leaked" in over and f"Revoked by {OPERATOR.name}" in over


def test_a_token_is_revoked_with_a_reason(services: Services, admin: Browser) -> None:
    refresh = issue(services, make_user(services), "to-be-revoked")
    access = mint(services, refresh)
    path = f"/admin/tokens/{refresh.token.public_id}/revoke"
    assert "and so does its API access token" in said(admin.get(path))
    for reason in ("", "x" * 256, "a\nb"):
        refused = admin.post(path, reason=reason)
        assert refused.status_code == 400 and 'id="reason-error"' in refused.get_data(as_text=True)
    done = admin.post(path, reason="it leaked")
    assert alert(admin.get(done.headers["Location"])).startswith("Revoked.")
    with pytest.raises(TokenRevoked):
        services.verifier.verify(access.secret)
    assert admin.post(path, reason="again").headers["Location"].endswith("done=over")
    assert "has already ended" in said(admin.get(path))


def test_a_token_that_is_not_there_is_not_found(admin: Browser) -> None:
    for public_id in ("nosuchtoken1", "x", "%00", "x" * 3000):
        assert admin.get(f"/admin/tokens/{public_id}").status_code == 404
        assert admin.get(f"/admin/tokens/{public_id}/revoke").status_code == 404
        assert admin.post(f"/admin/tokens/{public_id}/revoke", reason="x").status_code == 404


def test_names_with_markup_are_shown_as_they_were_typed(services: Services, admin: Browser) -> None:
    user = make_user(services)
    token = issue(services, user, MARKUP).token.public_id
    for path in (
        "/admin/tokens", f"/admin/tokens/{token}", f"/admin/tokens/{token}/revoke", f"/admin/users/{user.id}",
        f"/admin/tokens/revoke-by-filter?owner={user.username}",
    ):  # fmt: skip
        shown = admin.get(path).get_data(as_text=True)
        assert MARKUP not in shown and "&lt;b onclick=" in shown, path


# By filter


def test_what_a_filter_matches_is_shown_and_then_ended(services: Services, admin: Browser) -> None:
    user = allowed_user(services)
    refresh, single = issue(services, user, "swept"), generate(services, user)
    access = mint(services, refresh)
    preview = admin.get("/admin/tokens/revoke-by-filter", owner=user.username)
    assert "1 refresh token with 1 access token under it, and 1 other access token" in said(preview)
    assert "swept" in said(preview)
    form = {"owner": user.username, "confirmation": hidden(preview, "confirmation")}
    without = admin.post("/admin/tokens/revoke-by-filter", **form, reason="")
    assert without.status_code == 400 and 'id="reason-error"' in without.get_data(as_text=True)
    done = admin.post("/admin/tokens/revoke-by-filter", **form, reason="spring cleaning")
    assert done.headers["Location"] == f"/admin/tokens?owner={user.username}&done=revoked"
    for secret in (access.secret, single.secret):
        with pytest.raises(TokenRevoked):
            services.verifier.verify(secret)


def test_a_set_that_changed_is_shown_again_and_not_ended(services: Services, admin: Browser) -> None:
    user = make_user(services)
    issue(services, user)
    preview = admin.get("/admin/tokens/revoke-by-filter", owner=user.username)
    later = issue(services, user, "came-later")
    form = {"owner": user.username, "reason": "spring cleaning"}
    refused = admin.post("/admin/tokens/revoke-by-filter", **form, confirmation=hidden(preview, "confirmation"))
    assert refused.status_code == 409
    assert "is not what was confirmed" in alert(refused)
    assert "came-later" in said(refused) and 'value="spring cleaning"' in refused.get_data(as_text=True)
    assert services.listing.find(later.token.public_id).token.status is TokenStatus.ACTIVE
    again = admin.post("/admin/tokens/revoke-by-filter", **form, confirmation=hidden(refused, "confirmation"))
    assert again.status_code == 303
    assert services.listing.find(later.token.public_id).token.status is TokenStatus.REVOKED


def test_an_empty_filter_is_refused(services: Services, admin: Browser) -> None:
    token = issue(services, make_user(services)).token.public_id
    for answer in (
        admin.get("/admin/tokens/revoke-by-filter"), admin.get("/admin/tokens/revoke-by-filter", owner=""),
        admin.post("/admin/tokens/revoke-by-filter", reason="x", confirmation="x"),
    ):  # fmt: skip
        assert answer.status_code == 400
        assert "would revoke every token" in alert(answer)
    assert services.listing.find(token).token.status is TokenStatus.ACTIVE


# Identifying


def test_a_pasted_secret_is_identified_and_never_shown(services: Services, admin: Browser) -> None:
    refresh = issue(services, make_user(services), "found-in-a-log")
    access = mint(services, refresh)
    for secret, words in ((f" {access.secret}\n", "This token works."), (refresh.secret, "This token works.")):
        answer = admin.post("/admin/identify", secret=secret)
        assert words in said(answer) and "found-in-a-log" in said(answer)
    services.revoking.revoke(refresh.token.public_id, "x", OPERATOR)
    assert "This token does not work. It was revoked" in said(admin.post("/admin/identify", secret=refresh.secret))


def test_what_is_no_token_is_told_apart(services: Services, admin: Browser) -> None:
    access = mint(services, issue(services, make_user(services))).secret
    mistyped = access[:-1] + ("a" if access[-1] != "a" else "b")
    for pasted in (mistyped, "hello", "\0", MARKUP):
        answer = admin.post("/admin/identify", secret=pasted)
        assert "the checksum does not match" in alert(answer)
        assert pasted not in answer.get_data(as_text=True) or pasted in ("\0", "hello")
    assert admin.post("/admin/identify", secret=" ").status_code == 400
    assert admin.post("/admin/identify").status_code == 400


# The instance


def test_all_settings_are_shown_with_when_a_change_takes_effect(admin: Browser) -> None:
    shown = said(admin.get("/admin/settings"))
    for each in INSTANCE_SETTINGS:
        assert f"{each.label} {each.key} {each.spell(each.default)}" in shown
        assert f"{each.help} Effective {each.effective}." in shown


def test_a_setting_is_changed_after_seeing_what_that_affects(
    services: Services, admin: Browser, setting: Setting
) -> None:
    with setting(access_token_lifespan="24"):
        preview = admin.get("/admin/settings/access_token_lifespan", value="12")
        assert "From 24 hours to 12 hours" in said(preview) and "active ones keep their expiry" in said(preview)
        assert "A change is effective for new tokens." in said(preview)
        assert services.instance_settings.get("access_token_lifespan").value == "24"
        done = admin.post("/admin/settings/access_token_lifespan", value=hidden(preview, "value"))
        changed = "Changed Access token lifetime to 12 hours, effective for new tokens."
        assert alert(admin.get(done.headers["Location"])) == changed
        assert services.instance_settings.get("access_token_lifespan").value == "12"
        assert "Nothing would change" in said(admin.get("/admin/settings/access_token_lifespan", value="12"))


def test_a_value_that_is_none_is_refused_at_the_field(admin: Browser) -> None:
    for key, value in product(("api_token_max_lifetime_days", "openapi_enabled"), ("", "-2", "9" * 30, "\0", MARKUP)):
        for send in (admin.get, admin.post):
            answer = send(f"/admin/settings/{key}", value=value)
            assert answer.status_code == 400
            assert f"{key} must be" in said(answer)


def test_a_setting_that_is_not_there_is_not_found(admin: Browser) -> None:
    for key in ("nothing", "%00", "x" * 3000):
        assert admin.get(f"/admin/settings/{key}").status_code == 404
        assert admin.post(f"/admin/settings/{key}", value="1").status_code == 404


def test_the_audit_log_is_filtered_and_readable(services: Services, admin: Browser, setting: Setting) -> None:
    user = make_user(services, "seen-in-the-log")
    services.revoking.revoke_user(user.username, "a reason", OPERATOR)
    shown = said(admin.get("/admin/audit", object=user.username))
    assert "user.tokens_revoked" in shown and "reason: a reason" in shown and "refresh tokens: 0" in shown
    assert "user.created" not in said(admin.get("/admin/audit", object=user.username, action="user.tokens_revoked"))
    assert "No events match." in said(admin.get("/admin/audit", actor="nobody-of-that-name"))
    assert "No events match." in said(admin.get("/admin/audit", until="2020-01-01"))
    today = datetime.now(UTC).date().isoformat()  # noqa: TID251
    assert user.username in said(admin.get("/admin/audit", object=user.username, since=today, until=today))


def test_a_revocation_by_filter_is_readable_in_the_audit_log(services: Services, admin: Browser) -> None:
    user = make_user(services)
    issue(services, user)
    preview = admin.get("/admin/tokens/revoke-by-filter", owner=user.username)
    form = {"owner": user.username, "reason": "x", "confirmation": hidden(preview, "confirmation")}
    admin.post("/admin/tokens/revoke-by-filter", **form)
    assert f"filter: owner: {user.username}" in said(admin.get("/admin/audit", action="tokens.revoked"))


def test_every_job_is_shown_with_how_it_fares(services: Services, admin: Browser, clock: MovableClock) -> None:
    shown = said(admin.get("/admin/jobs"))
    assert all(job.name in shown for job in JOBS)
    services.job_runs.run(JOBS[0].name, lambda: 5, "host-a", JOBS[0].every)
    assert f"{JOBS[0].name} OK 60 seconds" in said(admin.get("/admin/jobs"))
    with clock.later(minutes=9):
        assert f"{JOBS[0].name} Late" in said(admin.get("/admin/jobs"))
        assert "last held by host-a" in said(admin.get("/admin/jobs"))

"""The administration pages: one happy path and the refusals of each form, and how lists are narrowed."""

import csv
import html
import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from flask import Flask

from app.domain.audit_export import parse_line
from app.domain.audit_seals import StoredEvent
from app.domain.errors import NotFound
from app.domain.identity import Role
from app.services import Services
from app.storage import audit_search
from tests.contract.asking_pages import Somebody, holding, somebody
from tests.contract.conftest import MovableClock
from tests.drivers.pages import Pages, page, words
from tests.factories import (
    OPERATOR,
    PASSWORD,
    allowed_user,
    disable,
    generate,
    issue,
    lock_sign_in,
    make_user,
    mint,
    revoke,
    works,
)

BY_FILTER = "/admin/tokens/revoke-by-filter"


@pytest.fixture(scope="module")
def login(app: Flask) -> Somebody:
    """The only administrator."""
    return somebody(app, Role.SERVER_ADMIN)


@pytest.fixture
def admin(login: Somebody) -> Pages:
    """Their browser, with the form token of a page just read."""
    login.pages.get("/account/password")
    return login.pages


def link(html: str, text: str) -> str:
    """The address of the last link with this text."""
    return re.findall(rf'href="([^"]+)"[^>]*>(?:<svg.*?</svg>)?{text}<', html)[-1]


def rows_of(html: str) -> list[str]:
    return re.findall(r"data-row>([^<]+)<", html)


def at(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"


# Lists


def test_users_are_searched_narrowed_and_counted(services: Services, admin: Pages) -> None:
    anna, bert = allowed_user(services, username="find-anna", role=Role.STEWARD), make_user(services, "find-bert")
    disable(services, bert.username)
    refresh = issue(services, anna)
    for query, expected in (
        ({"q": "FIND-"}, {anna.id, bert.id}), ({"q": "find-", "role": "STEWARD"}, {anna.id}),
        ({"q": "find-", "state": "disabled"}, {bert.id}), ({"q": "find-%"}, set()),
        ({"q": f"dpr_{refresh.token.public_id}"}, {anna.id}), ({"q": str(anna.id), "state": "administrators"}, set()),
    ):  # fmt: skip
        shown = f"{words(admin.get(at('/admin/users', **query)))} "
        assert {each.id for each in (anna, bert) if f"user id {each.id} " in shown} == expected, query
    mint(services, refresh)
    generate(services, anna)
    shown = words(admin.get(at("/admin/users", q="find-anna")))
    assert "Steward Active 2 " in shown and "All 1 Active 1 Disabled 0 Administrators 0" in shown
    nothing = words(admin.get(at("/admin/users", q="no-such-user", state="active")))
    assert "Searched for \u201cno-such-user\u201d in user name, e-mail, name, user id and token id, among" in nothing


def test_users_are_sorted_and_read_both_ways_with_what_was_chosen(services: Services, admin: Pages) -> None:
    names = [make_user(services, f"sorted-{number:02}").username for number in range(30)]
    first = admin.get("/admin/users?q=sorted-&sort=username")
    assert "1\u201325 of 30 users" in words(first)
    following = unescape(link(first.text, "Older"))
    assert following.startswith("/admin/users?q=sorted-&sort=username&cursor=")
    second = admin.get(following)
    assert "26\u201330 of 30 users" in words(second)
    back = admin.get(unescape(link(second.text, "Newer")))
    assert rows_of(back.text) == rows_of(first.text) == names[:25]
    assert admin.get("/admin/users?sort=password_hash").status_code == 400


def test_users_are_exported_as_shown_and_no_cell_is_a_formula(services: Services, admin: Pages) -> None:
    make_user(services, "export-me", email="=1+1@example.com", first_name="Anna, B.")
    make_user(services, "export-me-not", role=Role.STEWARD)
    answer = admin.get("/admin/users/export?q=export-me&role=VIEWER")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["username"], row["email"], row["first_name"]) == ("export-me", "'=1+1@example.com", "Anna, B.")
    assert answer.mimetype == "text/csv" and answer.headers["Content-Disposition"] == 'attachment; filename="users.csv"'
    assert admin.get("/admin/users/export?state=x").status_code == 400


def test_tokens_are_filtered(services: Services, admin: Pages) -> None:
    user = allowed_user(services, username="filtered-owner")
    held = holding(services, user, "filter-me", "filter alone")
    revoke(services, held.single)
    made = {name: getattr(held, name).token.public_id for name in ("refresh", "access", "single")}
    today = datetime.now(UTC).date().isoformat()  # noqa: TID251
    ends = held.refresh.token.expires_at
    for query, expected in (
        ({}, set(made)), ({"kind": "refresh"}, {"refresh"}), ({"status": "revoked"}, {"single"}),
        ({"name": "FILTER-"}, {"refresh", "access"}), ({"created_from": today}, set(made)),
        ({"created_to": "2020-01-01"}, set()), ({"expires_to": "2020-01-01"}, set()), ({"unused_for_days": "1"}, set()),
        ({"expires_from": ends.date().isoformat(), "expires_to": ends.date().isoformat()}, {"refresh"}),
        ({"expires_from": (ends + timedelta(days=1)).date().isoformat()}, set()),
        ({"status": "active", "to_renew": "1"}, {"refresh"}), ({"never_used": "1"}, {"access", "single"}),
    ):  # fmt: skip
        shown = words(admin.get(at("/admin/tokens", owner="filtered-owner", **query)))
        assert {name for name, public_id in made.items() if public_id in shown} == expected, query


def test_lists_are_read_page_by_page_with_their_filters(services: Services, admin: Pages) -> None:
    user = make_user(services, "owner-of-many")
    made = [issue(services, user, f"many-{number}").token.public_id for number in range(55)]
    seen, path = [], "/admin/tokens?owner=owner-of-many&name=many"
    while path:
        shown = admin.get(path).get_data(as_text=True)
        seen += re.findall(r'<code class="id">dpr_(\w+)…</code>', shown)
        following = re.search(r'href="([^"]+)">Older</a>', shown)
        path = unescape(following[1]) if following else ""
        assert not path or "owner=owner-of-many&name=many&cursor=" in path
    assert seen == made[::-1]
    assert "All 55" in words(admin.get(f"/admin/users/{user.id}"))


def test_a_query_that_makes_no_sense_is_refused_in_words(services: Services, admin: Pages) -> None:
    for name, value in (
        ("kind", "x"), ("status", "x"), ("expires_from", "tomorrow"), ("expires_to", "9999-12-31"),
        ("created_from", "2026-02-30"), ("unused_for_days", "9" * 30), ("unused_for_days", "٣"), ("owner", "\0"),
        ("name", "\u202e"),
    ):  # fmt: skip
        for path in ("/admin/tokens", BY_FILTER):
            answer = admin.get(at(path, **{name: value}))
            assert (answer.status_code, name.replace("_", " ").capitalize() in words(answer)) == (400, True), name
    for path, name, values in (
        ("/admin/tokens", "cursor", ("x", "r-1", "0" * 40, "\0", "é")), ("/admin/users", "cursor", ("x", "\0")),
        ("/admin/audit", "cursor", ("x", "\0")), ("/admin/audit", "since", ("x",)), ("/admin/audit", "q", ("\0",)),
        ("/admin/audit", "until", ("9999-12-31",)), ("/admin/audit", "actor", ("\0",)),
        ("/admin/audit", "result", ("x",)),
        ("/admin/audit", "object", ("x" * 200,)), ("/admin/users", "q", ("\0", "x" * 300)),
        ("/admin/users", "role", ("KING",)), ("/admin/users", "state", ("x",)),
    ):  # fmt: skip
        for value in values:
            answer = admin.get(at(path, **{name: value}))
            assert (answer.status_code, "0 active" in words(answer), "0 events" in words(answer)) == (400, False, False)


def test_the_audit_log_is_searched_narrowed_and_readable(services: Services, admin: Pages) -> None:
    user = make_user(services, "seen-in-the-log")
    held = issue(services, user, "told-by-name")
    services.revoking.revoke_user(user.username, "a reason", OPERATOR)
    today = datetime.now(UTC).date().isoformat()  # noqa: TID251
    shown = words(admin.get(at("/admin/audit", object=user.username, since=today, until=today)))
    for expected in (
        "created the user seen-in-the-log", "revoked 1 refresh token of seen-in-the-log", "user.tokens_revoked",
        "Reason a reason", "2 events", f"Since: {int(today[-2:])} ", "Open the user",
    ):  # fmt: skip
        assert expected in shown, expected
    created = "created the refresh token told-by-name"
    for query in ({"q": "IN-THE-LO"}, {"q": f"dpr_{held.token.public_id}"}, {"actor": user.username}):
        assert created in words(admin.get(at("/admin/audit", **query))), query
    for query in (
        {"actor": "nobody-of-that-name"}, {"until": "2020-01-01"}, {"action": "user.tokens_revoked"},
        {"result": "refused"},
    ):  # fmt: skip
        assert "created the user" not in words(admin.get(at("/admin/audit", object=user.username, **query))), query
    assert "Searched for \u201cno-such-thing\u201d in user names," in words(
        admin.get(at("/admin/audit", q="no-such-thing"))
    )


def test_a_search_that_did_not_look_at_all_events_says_since_when(
    services: Services, admin: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user(services)
    said = "are looked for among the latest events only, here since"
    assert said not in words(admin.get(at("/admin/audit", q="192.0.2.99")))
    monkeypatch.setattr(audit_search, "MOST_FOR_IDS", 1)
    for query in ({"q": "192.0.2.99"}, {"request": "cd" * 16}):
        assert said in words(admin.get(at("/admin/audit", **query)))


def test_events_of_a_request_are_one_link_away(services: Services, admin: Pages) -> None:
    user = allowed_user(services)
    services.changing_passwords.set(user.id, PASSWORD, replace(OPERATOR, request_id="ab" * 16), revokes_tokens=True)
    shown = admin.get(at("/admin/audit", object=user.username))
    related, _ = (unescape(each) for each in re.findall(r'href="([^"]+)">Events of this request', shown.text))
    assert related.startswith(f"/admin/audit?request={'ab' * 16}&around=")
    told = words(admin.get(related))
    assert "2 events" in told and f"set the password of {user.username}" in told and "revoked no tokens" in told
    assert f"Request: {'ab' * 16}" in told
    assert "2 events" in words(admin.get(at("/admin/audit", request="ab" * 16)))


def test_the_audit_log_is_exported_as_shown(services: Services, admin: Pages) -> None:
    user = make_user(services, "exported-from-the-log")
    disable(services, user.username)
    query = {"object": user.username, "action": "user.disabled"}
    (row,) = csv.DictReader(io.StringIO(admin.get(at("/admin/audit/export", **query)).text))
    assert (row["actor"], row["what"]) == (OPERATOR.name, f"disabled the user {user.username}")
    answer = admin.get(at("/admin/audit/export", format="jsonl", **query))
    entry = parse_line(answer.text.strip())
    assert isinstance(entry, StoredEvent) and entry.event.object_id == user.username
    assert answer.mimetype == "application/jsonl" and "attachment" in answer.headers["Content-Disposition"]
    assert admin.get("/admin/audit/export?since=x").status_code == 400


def test_the_audit_log_shows_what_was_refused_and_until_when_it_is_sealed(
    app: Flask, services: Services, admin: Pages
) -> None:
    user = somebody(app)
    for _ in range(2):
        assert user.pages.get("/admin/users").status_code == 403
    services.sightings.flush()
    shown = words(admin.get(at("/admin/audit", result="refused", actor=user.user.username)))
    assert "administration.refused" in shown and "was refused GET /admin/users" in shown and "With session" in shown
    Pages(app).sign_in("nobody-of-that-name")
    services.sightings.flush()
    shown = admin.get(at("/admin/audit", action="sign_in.refused"))
    assert "(unknown)" in words(shown) and "Open the user" not in words(shown), "a link to no user"
    services.audit.sealing.seal()
    newest = services.audit_list.events(limit=1).items[0].id
    assert f"Sealed up to event {newest}" in words(admin.get("/admin/audit"))


def test_a_token_of_a_clock_that_was_ahead_is_shown_as_such(
    services: Services, admin: Pages, clock: MovableClock
) -> None:
    owner = make_user(services)
    for is_noted in (False, True):
        with clock.later(days=is_noted):
            token = issue(services, owner).token
        assert ("Created in the future" in words(admin.get(f"/admin/tokens/{token.public_id}"))) is is_noted
        assert ("Wrong clock" in words(admin.get(at("/admin/tokens", owner=owner.username)))) is is_noted


# Users


def test_a_user_is_created_once_with_a_password_or_without(services: Services, admin: Pages) -> None:
    form = {"form_id": admin.fill_in("/admin/users/new")["form_id"], "username": "Made-Here", "email": "m@example.com"}
    form |= {"new_role": "STEWARD", "password": ""}
    made, again = (admin.post("/admin/users/new", form) for _ in range(2))
    user = services.accounts.get("made-here")
    assert made.headers["Location"] == again.headers["Location"]
    assert made.headers["Location"].startswith(f"/admin/users/{user.id}?done=created&")
    assert (user.role, user.email) == (Role.STEWARD, "m@example.com")
    assert admin.get(made.headers["Location"]).status_code == 200
    admin.post("/admin/users/new", {"username": "made-with-password", "new_role": "VIEWER", "password": PASSWORD})
    assert Pages(admin.client.application).sign_in("made-with-password").status_code == 303
    assert Pages(admin.client.application).sign_in("made-here").status_code == 401


def test_a_bad_user_is_refused_at_the_field_and_what_was_typed_stays(services: Services, admin: Pages) -> None:
    existing = make_user(services).username
    for form, status, field in (
        ({"username": "two words"}, 400, "username"), ({"username": "x", "email": "e" * 300}, 400, "email"),
        ({"username": "x", "password": "short"}, 400, "password"), ({"username": "x", "new_role": "KING"}, 400, ""),
        ({"username": existing}, 409, ""),
    ):  # fmt: skip
        answer = admin.post("/admin/users/new", form)
        text = answer.get_data(as_text=True)
        assert (answer.status_code, page(answer).value_of("username")) == (status, form["username"])
        assert f'id="{field}-error"' in text if field else "alert" in text
        assert form.get("password", "no such") not in text


def test_administering_others_needs_a_fresh_password(services: Services, admin: Pages, clock: MovableClock) -> None:
    """◆ In the form itself where a user is created; and no password is repeated."""
    user = make_user(services)
    form = {"username": "made-later", "new_role": "VIEWER", "password": PASSWORD}
    with clock.later(minutes=11):
        answer = admin.post(f"/admin/users/{user.id}", {"state": "disabled"})
        assert "Confirm your password" in words(answer)
        assert page(answer).form(f"/admin/users/{user.id}").fields["state"] == "disabled"
        assert services.accounts.get(user.username).is_active
        for proof in ({}, {"current_password": f"{PASSWORD} not"}):
            refused = admin.post("/admin/users/new", form | proof)
            assert refused.status_code == 403 and 'id="current_password-error"' in refused.get_data(as_text=True)
            with pytest.raises(NotFound):
                services.accounts.get("made-later")
        assert admin.post("/admin/users/new", form | {"current_password": PASSWORD}).status_code == 303
    # Entered in what is the future now: not fresh for as long as that takes.
    form["username"] = "made-now"
    proofs: tuple[dict[str, str], ...] = ({}, {"current_password": PASSWORD})
    assert [admin.post("/admin/users/new", form | each).status_code for each in proofs] == [403, 303]


def test_a_users_rights_and_state_are_changed_and_the_last_administrator_stays_one(
    services: Services, admin: Pages, login: Somebody
) -> None:
    user = make_user(services)
    path = f"/admin/users/{user.id}"
    assert f"Disable {user.username}?" in words(admin.get(f"{path}/disable"))
    role, api_tokens = ("/role", {"role": "COMPOSER"}), ("/api-tokens", {"api_tokens": "deny"})
    for (below, form), done, expected in (
        (role, "role", ("COMPOSER", "inherit", True)), (role, "unchanged", ("COMPOSER", "inherit", True)),
        (api_tokens, "api-tokens", ("COMPOSER", "deny", True)),
        (("", {"state": "disabled"}), "disabled", ("COMPOSER", "deny", False)),
        (("", {"state": "active"}), "enabled", ("COMPOSER", "deny", True)),
    ):  # fmt: skip
        location = admin.post(f"{path}{below}", form).headers["Location"]
        assert location.startswith(f"{path}?done={done}&done-user={user.username}&")
        assert 'role="status"' in admin.get(location).text
        changed = services.accounts.get(user.username)
        assert (changed.role, changed.api_tokens, changed.is_active) == expected


def test_a_refused_change_is_told_in_its_dialog(admin: Pages, login: Somebody) -> None:
    own, last = f"/admin/users/{login.user.id}", "last enabled administrator"
    for below, form, title, why in (
        ("/role", {"role": "VIEWER"}, "Change the role of", last),
        ("/role", {"role": "KING"}, "Change the role of", ""),
        ("/api-tokens", {"api_tokens": "x"}, "API tokens of", ""), ("", {"state": "disabled"}, "Disable", last),
    ):  # fmt: skip
        answer = admin.post(f"{own}{below}", form)
        assert (answer.status_code, why in words(answer)) == (409 if why else 400, True), form
        assert f"{title} {login.user.username}" in words(answer) and 'class="dialog"' in answer.text


def test_all_tokens_of_a_user_are_revoked_with_a_reason(services: Services, admin: Pages) -> None:
    user = allowed_user(services)
    held = holding(services, user)
    path = f"/admin/users/{user.id}/revoke-tokens"
    assert f"This revokes 1 refresh token and 2 access tokens of {user.username}" in words(admin.get(path))
    assert admin.post(path, {"reason": " "}).status_code == 400
    assert works(services, held.access)
    done = words(admin.get(admin.post(path, {"reason": "left the team"}).headers["Location"]))
    assert f"Revoked 1 refresh token and 2 access tokens of {user.username}. View" in done
    assert "revoked 1 refresh token and 2 access tokens" in done and "left the team" in done, "the history says so"
    assert not any(works(services, each) for each in (held.refresh, held.access, held.single))
    assert "has no tokens that can be revoked" in words(admin.get(path))
    assert f"{user.username} had nothing to revoke." in words(
        admin.get(admin.post(path, {"reason": "again"}).headers["Location"])
    )
    event = services.audit_list.events(action="user.tokens_revoked", object_id=user.username).items[-1]
    assert event.detail["reason"] == "left the team"


def test_a_user_with_too_many_failures_is_shown_and_unlocked(services: Services, admin: Pages) -> None:
    user = make_user(services)
    path, limited = f"/admin/users/{user.id}", "Sign-in is limited to known devices and networks."
    assert limited not in words(admin.get(path))
    assert admin.post(f"{path}/unlock").headers["Location"].startswith(f"{path}?done=unchanged&")
    lock_sign_in(services, user.username)
    assert f"{limited} 100 attempts from 20 new networks failed" in words(admin.get(path))
    answer = admin.post(f"{path}/unlock")
    shown = words(admin.get(answer.headers["Location"]))
    assert f"Unlocked. {user.username} can sign in from new" in shown and limited not in shown
    (event,) = services.audit_list.events(action="user.sign_in_unlocked", object_id=user.username).items
    assert event.actor_id is not None


def test_after_an_act_in_the_list_it_is_shown_as_it_was_with_what_happened(services: Services, admin: Pages) -> None:
    user = allowed_user(services, username="acted-on")
    held = holding(services, user)
    listed = admin.get("/admin/users?q=acted&state=active")
    dialog = unescape(next(each for each in re.findall(r'href="([^"]+)"', listed.text) if "/revoke-tokens?" in each))
    form = page(admin.get(dialog)).form(f"/admin/users/{user.id}/revoke-tokens").fields | {"reason": "left"}
    done = admin.post(f"/admin/users/{user.id}/revoke-tokens", form).headers["Location"]
    assert done.startswith("/admin/users?q=acted&state=active&done=revoked&done-user=acted-on&")
    shown = admin.get(done)
    assert "Revoked 1 refresh token and 2 access tokens of acted-on. View" in words(shown) and not works(
        services, held.single
    )
    assert "done" not in link(shown.text, "Export CSV") and rows_of(shown.text) == ["acted-on"]


def test_an_act_leads_back_to_the_list_of_users_and_nowhere_else(services: Services, admin: Pages) -> None:
    user = make_user(services, "led-back")
    for back in ("https://a.example/admin/users", "//a.example/admin/users", "/account/auth", "/admin/usersx", "x"):
        answer = admin.post(f"/admin/users/{user.id}/role", {"role": "STEWARD", "back": back})
        assert answer.headers["Location"].startswith("/admin/users?done="), back


def test_a_message_is_shown_while_it_is_true(services: Services, admin: Pages) -> None:
    user = make_user(services)
    path = f"/admin/users/{user.id}"
    disabled = admin.post(path, {"state": "disabled"}).headers["Location"]
    assert f"Disabled {user.username}" in words(admin.get(disabled))
    enabled = admin.post(path, {"state": "active"}).headers["Location"]
    assert f"Enabled {user.username}" in words(admin.get(enabled))
    assert 'role="status"' not in admin.get(disabled).text


def test_no_address_of_somebody_else_makes_a_page_say_that_something_was_done(services: Services, admin: Pages) -> None:
    """◆ Fails when a message is taken from an address that was not made in this session, or was changed."""
    user = make_user(services, "never-touched")
    token = issue(services, user, "never-revoked").token.public_id
    own = f"done=revoked&done-token={token}&done-refresh_tokens=1&done-access_tokens=1&done-descendants=0"
    forged = {
        "/admin/users": "done=disabled&done-user=never-touched",
        f"/admin/users/{user.id}": "done=password",
        "/admin/tokens": own,
        f"/admin/tokens/{token}": own,
        "/account/auth": own,
        "/preferences/access-tokens": "done=deleted",
        "/account/security": "done=ended",
        "/account/password": "done=changed",
    }
    another = Pages(admin.client.application)
    another.sign_in(somebody(admin.client.application, Role.SERVER_ADMIN).user.username)
    theirs = another.post(f"/admin/users/{user.id}/role", {"role": "STEWARD", "back": "/admin/users"})
    seal = theirs.headers["Location"].partition("done-seal=")[2]
    assert len(seal) == 16 and 'role="status"' in another.get(theirs.headers["Location"]).text
    for path, query in forged.items():
        for sealed in (query, f"{query}&done-seal=", f"{query}&done-seal={seal}", f"{query}&done-seal=%C3%A9"):
            assert 'role="status"' not in admin.get(f"{path}?{sealed}").text, (path, sealed)
    assert 'role="status"' not in admin.get(theirs.headers["Location"]).text
    changed = theirs.headers["Location"].replace("never-touched", "vera")
    assert 'role="status"' not in another.get(changed).text


def test_counts_in_the_dialogs_agree(services: Services, admin: Pages) -> None:
    user = allowed_user(services)
    path = f"/admin/users/{user.id}"
    assert "No token of this user works now." in words(admin.get(f"{path}/disable"))
    assert "Tokens none active" in words(admin.get(path))
    generate(services, user)
    assert "Tokens 1 single-tier token active All 1" in words(admin.get(path))
    assert "1 single-tier API token stops working at once." in words(admin.get(f"{path}/disable"))
    assert "1 single-tier API token works again." in words(admin.get(f"{path}/enable"))
    assert "Denied also stops 1 active single-tier API token." in words(admin.get(f"{path}/api-tokens"))
    assert f"This revokes 1 access token of {user.username}" in words(admin.get(f"{path}/revoke-tokens"))
    issue(services, user)
    assert "1 active refresh token with the access tokens under it and 1 single-tier API token stop working" in words(
        admin.get(f"{path}/disable")
    )


# Tokens


def test_a_token_is_shown_and_revoked_with_a_reason(services: Services, admin: Pages) -> None:
    owner = make_user(services)
    refresh = issue(services, owner, "to-be-revoked")
    access, single = mint(services, refresh), generate(services, allowed_user(services))
    path = f"/admin/tokens/{refresh.token.public_id}"
    for token, shown in ((refresh, access.token.public_id), (access, "to-be-revoked"), (single, single.token.uuid)):
        page_of_token = f"/admin/tokens/{token.token.public_id}"
        assert shown in words(admin.get(page_of_token))
        asked = words(admin.get(f"{page_of_token}/revoke"))
        assert "stops working at once" in asked
        assert ("and so does its API access token" in asked) == (token is refresh), "said only where there is one"
    for reason in ("", "x" * 256, "a\nb"):
        refused = admin.post(f"{path}/revoke", {"reason": reason})
        assert refused.status_code == 400 and 'id="reason-error"' in refused.text
    done = admin.post(f"{path}/revoke", {"reason": "it leaked"})
    told = words(admin.get(done.headers["Location"]))
    assert f"Revoked to-be-revoked of {owner.username} : 1 refresh and 1 access token." in told
    assert not works(services, access)
    shown = words(admin.get(path))
    assert "Reason it leaked" in shown and "Revoked by you" in shown
    again = admin.post(f"{path}/revoke", {"reason": "again"})
    assert "had already ended. Nothing was revoked." in words(admin.get(again.headers["Location"]))
    assert "has already ended" in words(admin.get(f"{path}/revoke"))


def test_what_a_filter_matches_is_shown_and_then_revoked(services: Services, admin: Pages) -> None:
    """But not when it is another set by then, which is shown again; nor without any condition."""
    for answer in (
        admin.get(BY_FILTER), admin.get(at(BY_FILTER, owner="")),
        admin.post(BY_FILTER, {"reason": "x", "confirmation": "x"}),
    ):  # fmt: skip
        assert (answer.status_code, "would revoke every token" in words(answer)) == (400, True)
    alone = issue(services, make_user(services, "with-one-token"))
    assert "1 refresh token" in words(admin.get(at(BY_FILTER, owner="with-one-token"))) and works(services, alone)
    user = allowed_user(services)
    held = holding(services, user, "swept")
    preview = admin.get(at(BY_FILTER, owner=user.username))
    assert "1 refresh token with 1 access token under it, and 1 other access token" in words(preview)
    later = issue(services, user, "came-later")
    back = at("/admin/tokens", owner=user.username)
    form = {"owner": user.username, "back": back, "confirmation": page(preview).form(BY_FILTER).fields["confirmation"]}
    refused = admin.post(BY_FILTER, form | {"reason": "spring cleaning"})
    assert (refused.status_code, "came-later" in words(refused)) == (409, True)
    assert 'value="spring cleaning"' in refused.text and works(services, later)
    form["confirmation"] = page(refused).form(BY_FILTER).fields["confirmation"]
    without = admin.post(BY_FILTER, form | {"reason": ""})
    assert without.status_code == 400 and 'id="reason-error"' in without.text
    done = admin.post(BY_FILTER, form | {"reason": "spring cleaning"})
    told = admin.get(done.headers["Location"])
    assert "Revoked 2 refresh and 2 access tokens." in words(told) and "Owner: " in words(told)
    assert not any(works(services, each) for each in (held.refresh, held.access, held.single, later))
    assert f"Filter: owner {user.username}" in words(admin.get(at("/admin/audit", action="tokens.revoked")))


def test_of_many_tokens_a_page_shows_the_progress_and_that_it_is_over(
    services: Services, admin: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever process goes on with it: a reload shows how far it is."""
    monkeypatch.setattr(services.revoking_by_filter, "_chunk", 1)
    monkeypatch.setattr(services.bulk_revocations, "finish_in_background", lambda revoked: None)
    user = make_user(services)
    minted = [mint(services, issue(services, user)) for _ in range(3)]
    back = at("/admin/tokens", owner=user.username)
    form = page(admin.get(at(BY_FILTER, owner=user.username, back=back))).form(BY_FILTER).fields
    answer = admin.post(BY_FILTER, form | {"reason": "spring cleaning"})
    assert answer.status_code == 303
    assert not any(works(services, each) for each in minted)
    shown = admin.get(answer.headers["Location"])
    assert "Lists show 3 of 6 as revoked. The others follow, also if you leave this page." in words(shown)
    assert 'value="3"' in shown.text and "data-progress" in shown.text and "<noscript><meta" in shown.text
    services.bulk_revocations.finish_all()
    done = admin.get(answer.headers["Location"])
    assert "3 refresh tokens and 3 access tokens" in words(done) and "Lists show all of them as revoked." in words(done)
    assert "data-progress" not in done.text and "<noscript>" not in done.text
    assert html.escape(back) in done.text


def test_a_pasted_secret_is_identified_and_never_shown(services: Services, admin: Pages) -> None:
    refresh = issue(services, make_user(services), "found-in-a-log")
    access = mint(services, refresh)
    for secret in (f" {access.secret}\n", refresh.secret):
        answer = admin.post("/admin/identify", {"secret": secret})
        assert "This token works." in words(answer) and "found-in-a-log" in words(answer)
    revoke(services, refresh)
    assert "This token does not work. It was revoked" in words(
        admin.post("/admin/identify", {"secret": refresh.secret})
    )
    mistyped = access.secret[:-1] + ("a" if access.secret[-1] != "a" else "b")
    for pasted in (mistyped, "hello", "\0"):
        answer = admin.post("/admin/identify", {"secret": pasted})
        assert "the checksum does not match" in words(answer) and mistyped not in answer.text
    for form in ({"secret": " "}, {}):
        assert admin.post("/admin/identify", form).status_code == 400


# What is not there


def test_what_is_not_there_is_not_found(admin: Pages) -> None:
    for kind, ids, below in (
        ("users", ("999999", "-1", "007", "9" * 40, "%00"), ("", "/disable", "/revoke-tokens")),
        ("tokens", ("nosuchtoken1", "x", "%00", "x" * 3000), ("", "/revoke")),
        ("settings", ("nothing", "%00", "x" * 3000), ("",)),
    ):
        for path in (f"/admin/{kind}/{each}{end}" for each in ids for end in below):
            assert admin.get(path).status_code == 404, path
            if not path.endswith("/disable") and (kind != "tokens" or path.endswith("/revoke")):
                assert admin.post(path, {"state": "disabled", "value": "1", "reason": "x"}).status_code == 404, path

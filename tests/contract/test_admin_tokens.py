"""The administrators' list of tokens: search, order, pages, export, and revoking chosen ones without losing the list.

Not here: which tokens match (``tests/unit/storage/test_token_views``), the filters and the page of one token
(``test_admin_pages``).
"""

import csv
import gzip
import io
import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.domain.errors import Unavailable
from app.domain.identity import Role
from app.services import Services, token_lists
from app.services.listing import ListedToken
from app.web import exporting
from tests.contract.asking_pages import Somebody, holding, somebody
from tests.drivers.pages import Pages, page, words
from tests.factories import allowed_user, issue, make_user, mint, revoke, works

LIST, EXPORT, CHOSEN = "/admin/tokens", "/admin/tokens/export", "/admin/tokens/revoke-chosen"


@pytest.fixture(scope="module")
def login(app: Flask) -> Somebody:
    return somebody(app, Role.SERVER_ADMIN)


@pytest.fixture
def admin(login: Somebody) -> Pages:
    login.pages.get("/account/password")
    return login.pages


def at(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"


def shown(answer: TestResponse) -> list[str]:
    """The names of the rows."""
    return re.findall(r'class="name" dir="auto" href="[^"]+" data-row>([^<]+)<', answer.text)


def link(answer: TestResponse, end: str) -> str:
    """The address of the link whose tag or text goes on with `end`."""
    found = re.search(rf'href="([^"]+)"{end}', answer.text)
    assert found is not None
    return unescape(found[1])


def test_one_search_finds_a_token_by_what_people_have_of_it(services: Services, admin: Pages) -> None:
    owner = allowed_user(services, username="nadia", email="n.petrova@example.com")
    held = holding(services, owner, "search-me")
    public_id = held.refresh.token.public_id
    for text in (public_id, f"dpr_{public_id}", f"dpr_{public_id[:5]}", f"DPR_{public_id}…", f"{public_id}_abc"):
        assert shown(admin.get(at(LIST, q=text))) == ["search-me"], text
    for text in ("SEARCH-m", "petrova@", "nadia"):
        assert "search-me" in shown(admin.get(at(LIST, q=text))), text
    assert shown(admin.get(at(LIST, q=held.single.token.uuid))) == ["a report"]


def test_one_that_is_meant_by_its_id_is_shown_whatever_its_status(services: Services, admin: Pages) -> None:
    ended = issue(services, make_user(services), "stopped-by-its-id")
    revoke(services, ended)
    answer = admin.get(at(LIST, q=f"dpr_{ended.token.public_id}…", status="active"))
    assert answer.status_code == 303
    assert shown(admin.get(answer.headers["Location"])) == ["stopped-by-its-id"]


def test_a_search_without_tokens_says_what_was_looked_for(services: Services, admin: Pages) -> None:
    revoke(services, issue(services, make_user(services), "ended-long-ago"))
    told = admin.get(at(LIST, q="ended-long", status="active"))
    assert "“ended-long”" in words(told) and "e-mail" in words(told) and "with the status Active" in words(told)
    assert "Show 1 token of any status" in words(told)
    assert shown(admin.get(at(LIST, q="ended-long"))) == ["ended-long-ago"]


def test_a_secret_is_not_searched_for_and_in_no_address_of_the_page(services: Services, admin: Pages) -> None:
    secret = issue(services, make_user(services)).secret
    for query in ({"q": secret}, {"q": f"x {secret[4:]}"}):
        for path in (LIST, "/admin/tokens/revoke-by-filter", "/admin/users", "/admin/audit"):
            told = admin.get(at(path, **query))
            assert (told.status_code, "Identify" in words(told)) == (400, True)
            assert not re.search(r'(href|action)="[^"]*(hidden|q=)', told.text)
        assert admin.get(at(EXPORT, **query)).status_code == 400
    pattern = re.search(r'id="q"[^>]* pattern="([^"]+)"', admin.get(LIST).text)
    assert pattern is not None
    assert not re.fullmatch(pattern[1], secret) and re.fullmatch(pattern[1], "dpr_3gr5lo7qmcxg nightly-etl")


@pytest.mark.parametrize("path", [LIST, "/admin/users", "/admin/audit", "/account/auth", "/preferences/access-tokens"])
def test_an_address_has_no_empty_parameters(admin: Pages, path: str) -> None:
    answer = admin.get(f"{path}?q=&status=active&owner=&per_page=50&sort=")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{path}?status=active&per_page=50")


def test_columns_sort_both_ways_and_statuses_have_counts(services: Services, admin: Pages) -> None:
    owner = make_user(services, "owner-of-sorted")
    made = {name: issue(services, owner, name) for name in ("b-sorted", "a-sorted", "c-sorted")}
    revoke(services, made["b-sorted"])
    query = {"owner": owner.username, "kind": "refresh"}
    assert shown(admin.get(at(LIST, **query))) == ["c-sorted", "a-sorted", "b-sorted"]
    for sort, first in (("name", "a-sorted"), ("-name", "c-sorted"), ("created", "b-sorted")):
        assert shown(admin.get(at(LIST, **query, sort=sort)))[0] == first
    for sort in ("owner", "-owner", "last_used", "-last_used", "expires", "-expires"):
        assert len(shown(admin.get(at(LIST, **query, sort=sort)))) == 3
    assert admin.get(at(LIST, sort="status")).status_code == 400
    assert "All 3 Active 2 Expiring 0 Expired 0 Revoked 1 Replaced 0" in words(admin.get(at(LIST, **query)))
    assert shown(admin.get(at(LIST, **query, status="revoked"))) == ["b-sorted"]


def test_the_next_page_is_near_the_search_and_the_way_back_is_there(services: Services, admin: Pages) -> None:
    """Within 15 presses of Tab from the content, and with the filters."""
    owner = make_user(services, "owner-of-pages")
    for number in range(30):
        issue(services, owner, f"page-{number:02}")
    first = admin.get(at(LIST, owner=owner.username, sort="name"))
    before = first.text.split("<main")[1].split("cursor=")[0]
    before = re.sub(r"menu-body filters.*?</form>", "", before, flags=re.DOTALL)  # a closed menu
    assert len(re.findall(r"<(?:a (?=[^>]*href)|button|summary|input (?!type=.hidden)|select)", before)) < 15
    assert "1\u201325 of 30 tokens" in words(first)
    second = admin.get(link(first, ">Older<"))
    assert "26\u201330 of 30 tokens" in words(second) and shown(second)[0] == "page-25"
    back = admin.get(link(second, ">Newer<"))
    assert shown(back) == shown(first)


def test_an_export_has_every_token_of_the_list_and_nothing_that_a_spreadsheet_runs(
    services: Services, admin: Pages
) -> None:
    owner = make_user(services, "owner-of-exported")
    for number in range(30):
        issue(services, owner, f"exported-{number}")
    issue(services, owner, "=HYPERLINK(1)")
    answer = admin.get(link(admin.get(at(LIST, owner=owner.username)), " download"))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="daypass-tokens.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["name"] for row in rows[:2]] == ["'=HYPERLINK(1)", "exported-29"] and len(rows) == 31
    assert {(row["owner"], row["kind"], row["status"]) for row in rows} == {(owner.username, "refresh", "active")}
    assert not {"mac", "key_id", "secret"} & set(rows[0])


def test_a_long_export_is_sent_as_it_is_read_and_compressed(
    services: Services, admin: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = make_user(services, "owner-of-long-export")
    for number in range(9):
        issue(services, owner, f"long-{number}")
    monkeypatch.setattr(exporting, "PIECE", 2)
    whole = admin.get(at(EXPORT, owner=owner.username))
    assert len(list(csv.DictReader(io.StringIO(whole.text)))) == 9
    packed = admin.client.get(at(EXPORT, owner=owner.username), headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and "Content-Length" not in packed.headers
    assert gzip.decompress(packed.data) == whole.data


def test_an_export_whose_reading_fails_in_the_middle_is_not_taken_for_a_whole_one(
    services: Services, admin: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """◆ The server ends what it sends as if it was whole. Fails when such a file ends with its last token."""
    owner = make_user(services, "owner-of-broken-export")
    for number in range(9):
        issue(services, owner, f"broken-{number}")
    read, asked = token_lists.list_refresh_tokens, [0]

    def fail_later(*about: Any) -> list[ListedToken]:
        asked[0] += 1
        if asked[0] > 3:
            raise Unavailable("the database cannot be reached")
        return read(*about)

    monkeypatch.setattr(exporting, "PIECE", 2)
    monkeypatch.setattr(token_lists, "LARGEST_PAGE", 2)
    monkeypatch.setattr(token_lists, "list_refresh_tokens", fail_later)
    rows = list(csv.reader(io.StringIO(admin.get(at(EXPORT, owner=owner.username)).text)))
    assert [len(row) for row in rows[-2:]] == [len(rows[0]), 1] and rows[-1] == [exporting.NOT_COMPLETE]
    assert admin.get(at(EXPORT, owner=owner.username)).status_code == 503, "nothing was sent yet"


def test_chosen_tokens_are_revoked_with_one_reason_and_the_list_is_as_it_was(services: Services, admin: Pages) -> None:
    owner = allowed_user(services, username="owner-of-chosen")
    held, other = holding(services, owner, "chosen"), issue(services, owner, "not-chosen")
    over = issue(services, owner, "over")
    revoke(services, over)
    back = at(LIST, owner=owner.username, sort="name")
    boxes = [named["name"] for tag, named in page(admin.get(back)).tags if named.get("class") == "pick"]
    assert f"pick-{over.token.public_id}" not in boxes and f"pick-{other.token.public_id}" in boxes
    picked = {f"pick-{each.token.public_id}": "on" for each in (held.refresh, held.access, held.single, over)}
    dialog = admin.get(at(CHOSEN, back=back, **picked))
    assert "1 refresh token with 1 access token under it, and 1 other access token" in words(dialog)
    assert "2 selected tokens are not counted" in words(dialog)
    form = page(dialog).form(CHOSEN).fields
    without = admin.post(CHOSEN, form | {"reason": ""})
    assert without.status_code == 400 and page(without).form(CHOSEN).fields["back"] == back
    assert works(services, held.access)
    done = admin.post(CHOSEN, page(without).form(CHOSEN).fields | {"reason": "left the team"}).headers["Location"]
    assert done.startswith(f"{back}&done=")
    told = admin.get(done)
    assert "Revoked 1 refresh and 2 access tokens." in words(told)
    assert "left the team" in words(admin.get(link(told, ">View<")))
    assert not any(works(services, each) for each in (held.access, held.single)) and works(
        services, mint(services, other)
    )
    assert "done" not in "".join(re.findall(r'href="([^"]+)"', told.text))


def test_choosing_none_is_told_and_a_message_that_is_not_true_is_not_shown(services: Services, admin: Pages) -> None:
    without = admin.get(CHOSEN)
    assert without.status_code == 400 and "Revoke the selected tokens" in without.text
    assert "No token was chosen" in words(without)
    token = issue(services, make_user(services), "still-active").token
    for about in ({"token": token.public_id}, {"token": "0" * 12}, {"filter": "0" * 16}, {}):
        named = {f"done-{name}": value for name, value in about.items()}
        told = words(admin.get(at(LIST, done="revoked", **{"done-refresh_tokens": "98765"}, **named)))
        assert "Revoked still" not in told and "98,765" not in told and "98765" not in told
    assert "already ended" not in words(admin.get(at(LIST, done="revoked", **{"done-token": token.public_id})))


def test_after_revoking_one_token_the_list_is_as_it_was(services: Services, admin: Pages) -> None:
    owner = make_user(services, "owner-of-one")
    token, back = issue(services, owner, "one-of-many").token, at(LIST, owner=owner.username, per_page="50")
    path = f"{LIST}/{token.public_id}/revoke"
    assert f'href="{path}?back=' in admin.get(back).text
    form = page(admin.get(at(path, back=back))).form(path).fields
    refused = admin.post(path, form | {"reason": ""})
    assert page(refused).form(path).fields["back"] == back
    assert admin.post(path, form | {"reason": "x"}).headers["Location"].startswith(f"{back}&done=revoked")
    for elsewhere in ("https://example.com/", "//example.com", "/login", "/admin/tokens?q=x\n"):
        assert page(admin.get(at(path, back=elsewhere))).words
        gone = admin.post(path, form | {"reason": "x", "back": elsewhere}).headers["Location"]
        assert gone.startswith(f"{LIST}?done=revoked")

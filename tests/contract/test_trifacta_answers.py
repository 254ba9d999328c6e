"""What the Trifacta-compatible API answers to requests that are in order, to the byte."""

import re
from datetime import UTC, datetime

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking import PERSON, TOKENS, Headers, Trifacta, basic, bearer
from tests.contract.conftest import MovableClock
from tests.factories import PASSWORD, allowed_user, generate, issue, make_user, mint

NOW = datetime(2031, 1, 16, 0, 6, 41, 743999, UTC)
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TOKEN_INFO = ["tokenId", "description", "expiredAt", "lastUsed", "createdAt"]


def test_a_created_token_to_the_byte(trifacta: Trifacta, services: Services, clock: MovableClock) -> None:
    """The milliseconds are cut off, never rounded: no token seems to live longer than it does."""
    user = allowed_user(services)
    with clock.stopped_at(NOW):
        answer = trifacta.create(bearer(mint(services, issue(services, user)).secret), 86400, description="été")
    body = answer.get_json()
    assert answer.status_code == 201
    assert answer.text == (
        f'{{"tokenValue":"{body["tokenValue"]}","tokenInfo":{{"tokenId":"{body["tokenInfo"]["tokenId"]}",'
        '"description":"\\u00e9t\\u00e9","expiredAt":"2031-01-17T00:06:41.743Z","lastUsed":null,'
        '"createdAt":"2031-01-16T00:06:41.743Z"}}\n'
    )


def test_a_description_comes_back_as_it_was_sent_and_other_members_mean_nothing(
    trifacta: Trifacta, as_allowed: Headers
) -> None:
    for description in ("", "x" * 255, "日本語 🗝", 'a"b\\c</script>', None):
        _, info = trifacta.created(as_allowed, description=description)
        assert info["description"] == description
        assert trifacta.shown(as_allowed, info["tokenId"]).get_json() == info
    others = {"unknown": {"deep": [1]}, "tokenId": "mine", "expiredAt": "2099", "id": -1}
    _, info = trifacta.created(as_allowed, **others)
    assert trifacta.created(as_allowed, -1)[1]["expiredAt"] is None
    assert info["description"] is None and UUID4.fullmatch(info["tokenId"])
    assert info["expiredAt"] < "2099"


def test_one_token_is_shown_bare_as_the_list_has_it(
    trifacta: Trifacta, services: Services, as_allowed: Headers, clock: MovableClock
) -> None:
    assert trifacta.listed(as_allowed).data == b'{"data":[]}\n'
    assert trifacta.listed(as_allowed, "includeCount=true").data == b'{"data":[],"count":0}\n'
    value, info = trifacta.created(as_allowed, 86400 * 10_000, description="one")
    assert list(info) == TOKEN_INFO
    with clock.stopped_at(NOW):
        assert trifacta.person(bearer(value)).status_code == 200
        services.last_use.flush()
    used = info | {"lastUsed": "2031-01-16T00:06:41.743Z"}
    shown, listed = trifacta.shown(as_allowed, info["tokenId"]), trifacta.listed(as_allowed)
    assert (shown.status_code, shown.get_json(), list(shown.get_json())) == (200, used, TOKEN_INFO)
    assert (listed.status_code, listed.get_json()) == (200, {"data": [used]})


def test_limit_offset_and_count_are_honoured_when_sent(
    trifacta: Trifacta, services: Services, as_allowed: Headers
) -> None:
    """Of the user's own tokens, oldest first."""
    generate(services, allowed_user(services))
    ids = [trifacta.created(as_allowed)[1]["tokenId"] for _ in range(5)]
    pages = {
        "": ids, "limit=0": [], "limit=5000": ids, "offset=3": ids[3:], "offset=9": [], "limit=2&offset=2": ids[2:4],
        "limit=3&unknown=x&tokenId=y": ids[:3],
    }  # fmt: skip
    for query, expected in pages.items():
        assert trifacta.ids(as_allowed, query) == expected, query
        assert "count" not in trifacta.listed(as_allowed, f"{query}&includeCount=false").get_json()
        counted = trifacta.listed(as_allowed, f"{query}&includeCount=true").get_json()
        assert (list(counted), counted["count"]) == (["data", "count"], 5), query


def test_an_expired_token_is_listed_and_deleted_and_then_gone(
    trifacta: Trifacta, as_allowed: Headers, clock: MovableClock
) -> None:
    value, info = trifacta.created(as_allowed, 5)
    with clock.later(seconds=6):
        assert trifacta.ids(as_allowed) == [info["tokenId"]]
        assert trifacta.deleted(as_allowed, info["tokenId"]).status_code == 204
        assert trifacta.ids(as_allowed) == []
        assert trifacta.deleted(as_allowed, info["tokenId"]).status_code == 404
        assert trifacta.shown(as_allowed, info["tokenId"]).status_code == 404
    assert trifacta.person(bearer(value)).status_code == 401


def test_every_call_accepts_basic_bearer_and_the_token_header(trifacta: Trifacta, services: Services) -> None:
    """A token that was created with another is a token of its own."""
    user = allowed_user(services, password=PASSWORD)
    value, first = trifacta.created(basic(user.username, PASSWORD))
    for headers in (basic(user.username, PASSWORD), bearer(value), {"TOKEN": value}):
        created, info = trifacta.created(headers)
        assert trifacta.ids(headers) == [first["tokenId"], info["tokenId"]]
        assert trifacta.shown(headers, info["tokenId"]).status_code == trifacta.person(headers).status_code == 200
        assert trifacta.deleted(headers, info["tokenId"]).status_code == 204
        assert trifacta.person(bearer(created)).status_code == 401
    created, _ = trifacta.created(bearer(value))
    assert trifacta.deleted(bearer(value), first["tokenId"]).status_code == 204
    assert trifacta.person(bearer(created)).status_code == 200


def test_a_person_to_the_byte(trifacta: Trifacta, services: Services) -> None:
    anna = make_user(services, "anna", email="anna@example.org", first_name="Anna", last_name="Ek", title="Analyst")
    admin = make_user(services, "root", Role.SERVER_ADMIN)
    assert trifacta.person(bearer(mint(services, issue(services, anna)).secret)).text == (
        f'{{"id":{anna.id},"email":"anna@example.org","name":"Anna Ek","firstName":"Anna","lastName":"Ek",'
        '"title":"Analyst","isDisabled":false,"isAdmin":false}\n'
    )
    headers = bearer(mint(services, issue(services, admin)).secret)
    assert trifacta.person(headers).text == (
        f'{{"id":{admin.id},"email":"","name":"root","firstName":"","lastName":"","title":"",'
        '"isDisabled":false,"isAdmin":true}\n'
    )
    for path in (TOKENS, PERSON):
        assert trifacta.send("HEAD", path, headers).status_code == 200

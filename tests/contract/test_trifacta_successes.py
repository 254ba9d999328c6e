"""What the Trifacta dialect answers when all is well, to the byte.

That each answer is JSON, never kept, and has its id, is asserted of every answer in ``asking_trifacta``. Not here:
refusals (``test_trifacta_refusals``), and who may (``test_trifacta_permissions``).
"""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from app.domain.identity import Role
from app.http.context import parts
from app.services import Services
from tests.contract.asking_oauth import basic, bearer
from tests.contract.asking_trifacta import TIMESTAMP, TOKEN_INFO, TOKENS, UUID4, Headers, Trifacta
from tests.contract.conftest import MovableClock
from tests.factories import PASSWORD, allowed_user, generate, issue, make_user, mint

NOW = datetime(2031, 1, 16, 0, 6, 41, 743999, UTC)


def instant(text: str) -> datetime:
    assert TIMESTAMP.fullmatch(text), text
    return datetime.fromisoformat(text)


def test_a_created_token_to_the_byte(trifacta: Trifacta, services: Services, clock: MovableClock) -> None:
    """The milliseconds are cut off, never rounded: no token is told to live longer than it does."""
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


def test_the_id_is_a_random_uuid_and_not_the_secret(trifacta: Trifacta, as_allowed: Headers) -> None:
    made = [trifacta.created(as_allowed) for _ in range(3)]
    ids = [info["tokenId"] for _, info in made]
    assert all(UUID4.fullmatch(each) for each in ids)
    assert len(set(ids)) == len({value for value, _ in made}) == 3
    assert not any(each in value for value, _ in made for each in ids)


@pytest.mark.parametrize("lifetime", [1, 59, 86400, 86400 * 365, 36_500 * 86400])
def test_a_token_lives_exactly_as_many_seconds_as_were_asked_for(
    trifacta: Trifacta, as_allowed: Headers, lifetime: int
) -> None:
    _, info = trifacta.created(as_allowed, lifetime)
    assert instant(info["expiredAt"]) - instant(info["createdAt"]) == timedelta(seconds=lifetime)


def test_a_lifetime_of_minus_one_is_for_ever(trifacta: Trifacta, as_allowed: Headers, clock: MovableClock) -> None:
    value, info = trifacta.created(as_allowed, -1)
    assert info["expiredAt"] is None
    with clock.later(days=365 * 200):
        assert trifacta.person(bearer(value)).status_code == 200


@pytest.mark.parametrize(
    "sent", [{}, {"description": None}, {"unknown": {"deep": [1]}, "tokenId": "mine", "expiredAt": "2099", "id": -1}]
)
def test_without_a_description_there_is_none_and_other_members_mean_nothing(
    trifacta: Trifacta, as_allowed: Headers, sent: dict[str, object]
) -> None:
    _, info = trifacta.created(as_allowed, **sent)
    assert info["description"] is None
    assert UUID4.fullmatch(info["tokenId"]) and instant(info["expiredAt"]).year < 2099


@pytest.mark.parametrize("description", ["", "x" * 255, "日本語 🗝", 'a"b\\c</script>'])
def test_a_description_is_given_back_as_it_was_sent(trifacta: Trifacta, as_allowed: Headers, description: str) -> None:
    value, info = trifacta.created(as_allowed, description=description)
    assert info["description"] == description
    assert trifacta.shown(bearer(value), info["tokenId"]).get_json()["description"] == description


def test_one_token_is_shown_bare_as_the_list_has_it(trifacta: Trifacta, as_allowed: Headers) -> None:
    _, info = trifacta.created(as_allowed, description="one")
    assert list(info) == TOKEN_INFO
    shown, listed = trifacta.shown(as_allowed, info["tokenId"]), trifacta.listed(as_allowed)
    assert (shown.status_code, shown.get_json(), list(shown.get_json())) == (200, info, TOKEN_INFO)
    assert (listed.status_code, listed.get_json()) == (200, {"data": [info]})


def test_nobody_has_tokens_at_first(trifacta: Trifacta, as_allowed: Headers) -> None:
    assert trifacta.listed(as_allowed).data == b'{"data":[]}\n'
    assert trifacta.listed(as_allowed, "includeCount=true").data == b'{"data":[],"count":0}\n'


def test_the_list_has_ones_own_tokens_oldest_first_expired_ones_included(
    trifacta: Trifacta, services: Services, as_allowed: Headers, clock: MovableClock
) -> None:
    """Not somebody else's, not deleted ones, and not what was minted from a refresh token."""
    generate(services, allowed_user(services))
    ids = [trifacta.created(as_allowed, lifetime)[1]["tokenId"] for lifetime in (50, 10, -1, 30)]
    trifacta.deleted(as_allowed, ids.pop())
    assert trifacta.ids(as_allowed) == ids
    with clock.later(seconds=51):
        assert trifacta.ids(as_allowed) == ids


def test_limit_offset_and_count_are_honoured_when_sent(trifacta: Trifacta, as_allowed: Headers) -> None:
    ids = [trifacta.created(as_allowed)[1]["tokenId"] for _ in range(5)]
    wanted = {
        "": ids, "limit=2": ids[:2], "limit=0": [], "limit=5000": ids, "offset=3": ids[3:], "offset=9": [],
        "limit=2&offset=2": ids[2:4], "offset=4&limit=2": ids[4:], "limit=3&unknown=x&tokenId=y": ids[:3],
    }  # fmt: skip
    for query, expected in wanted.items():
        assert trifacta.ids(as_allowed, query) == expected, query
        assert "count" not in trifacta.listed(as_allowed, query).get_json()
        counted = trifacta.listed(as_allowed, f"{query}&includeCount=true").get_json()
        assert (list(counted), counted["count"]) == (["data", "count"], 5), query
    assert "count" not in trifacta.listed(as_allowed, "includeCount=false").get_json()


def test_the_last_use_is_told_when_there_was_one(
    trifacta: Trifacta, app: Flask, as_allowed: Headers, clock: MovableClock
) -> None:
    value, info = trifacta.created(as_allowed, 86400 * 10_000)
    assert info["lastUsed"] is None
    with clock.stopped_at(NOW):
        assert trifacta.person(bearer(value)).status_code == 200
        parts(app).services.last_use.flush()
    assert trifacta.shown(as_allowed, info["tokenId"]).get_json()["lastUsed"] == "2031-01-16T00:06:41.743Z"


def test_a_deleted_token_is_gone_at_once_and_for_good(trifacta: Trifacta, as_allowed: Headers) -> None:
    value, info = trifacta.created(as_allowed)
    assert trifacta.person(bearer(value)).status_code == 200
    assert trifacta.deleted(as_allowed, info["tokenId"]).status_code == 204
    assert trifacta.person(bearer(value)).status_code == 401
    assert trifacta.deleted(as_allowed, info["tokenId"]).status_code == 404
    assert trifacta.shown(as_allowed, info["tokenId"]).status_code == 404
    assert trifacta.ids(as_allowed) == []


def test_an_expired_token_can_be_deleted(trifacta: Trifacta, as_allowed: Headers, clock: MovableClock) -> None:
    _, info = trifacta.created(as_allowed, 5)
    with clock.later(seconds=6):
        assert trifacta.deleted(as_allowed, info["tokenId"]).status_code == 204
        assert trifacta.ids(as_allowed) == []


def test_a_token_can_make_show_and_delete_tokens_itself_among_them(trifacta: Trifacta, as_allowed: Headers) -> None:
    first, info = trifacta.created(as_allowed)
    second, other = trifacta.created(bearer(first), description="made with another")
    assert trifacta.ids(bearer(second)) == [info["tokenId"], other["tokenId"]]
    assert trifacta.shown(bearer(second), info["tokenId"]).status_code == 200
    assert trifacta.deleted(bearer(second), other["tokenId"]).status_code == 204
    assert trifacta.person(bearer(second)).status_code == 401
    assert trifacta.person(bearer(first)).status_code == 200


def test_a_token_made_with_another_outlives_it(trifacta: Trifacta, as_allowed: Headers, clock: MovableClock) -> None:
    """Each is a token of its own."""
    first, info = trifacta.created(as_allowed, 5)
    second, _ = trifacta.created(bearer(first), 3600)
    trifacta.deleted(as_allowed, info["tokenId"])
    with clock.later(seconds=60):
        assert trifacta.person(bearer(second)).status_code == 200


def test_every_call_takes_basic_bearer_and_the_token_header(trifacta: Trifacta, services: Services) -> None:
    user = allowed_user(services, password=PASSWORD)
    value, _ = trifacta.created(basic(user.username, PASSWORD))
    for headers in (basic(user.username, PASSWORD), bearer(value), {"TOKEN": value}):
        _, info = trifacta.created(headers)
        assert trifacta.listed(headers).status_code == 200
        assert trifacta.shown(headers, info["tokenId"]).status_code == 200
        assert trifacta.deleted(headers, info["tokenId"]).status_code == 204
        assert trifacta.person(headers).status_code == 200
        assert trifacta.send("GET", "/v4/open-api-spec", headers).status_code == 200


def test_who_one_is_to_the_byte(trifacta: Trifacta, services: Services) -> None:
    anna = make_user(services, "anna", email="anna@example.org", first_name="Anna", last_name="Ek", title="Analyst")
    admin = make_user(services, "root", Role.SERVER_ADMIN)
    assert trifacta.person(bearer(mint(services, issue(services, anna)).secret)).text == (
        f'{{"id":{anna.id},"email":"anna@example.org","name":"Anna Ek","firstName":"Anna","lastName":"Ek",'
        '"title":"Analyst","isDisabled":false,"isAdmin":false}\n'
    )
    assert trifacta.person(bearer(mint(services, issue(services, admin)).secret)).text == (
        f'{{"id":{admin.id},"email":"","name":"root","firstName":"","lastName":"","title":"",'
        '"isDisabled":false,"isAdmin":true}\n'
    )


def test_the_answer_to_a_head_is_that_of_the_get_without_its_body(trifacta: Trifacta, as_allowed: Headers) -> None:
    for path in (TOKENS, "/v4/people/current"):
        answer = trifacta.send("HEAD", path, as_allowed)
        assert (answer.status_code, answer.data) == (200, b"")

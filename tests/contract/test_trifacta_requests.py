"""What the Trifacta-compatible API reads and answers, to the byte: members, bodies, parameters, paths."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from app.api.v4.paths import CanonicalPaths, canonical
from app.domain.identity import Role
from app.services import Services
from tests.contract.asking import (
    DOCUMENT,
    NO_SUCH_TOKEN,
    PERSON,
    TOKENS,
    Headers,
    Trifacta,
    basic,
    bearer,
    raw_path,
    refusal,
)
from tests.contract.conftest import MovableClock
from tests.factories import PASSWORD, allowed_user, generate, issue, make_user, mint

CENTURY = 36_500 * 86_400
NO_INTEGER = "lifetimeSeconds: must be an integer number of seconds, or -1 for never"
NOT_POSITIVE = "lifetimeSeconds: must be a positive number of seconds, or -1 for never"
DESCRIPTION_RULE = "description: A description has at most 255 characters."
NO_TEXT = "description: must be a string"
NO_ROUTE = (404, "RouteNotFoundException", None)

BAD_LIFETIMES = [
    (None, "lifetimeSeconds: must not be null"), *((each, NO_INTEGER) for each in (True, 60.0, "60", "", [60], {})),
    *((each, NOT_POSITIVE) for each in (0, -2, -(10**30))),
    *((each, "lifetimeSeconds: The longest lifetime is 36500 days.") for each in (CENTURY + 1, 10**15)),
    *((each, "lifetimeSeconds: is too large") for each in (10**15 + 1, 10**400)),
]  # fmt: skip
BAD_MEMBERS: list[tuple[Any, str]] = [
    *(({"lifetimeSeconds": value}, details) for value, details in BAD_LIFETIMES),
    *((members, "lifetimeSeconds: is required") for members in ({}, {"LIFETIMESECONDS": 5})),
    ({"lifetimeSeconds": 60, "description": "x" * 256}, DESCRIPTION_RULE),
    *(
        ({"lifetimeSeconds": 60, "description": each}, f"description: A description must not hold {flaw}.")
        for each, flaw in (
            ("\0", "a control character: character 1 is U+0000"),
            ("r\u202eight", "a character that changes the direction of writing: character 2 is U+202E"),
        )
    ),
    *(({"lifetimeSeconds": 60, "description": each}, NO_TEXT) for each in (1, True, ["a"], {"text": "a"})),
    ({"lifetimeSeconds": "soon", "description": 7}, f"{NO_INTEGER}; {NO_TEXT}"),
]


@pytest.fixture(scope="module")
def as_maker(services: Services) -> Headers:
    """The headers of one user who may make tokens, for all requests that make none."""
    return basic(allowed_user(services, password=PASSWORD).username, PASSWORD)


def test_a_member_that_is_refused_is_named_with_what_is_wrong(trifacta: Trifacta, as_maker: Headers) -> None:
    for members, details in BAD_MEMBERS:
        answer = trifacta.send("POST", TOKENS, as_maker, json=members)
        assert refusal(answer) == (400, "ValidationFailed", details), members
    assert trifacta.create(as_maker, 0).data == (
        b'{"exception":{"name":"ValidationFailed","message":"Input validation failed",'
        b'"details":"lifetimeSeconds: must be a positive number of seconds, or -1 for never"}}\n'
    )


def test_what_is_no_json_object_is_a_400(trifacta: Trifacta, as_maker: Headers) -> None:
    """More of them: ``test_alation_requests``."""
    for raw in (
        b"",
        b"[]",
        b"NaN",
        b'{"lifetimeSeconds": 60, "lifetimeSeconds": 60}',
        b"[" * 3000,
        b"lifetimeSeconds=60",
    ):
        answer = trifacta.send("POST", TOKENS, as_maker, data=raw, content_type="application/json")
        assert refusal(answer)[:2] == (400, "ValidationFailed"), raw
    assert trifacta.ids(as_maker) == []


def test_json_is_accepted_with_any_parameter_and_nothing_else(trifacta: Trifacta, as_allowed: Headers) -> None:
    body = json.dumps({"lifetimeSeconds": 60})
    for media_type in ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON"):
        assert trifacta.send("POST", TOKENS, as_allowed, data=body, content_type=media_type).status_code == 201
    form = b'--b\r\nContent-Disposition: form-data; name="lifetimeSeconds"\r\n\r\n60\r\n--b--\r\n'
    for media_type in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain", ""):
        for raw in (form, b"lifetimeSeconds=60"):
            headers = as_allowed | ({"Content-Type": media_type} if media_type else {})
            answer = trifacta.send("POST", TOKENS, headers, data=raw)
            assert refusal(answer) == (415, "UnsupportedMediaTypeException", None)
    answer = trifacta.create(as_allowed, description="x" * 17_000)
    assert refusal(answer) == (413, "RequestEntityTooLargeException", None)


def test_a_parameter_that_makes_no_sense_is_a_400(trifacta: Trifacta, as_maker: Headers) -> None:
    for query in (
        "limit=-1", "limit=", "limit=1.5", "limit=" + "9" * 5000, "limit=10000000000000000", "offset=-1", "offset=null",
        "offset=" + "9" * 30, "includeCount=perhaps", "includeCount=",
    ):  # fmt: skip
        status, name, details = refusal(trifacta.listed(as_maker, query))
        assert (status, name) == (400, "ValidationFailed")
        assert details and details.startswith(f"{query.partition('=')[0]}: ")
    answer = trifacta.send("GET", PERSON, as_maker, environ_overrides={"QUERY_STRING": "limit=\xff"})
    assert refusal(answer)[:2] == (400, "ValidationFailed")


def test_a_body_where_none_belongs_is_not_read(trifacta: Trifacta, as_allowed: Headers) -> None:
    """The SDK sends ``Content-Type: application/json`` and no body with every call."""
    _, info = trifacta.created(as_allowed)
    for method, status in (("GET", 200), ("DELETE", 204)):
        request = {"data": b"{broken", "content_type": "application/json"}
        assert trifacta.send(method, f"{TOKENS}/{info['tokenId']}", as_allowed, **request).status_code == status


# Paths


@pytest.mark.parametrize("respelt", [str.lower, str.upper, str.swapcase, "{}/".format])
def test_letter_case_and_a_slash_at_the_end_make_no_difference(
    trifacta: Trifacta, as_allowed: Headers, respelt: Callable[[str], str]
) -> None:
    """A 301 would turn a POST into a GET."""
    for path in (TOKENS, PERSON, DOCUMENT):
        expected, answer = (trifacta.send("GET", each, as_allowed) for each in (path, respelt(path)))
        assert (answer.status_code, answer.data) == (expected.status_code, expected.data) == (200, answer.data)
    created = trifacta.send("POST", respelt(TOKENS), as_allowed, json={"lifetimeSeconds": 60})
    assert created.status_code == 201
    one = respelt(f"{TOKENS}/{created.get_json()['tokenInfo']['tokenId']}")
    shown = trifacta.send("GET", one, as_allowed)
    assert (shown.status_code, shown.get_json()) == (200, created.get_json()["tokenInfo"])
    assert trifacta.send("DELETE", one, as_allowed).status_code == 204


def test_only_the_contracts_own_words_are_respelt(app: Flask) -> None:
    assert canonical("/V4/APIACCESSTOKENS/ABC-Def/") == f"{TOKENS}/ABC-Def/"
    seen: list[str] = []
    respelling = CanonicalPaths(lambda environ, _: seen.append(environ["PATH_INFO"]) or [])  # type: ignore[func-returns-value]
    paths = ["/INTEGRATION/V4/apiaccesstokens", "/v", "", "/People/Current", "/auth/V4/people"]
    for path in paths:
        respelling({"PATH_INFO": path}, lambda *_: None)  # type: ignore[arg-type]
    assert seen == paths, "other paths keep their spelling"


def test_an_id_that_no_token_has_is_a_404_of_its_own(trifacta: Trifacta, as_maker: Headers) -> None:
    for token_id in (
        ":tokenId", "x", "00000000-0000-0000-0000-000000000000", "{123e4567-e89b-42d3-a456-426614174000}",
        "urn:uuid:123e4567-e89b-42d3-a456-426614174000", "%00", "%FF", "a" * 4000, "apiAccessTokens",
    ):  # fmt: skip
        for method in ("GET", "DELETE"):
            answer = trifacta.send(method, f"{TOKENS}/{token_id}/", as_maker)
            assert refusal(answer) == NO_SUCH_TOKEN, (method, token_id)
    assert trifacta.shown(as_maker, ":tokenId").data == (
        b'{"exception":{"name":"DataNotFoundException","message":"Data not found",'
        b'"details":"There is no such token."}}\n'
    )


def test_an_unknown_path_is_a_404_without_a_redirect(trifacta: Trifacta, as_maker: Headers) -> None:
    for path in (
        "/v4", "/V4/", "/v4/people/1", "/v4/apiAccessTokens/a/b", "/v4//apiAccessTokens", "/v4/apiAccessTokens//",
        "/V4/OPEN-API-SPEC/X", "/v4/%2e%2e/healthz", "/v4/%ff",
    ):  # fmt: skip
        for headers in ({}, as_maker):
            answer = trifacta.send("GET", "/", headers, **raw_path(path))
            assert refusal(answer) == NO_ROUTE
    assert answer.data == (
        b'{"exception":{"name":"RouteNotFoundException","message":"Route doesn\'t exist","details":null}}\n'
    )


def test_another_method_is_a_405_that_names_those_there_are(trifacta: Trifacta, as_maker: Headers) -> None:
    """A token can't be modified or extended: there is no PUT and no PATCH."""
    for path, allowed in (
        (f"{TOKENS}/", {"GET", "HEAD", "POST"}), (f"{TOKENS}/x", {"GET", "HEAD", "DELETE"}), (PERSON, {"GET", "HEAD"}),
    ):  # fmt: skip
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - allowed:
            answer = trifacta.send(method, path, as_maker, json={"lifetimeSeconds": 5})
            assert refusal(answer) == (405, "MethodNotAllowedException", None)
            assert set(re.split(", *", answer.headers["Allow"])) == allowed


def test_headers_that_the_contract_ignores_have_no_effect(trifacta: Trifacta, as_allowed: Headers) -> None:
    names = (
        "x-csrf-token", "x-alteryx-workspace-gid", "x-api-project-id", "x-trifacta-person-workspace-id",
        "x-trifacta-user-id", "x-trifacta-workspace-id",
    )  # fmt: skip
    ignored = {name: "1" for name in names} | {"x-trifacta-request-id": "mine", "Cookie": "a=b"}
    assert trifacta.person(as_allowed | ignored).data == trifacta.person(as_allowed).data
    answer = trifacta.create(as_allowed | ignored)
    assert (answer.status_code, answer.headers["x-trifacta-request-id"] != "mine") == (201, True)
    assert trifacta.ids(as_allowed) == [answer.get_json()["tokenInfo"]["tokenId"]]
    assert trifacta.person(ignored).status_code == 401


NOW = datetime(2031, 1, 16, 0, 6, 41, 743999, UTC)
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TOKEN_INFO = ["tokenId", "description", "expiredAt", "lastUsed", "createdAt"]


def test_a_created_token_to_the_byte(trifacta: Trifacta, services: Services, clock: MovableClock) -> None:
    """The milliseconds are cut off, never rounded: no token seems to live longer than it does."""
    user = allowed_user(services, password=PASSWORD)
    with clock.stopped_at(NOW):
        answer = trifacta.create(basic(user.username, PASSWORD), 86400, description="été")
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


@pytest.mark.both_databases
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

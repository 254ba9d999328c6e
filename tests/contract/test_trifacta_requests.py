"""Which requests the Trifacta-compatible API can read: members, bodies, parameters, paths in any letter case."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.api.v4.paths import CanonicalPaths, canonical
from app.services import Services
from tests.contract.asking import (
    DOCUMENT,
    NO_SUCH_TOKEN,
    PERSON,
    TOKENS,
    Headers,
    Trifacta,
    bearer,
    raw_path,
    refusal,
)
from tests.factories import allowed_user, issue, mint

CENTURY = 36_500 * 86_400
NO_INTEGER = "lifetimeSeconds: must be an integer number of seconds, or -1 for never"
NOT_POSITIVE = "lifetimeSeconds: must be a positive number of seconds, or -1 for never"
DESCRIPTION_RULE = "description: A description has at most 255 characters, all of them printable."
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
    *(({"lifetimeSeconds": 60, "description": each}, DESCRIPTION_RULE) for each in ("x" * 256, "\0", "\u202eright")),
    *(({"lifetimeSeconds": 60, "description": each}, NO_TEXT) for each in (1, True, ["a"], {"text": "a"})),
    ({"lifetimeSeconds": "soon", "description": 7}, f"{NO_INTEGER}; {NO_TEXT}"),
]


@pytest.fixture(scope="module")
def as_maker(services: Services) -> Headers:
    """The headers of one user who may make tokens, for all requests that make none."""
    return bearer(mint(services, issue(services, allowed_user(services))).secret)


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
    assert canonical("/V4/APIACCESSTOKENS/ABC-Def/") == "/v4/apiAccessTokens/ABC-Def/"
    assert canonical("/v4/People/CURRENT") == PERSON
    assert canonical("/V4/Open-Api-Spec") == DOCUMENT
    seen: list[str] = []

    def application(environ: dict[str, str], _start: object) -> list[bytes]:
        seen.append(environ["PATH_INFO"])
        return []

    paths = ["/INTEGRATION/V4/apiaccesstokens", "/v", "", "/People/Current", "/auth/V4/people"]
    for path in paths:
        CanonicalPaths(application)({"PATH_INFO": path}, lambda *_: None)  # type: ignore[arg-type]
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
        "//v4/apiAccessTokens", "/V4/OPEN-API-SPEC/X", "/v4/%2e%2e/healthz", "/v4/%ff",
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

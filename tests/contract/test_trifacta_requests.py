"""Which requests the Trifacta-compatible API can read: members, bodies, parameters, paths in any letter case."""

import json
import re
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
A_CENTURY = "lifetimeSeconds: The longest lifetime is 36500 days."
TOO_LARGE = "lifetimeSeconds: is too large"
REQUIRED = "lifetimeSeconds: is required"
DESCRIPTION_RULE = "description: A description has at most 255 characters, all of them printable."
NO_TEXT = "description: must be a string"
NO_ROUTE = (404, "RouteNotFoundException", None)

BAD_MEMBERS: list[tuple[Any, str]] = [
    ({}, REQUIRED),
    ({"lifetime": 5}, REQUIRED),
    ({"LIFETIMESECONDS": 5}, REQUIRED),
    ({"lifetimeSeconds": None}, "lifetimeSeconds: must not be null"),
    *(
        ({"lifetimeSeconds": value}, NO_INTEGER)
        for value in (True, False, 60.0, 1.5, -1.0, "60", "-1", "", [60], {}, {"seconds": 60})
    ),
    *(({"lifetimeSeconds": value}, NOT_POSITIVE) for value in (0, -2, -60, -(10**9), -(10**30))),
    *(({"lifetimeSeconds": value}, A_CENTURY) for value in (CENTURY + 1, 10**11, 10**15)),
    *(({"lifetimeSeconds": value}, TOO_LARGE) for value in (10**15 + 1, 10**30, 10**400)),
    *(
        ({"lifetimeSeconds": 60, "description": value}, DESCRIPTION_RULE)
        for value in ("x" * 256, "two\nlines", "\0", "\u202eright to left", "\u200b")
    ),
    *(({"lifetimeSeconds": 60, "description": value}, NO_TEXT) for value in (1, True, 1.5, ["a"], {"text": "a"})),
    ({"lifetimeSeconds": "soon", "description": 7}, f"{NO_INTEGER}; {NO_TEXT}"),
]


@pytest.fixture(scope="module")
def as_maker(services: Services) -> Headers:
    """The headers of one user who may make tokens, for all requests that make none."""
    return bearer(mint(services, issue(services, allowed_user(services))).secret)


def test_a_refused_member_to_the_byte(trifacta: Trifacta, as_maker: Headers) -> None:
    assert trifacta.create(as_maker, 0).data == (
        b'{"exception":{"name":"ValidationFailed","message":"Input validation failed",'
        b'"details":"lifetimeSeconds: must be a positive number of seconds, or -1 for never"}}\n'
    )


@pytest.mark.parametrize(("members", "details"), BAD_MEMBERS, ids=lambda value: ascii(value)[:60])
def test_a_member_that_is_refused_is_named_with_what_is_wrong(
    trifacta: Trifacta, as_maker: Headers, members: dict[str, Any], details: str
) -> None:
    answer = trifacta.send("POST", TOKENS, as_maker, json=members)
    assert refusal(answer) == (400, "ValidationFailed", details)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"{", b"[]", b"[1]", b"null", b"1", b'"text"', b"NaN", b'{"lifetimeSeconds": NaN}',
        b'{"lifetimeSeconds": 60,}', b'{"lifetimeSeconds": 060}', b'{"lifetimeSeconds": 1e2}',
        b'{"lifetimeSeconds": -1.0}', b'{"lifetimeSeconds": 1E400}', b'{"lifetimeSeconds": -0.0}',
        b'{"lifetimeSeconds": 60, "lifetimeSeconds": 60}', b'{"lifetimeSeconds": 60, "description": "\xff"}',
        b'{"lifetimeSeconds": 60, "description": "\\ud800"}', b"\xef\xbb\xbf{}", b'{"lifetimeSeconds": 60}{}',
        b'{"lifetimeSeconds": ' + b"9" * 5000 + b"}", b"[" * 3000, b'{"a":' * 9 + b"1" + b"}" * 9,
        b"lifetimeSeconds=60",
    ],
    ids=lambda raw: ascii(raw[:40]),
)  # fmt: skip
def test_what_is_no_json_object_is_a_400(trifacta: Trifacta, as_maker: Headers, raw: bytes) -> None:
    answer = trifacta.send("POST", TOKENS, as_maker, data=raw, content_type="application/json")
    assert refusal(answer)[:2] == (400, "ValidationFailed")
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


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1", "limit=x", "limit=", "limit=1.5", "limit=1e3", "limit=" + "9" * 5000, "limit=10000000000000000",
        "offset=-1", "offset=x", "offset=null", "offset=" + "9" * 30, "includeCount=perhaps", "includeCount=",
    ],
)  # fmt: skip
def test_a_parameter_that_makes_no_sense_is_a_400(trifacta: Trifacta, as_maker: Headers, query: str) -> None:
    status, name, details = refusal(trifacta.listed(as_maker, query))
    assert (status, name) == (400, "ValidationFailed")
    assert details and details.startswith(f"{query.partition('=')[0]}: ")


def test_raw_bytes_in_the_query_are_a_400(trifacta: Trifacta, as_maker: Headers) -> None:
    for path in (TOKENS, PERSON):
        answer = trifacta.send("GET", path, as_maker, environ_overrides={"QUERY_STRING": "limit=\xff"})
        assert refusal(answer)[:2] == (400, "ValidationFailed")


def test_a_body_where_none_belongs_is_not_read(trifacta: Trifacta, as_allowed: Headers) -> None:
    """The SDK sends ``Content-Type: application/json`` and no body with every call."""
    _, info = trifacta.created(as_allowed)
    for method, status in (("GET", 200), ("DELETE", 204)):
        request = {"data": b"{broken", "content_type": "application/json"}
        assert trifacta.send(method, f"{TOKENS}/{info['tokenId']}", as_allowed, **request).status_code == status


# Paths


def spellings(path: str) -> list[str]:
    """The same path as SDKs and people write it."""
    cased = (path, path.lower(), path.upper(), path.title(), path.swapcase())
    return [form for each in cased for form in (each, f"{each}/")]


def test_letter_case_and_a_slash_at_the_end_make_no_difference(trifacta: Trifacta, as_allowed: Headers) -> None:
    """A 301 would turn a POST into a GET."""
    for path in (TOKENS, PERSON, DOCUMENT):
        expected = trifacta.send("GET", path, as_allowed)
        assert expected.status_code == 200
        for spelling in spellings(path):
            answer = trifacta.send("GET", spelling, as_allowed)
            assert (answer.status_code, answer.data) == (200, expected.data), spelling
    for spelling in spellings(TOKENS):
        made = trifacta.send("POST", spelling, as_allowed, json={"lifetimeSeconds": 60})
        assert made.status_code == 201, spelling
        info = made.get_json()["tokenInfo"]
        base, slash = spelling.rstrip("/"), "/" * spelling.endswith("/")
        for token_id in (info["tokenId"], info["tokenId"].upper()):
            shown = trifacta.send("GET", f"{base}/{token_id}{slash}", as_allowed)
            assert (shown.status_code, shown.get_json()) == (200, info)
        assert trifacta.send("DELETE", f"{base}/{info['tokenId']}{slash}", as_allowed).status_code == 204


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
        ":tokenId", ":TOKENID", "x", "-1", "0", "null", "00000000-0000-0000-0000-000000000000",
        "123e4567-e89b-42d3-a456-426614174000", "123e4567e89b42d3a456426614174000",
        "{123e4567-e89b-42d3-a456-426614174000}", "urn:uuid:123e4567-e89b-42d3-a456-426614174000", "%00", "%E2%82%AC",
        "%FF", "a" * 4000, "apiAccessTokens", "v4",
    ):  # fmt: skip
        for method in ("GET", "DELETE"):
            for slash in ("", "/"):
                answer = trifacta.send(method, f"{TOKENS}/{token_id}{slash}", as_maker)
                assert refusal(answer) == NO_SUCH_TOKEN, (method, token_id)
    assert trifacta.shown(as_maker, ":tokenId").data == (
        b'{"exception":{"name":"DataNotFoundException","message":"Data not found",'
        b'"details":"There is no such token."}}\n'
    )


@pytest.mark.parametrize(
    "path",
    [
        "/v4", "/v4/", "/V4/", "/v4/nothing", "/v4/awsConfigs/current", "/v4/people", "/v4/people/1", "/v4/flows/",
        "/v4/apiAccessToken", "/v4/apiAccessTokens/a/b", "/v4//apiAccessTokens", "/v4/apiAccessTokens//",
        "//v4/apiAccessTokens", "/v4/apiAccessTokens//a", "/V4/OPEN-API-SPEC/X", "/v4/%2e%2e/healthz", "/v4/%ff",
    ],
)  # fmt: skip
def test_an_unknown_path_is_a_404_without_a_redirect(trifacta: Trifacta, as_maker: Headers, path: str) -> None:
    for headers in ({}, as_maker):
        answer = trifacta.send("GET", "/", headers, **raw_path(path))
        assert refusal(answer) == NO_ROUTE
    assert answer.data == (
        b'{"exception":{"name":"RouteNotFoundException","message":"Route doesn\'t exist","details":null}}\n'
    )


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (TOKENS, {"GET", "HEAD", "POST"}),
        (f"{TOKENS}/x", {"GET", "HEAD", "DELETE"}),
        (PERSON, {"GET", "HEAD"}),
        (DOCUMENT, {"GET", "HEAD"}),
    ],
)
def test_another_method_is_a_405_that_names_those_there_are(
    trifacta: Trifacta, as_maker: Headers, path: str, allowed: set[str]
) -> None:
    """A token can't be modified or extended: there is no PUT and no PATCH."""
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - allowed:
        for slash in ("", "/"):
            answer = trifacta.send(method, f"{path}{slash}", as_maker, json={"lifetimeSeconds": 5})
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

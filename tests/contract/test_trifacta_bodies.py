"""What the Trifacta dialect can't make sense of: 400, 413 and 415 in its own words, never a redirect, never a 5xx.

Here belong members, parameters, and everything that is malformed before a member is looked at. Not here: refusals of
requests that are well-formed (``test_trifacta_refusals``, ``test_trifacta_permissions``).
"""

import json
from typing import Any

import pytest

from tests.contract.asking_trifacta import TOKENS, Headers, Trifacta, said
from tests.contract.conftest import Setting

NO_INTEGER = "lifetimeSeconds: must be an integer number of seconds, or -1 for never"
NOT_POSITIVE = "lifetimeSeconds: must be a positive number of seconds, or -1 for never"
A_CENTURY = "lifetimeSeconds: The longest lifetime is 36500 days."
A_WEEK = "lifetimeSeconds: The longest lifetime is 7 days."
DESCRIPTION_RULE = "description: A description has at most 255 characters, all of them printable."


def invalid(details: str) -> tuple[int, str, str]:
    return 400, "ValidationFailed", details


def test_a_refused_member_to_the_byte(trifacta: Trifacta, as_allowed: Headers) -> None:
    assert trifacta.create(as_allowed, 0).data == (
        b'{"exception":{"name":"ValidationFailed","message":"Input validation failed",'
        b'"details":"lifetimeSeconds: must be a positive number of seconds, or -1 for never"}}\n'
    )


@pytest.mark.parametrize("request_", [{"json": {}}, {"json": {"lifetime": 5}}, {}, {"json": {"LIFETIMESECONDS": 5}}])
def test_the_lifetime_is_required(trifacta: Trifacta, as_allowed: Headers, request_: dict[str, Any]) -> None:
    answer = trifacta.send("POST", TOKENS, as_allowed, **request_)
    assert said(answer) == invalid("lifetimeSeconds: is required")


def test_a_lifetime_of_null_is_none(trifacta: Trifacta, as_allowed: Headers) -> None:
    assert said(trifacta.create(as_allowed, None)) == invalid("lifetimeSeconds: must not be null")


def test_a_lifetime_that_is_no_integer_is_refused(trifacta: Trifacta, as_allowed: Headers) -> None:
    """JSON's ``60.0`` is a number with a fraction to the contract, and to whoever must store it."""
    for value in (True, False, 60.0, 1.5, -1.0, "60", "-1", "", [60], {}, {"seconds": 60}):
        assert said(trifacta.create(as_allowed, value)) == invalid(NO_INTEGER), repr(value)
    for raw in (b"1e2", b"60.0", b"-1.0", b"1E400", b"-0.0"):
        body = b'{"lifetimeSeconds": ' + raw + b"}"
        answer = trifacta.send("POST", TOKENS, as_allowed, data=body, content_type="application/json")
        assert said(answer)[:2] == (400, "ValidationFailed"), raw


def test_zero_and_all_other_negative_lifetimes_are_refused(trifacta: Trifacta, as_allowed: Headers) -> None:
    for value in (0, -2, -60, -(10**9), -(10**30)):
        assert said(trifacta.create(as_allowed, value)) == invalid(NOT_POSITIVE), value


def test_a_century_is_the_longest_lifetime_where_there_is_no_maximum(trifacta: Trifacta, as_allowed: Headers) -> None:
    century = 36_500 * 86_400
    assert trifacta.create(as_allowed, century).status_code == 201
    for value in (century + 1, 10**11, 10**15):
        assert said(trifacta.create(as_allowed, value)) == invalid(A_CENTURY), value
    for value in (10**15 + 1, 10**30, 10**400):
        assert said(trifacta.create(as_allowed, value)) == invalid("lifetimeSeconds: is too large")


def test_the_maximum_is_held_to_the_second_and_allows_no_token_for_ever(
    trifacta: Trifacta, as_allowed: Headers, setting: Setting
) -> None:
    kept, _ = trifacta.created(as_allowed, -1)
    with setting(api_token_max_lifetime_days="7"):
        assert trifacta.create(as_allowed, 7 * 86_400).status_code == 201
        assert said(trifacta.create(as_allowed, 7 * 86_400 + 1)) == invalid(A_WEEK)
        assert said(trifacta.create(as_allowed, -1)) == invalid(
            "lifetimeSeconds: Tokens that never expire are not allowed here; the longest lifetime is 7 days."
        )
        # What was made before the change is as it was.
        assert trifacta.person({"TOKEN": kept}).status_code == 200
    assert trifacta.create(as_allowed, -1).status_code == 201


@pytest.mark.parametrize("value", ["x" * 256, "two\nlines", "\0", "\u202eright to left", "\u200b"])
def test_a_description_that_could_not_be_shown_is_refused(trifacta: Trifacta, as_allowed: Headers, value: str) -> None:
    assert said(trifacta.create(as_allowed, description=value)) == invalid(DESCRIPTION_RULE)


@pytest.mark.parametrize("value", [1, True, 1.5, ["a"], {"text": "a"}])
def test_a_description_is_text(trifacta: Trifacta, as_allowed: Headers, value: object) -> None:
    assert said(trifacta.create(as_allowed, description=value)) == invalid("description: must be a string")


def test_everything_that_is_wrong_is_told_at_once(trifacta: Trifacta, as_allowed: Headers) -> None:
    answer = trifacta.create(as_allowed, "soon", description=7)
    assert said(answer) == invalid(f"{NO_INTEGER}; description: must be a string")


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"{", b"[]", b"[1]", b"null", b"1", b'"text"', b"true", b"NaN", b'{"lifetimeSeconds": NaN}',
        b'{"lifetimeSeconds": Infinity}', b'{"lifetimeSeconds": 60,}', b'{"lifetimeSeconds": 060}',
        b'{"lifetimeSeconds": 60, "lifetimeSeconds": 60}', b'{"lifetimeSeconds": 60, "description": "\xff"}',
        b'{"lifetimeSeconds": 60, "description": "\\ud800"}', b"\xef\xbb\xbf{}", b'{"lifetimeSeconds": 60}{}',
        b'{"lifetimeSeconds": ' + b"9" * 5000 + b"}", b"[" * 3000, b'{"a":' * 9 + b"1" + b"}" * 9,
        b"lifetimeSeconds=60",
    ],
    ids=lambda raw: ascii(raw[:40]),
)  # fmt: skip
def test_what_is_no_json_object_is_a_400(trifacta: Trifacta, as_allowed: Headers, raw: bytes) -> None:
    answer = trifacta.send("POST", TOKENS, as_allowed, data=raw, content_type="application/json")
    assert said(answer)[:2] == (400, "ValidationFailed")
    assert trifacta.ids(as_allowed) == []


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_is_taken_with_any_parameter(trifacta: Trifacta, as_allowed: Headers, media_type: str) -> None:
    body = json.dumps({"lifetimeSeconds": 60})
    assert trifacta.send("POST", TOKENS, as_allowed, data=body, content_type=media_type).status_code == 201


@pytest.mark.parametrize(
    "media_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain", "text/xml", ""]
)
def test_a_body_that_is_not_json_is_a_415(trifacta: Trifacta, as_allowed: Headers, media_type: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="lifetimeSeconds"\r\n\r\n60\r\n--b--\r\n'
    for raw in (body, b"lifetimeSeconds=60"):
        headers = as_allowed | ({"Content-Type": media_type} if media_type else {})
        answer = trifacta.send("POST", TOKENS, headers, data=raw)
        assert said(answer) == (415, "UnsupportedMediaTypeException", None)


def test_a_body_of_more_than_16_kib_is_a_413(trifacta: Trifacta, as_allowed: Headers) -> None:
    answer = trifacta.create(as_allowed, description="x" * 17_000)
    assert said(answer) == (413, "RequestEntityTooLargeException", None)


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1", "limit=x", "limit=", "limit=1.5", "limit=1e3", "limit=" + "9" * 5000, "limit=10000000000000000",
        "offset=-1", "offset=x", "offset=null", "offset=" + "9" * 30, "includeCount=perhaps", "includeCount=",
    ],
)  # fmt: skip
def test_a_parameter_that_makes_no_sense_is_a_400(trifacta: Trifacta, as_allowed: Headers, query: str) -> None:
    name = query.partition("=")[0]
    status, called, details = said(trifacta.listed(as_allowed, query))
    assert (status, called) == (400, "ValidationFailed")
    assert details and details.startswith(f"{name}: ")


@pytest.mark.parametrize("path", [TOKENS, "/v4/people/current", "/v4/nothing"])
def test_raw_bytes_in_the_query_are_a_400(trifacta: Trifacta, as_allowed: Headers, path: str) -> None:
    answer = trifacta.send("GET", path, as_allowed, environ_overrides={"QUERY_STRING": "limit=\xff"})
    assert answer.status_code in (400, 404)
    if path != "/v4/nothing":
        assert said(answer)[:2] == (400, "ValidationFailed")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_body_where_none_belongs_is_not_looked_at(trifacta: Trifacta, as_allowed: Headers, method: str) -> None:
    """The SDK sends ``Content-Type: application/json`` and no body with every call."""
    _, info = trifacta.created(as_allowed)
    path = f"{TOKENS}/{info['tokenId']}"
    answer = trifacta.send(method, path, as_allowed, data=b"{broken", content_type="application/json")
    assert answer.status_code in (200, 204)

"""Bodies the Alation dialect can't make sense of: 400, 413 and 415, always in its own JSON.

Here belong missing and wrong fields, and everything that is malformed before a field is looked at. Not here:
refusals of credentials that are well-formed (``test_alation_errors``).
"""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from app.domain.tokens import Issued, RefreshToken
from app.http.body import DEEPEST_JSON, LARGEST_BODY
from app.services import Services
from app.services.issuing import NAME_RULE
from tests.contract.asking import ENDPOINTS, WITH_REFRESH_TOKEN, Alation, said
from tests.factories import PASSWORD, issue, make_user

REQUIRED = "This field is required."
NULL = "This field may not be null."
NO_STRING = "Not a valid string."
NO_INTEGER = "A valid integer is required."

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"

FIELDS = dict.fromkeys(WITH_REFRESH_TOKEN, ("refresh_token", "user_id")) | {
    "createRefreshToken": ("username", "password", "name"),
    "validateAPIAccessToken": ("api_access_token", "user_id"),
}


@pytest.fixture
def refresh(services: Services) -> Issued[RefreshToken]:
    return issue(services, make_user(services))


def test_one_missing_field_is_said_thrice(alation: Alation) -> None:
    answer = alation.post("createRefreshToken", username="anna", password=PASSWORD)
    assert answer.status_code == 400
    assert answer.data == (
        b'{"name":["This field is required."],"detail":{"name":["This field is required."]},'
        b'"code":"400000","message":"name: This field is required.","reason":"bad_request"}\n'
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_missing_field_is_named_in_the_order_of_the_contract(alation: Alation, endpoint: str) -> None:
    fields = {name: [REQUIRED] for name in FIELDS[endpoint]}
    message = "; ".join(f"{name}: {REQUIRED}" for name in fields)
    expected = {**fields, "detail": fields, "code": "400000", "message": message, "reason": "bad_request"}
    for request in ({"json": {}}, {"data": {}}, {}, {"data": b"", "content_type": FORM}):
        answer = alation.send("POST", f"{endpoint}/", **request)
        assert (answer.status_code, answer.get_json()) == (400, expected)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_field_that_is_text_refuses_what_is_none(alation: Alation, endpoint: str) -> None:
    texts = [name for name in FIELDS[endpoint] if name != "user_id"]
    for value, problem in ((None, NULL), (1, NO_STRING), (True, NO_STRING), ([], NO_STRING), ({}, NO_STRING)):
        body = dict.fromkeys(FIELDS[endpoint], "1") | dict.fromkeys(texts, value)
        answer = alation.post(endpoint, **body)
        assert answer.status_code == 400
        assert answer.get_json()["detail"] == {name: [problem] for name in texts}


@pytest.mark.parametrize("endpoint", [*WITH_REFRESH_TOKEN, "validateAPIAccessToken"])
def test_a_user_id_that_is_no_integer_is_refused(alation: Alation, endpoint: str) -> None:
    for value in (
        True, False, 1.0, 1e3, "1.0", "1e3", " 1", "1 ", "1\n", "+1", "0x1", "1_0", "\u0661", "\uff11", "true", "None",
        "", [], [1], {}, 10**18, -(10**18), 10**400, "9" * 19, "9" * 5000,
    ):  # fmt: skip
        answer = alation.post(endpoint, user_id=value, refresh_token="x", api_access_token="x")
        assert (answer.status_code, answer.get_json()["detail"]) == (400, {"user_id": [NO_INTEGER]}), repr(value)
    answer = alation.post(endpoint, user_id=None, refresh_token="x", api_access_token="x")
    assert answer.get_json()["detail"] == {"user_id": [NULL]}


@pytest.mark.parametrize("value", ["1.0", " 1", "1 ", "", "true", "9" * 19])
def test_a_user_id_in_a_form_that_is_no_integer_is_refused(alation: Alation, value: str) -> None:
    for content_type in (FORM, "multipart/form-data"):
        body = {"user_id": value, "refresh_token": "x"}
        answer = alation.send("POST", "validateRefreshToken", data=body, content_type=content_type)
        assert (answer.status_code, answer.get_json()["detail"]) == (400, {"user_id": [NO_INTEGER]})


@pytest.mark.parametrize("value", [0, -1, "-1", 10**18 - 1, "9" * 18])
def test_a_user_id_nobody_has_is_somebody_elses(
    alation: Alation, refresh: Issued[RefreshToken], value: int | str
) -> None:
    answer = alation.post("validateRefreshToken", refresh_token=refresh.secret, user_id=value)
    assert said(answer) == (401, "Refresh token provided is invalid.", "user_id_mismatch")


@pytest.mark.parametrize(
    "name",
    [
        "", " ", " padded", "padded ", "a" * 256, "tab\t", "line\nbreak", "nul\0", "del\x7f", "c1\x85", "ünïcode",
        "zero\u200bwidth", "\u202egnp.exe", "\U0001f511",
    ],
)  # fmt: skip
def test_a_name_that_could_deceive_is_refused_before_the_password_is_looked_at(alation: Alation, name: str) -> None:
    answer = alation.post("createRefreshToken", username="nobody-at-all", password=PASSWORD, name=name)
    assert answer.status_code == 400
    assert answer.get_json() == {
        "name": [NAME_RULE],
        "detail": {"name": [NAME_RULE]},
        "code": "400000",
        "message": f"name: {NAME_RULE}",
        "reason": "bad_request",
    }


@pytest.mark.parametrize("name", ["a", "a" * 255, 'it\'s <b>50 %</b> & "more" \\ {x}'])
def test_a_name_of_printable_ascii_comes_back_as_it_was_sent(alation: Alation, services: Services, name: str) -> None:
    refresh = issue(services, make_user(services), name)
    proof = {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}
    assert alation.post("validateRefreshToken", **proof).get_json()["name"] == name
    sentence = f"Revoked active access tokens for refresh token: '{name}' with id: {refresh.token.id}"
    assert alation.post("revokeAPIAccessTokens", **proof).get_json() == {"detail": sentence}


def nested(depth: int) -> bytes:
    """An object that nests so deep, arrays and objects in turn."""
    inner = "1"
    for level in range(depth - 1):
        inner = f"[{inner}]" if level % 2 else f'{{"a":{inner}}}'
    return f'{{"a":{inner}}}'.encode()


MALFORMED_JSON = {
    "nothing": b"",
    "half": b'{"user_id": 1',
    "text": b"no json",
    "form": b"user_id=1",
    "two objects": b"{} {}",
    "single quotes": b"{'user_id': 1}",
    "comment": b'{"user_id": 1 /* one */}',
    "trailing comma": b'{"user_id": 1,}',
    "NUL": b'{"user_id": 1}\0',
    "raw newline": b'{"user_id": "1\n"}',
    "bad escape": b'{"user_id": "\\x31"}',
    "NaN": b'{"user_id": NaN}',
    "Infinity": b'{"user_id": Infinity}',
    "-Infinity": b'{"a": [-Infinity]}',
    "too large to be a number": b'{"user_id": 1e400}',
    "5,000 digits": b'{"user_id": ' + b"1" * 5000 + b"}",
    "5,000 digits, unknown member": b'{"a": -' + b"1" * 5000 + b"}",
    "leading zero": b'{"user_id": 01}',
    "invalid UTF-8": b'{"refresh_token": "\xff"}',
    "overlong UTF-8": b'{"refresh_token": "\xc0\xaf"}',
    "surrogate in UTF-8": b'{"refresh_token": "\xed\xa0\x80"}',
    "Latin-1": '{"refresh_token": "é"}'.encode("latin-1"),
    "UTF-16": '{"user_id": 1}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"user_id": 1}',
    "array": b"[]",
    "array of objects": b'[{"user_id": 1}]',
    "string": b'"{}"',
    "number": b"1",
    "true": b"true",
    "null": b"null",
    "duplicate": b'{"user_id": 1, "user_id": 1}',
    "duplicate by escape": b'{"user_id": 1, "user\\u005fid": 2}',
    "duplicate inside": b'{"a": {"b": 1, "b": 1}}',
    "lone surrogate": b'{"refresh_token": "\\ud800"}',
    "lone low surrogate, unknown member": b'{"a": ["\\udfff"]}',
    "lone surrogate in a name": b'{"\\ud800": 1}',
    "too deep": nested(DEEPEST_JSON + 1),
    "abyss": b'{"a":' + b"[" * 16000,
}


@pytest.mark.parametrize("case", MALFORMED_JSON)
def test_malformed_json_is_a_400_that_names_no_field(alation: Alation, case: str) -> None:
    for endpoint in ("createRefreshToken", "validateRefreshToken"):
        data = MALFORMED_JSON[case]
        answer = alation.send("POST", endpoint, data=data, content_type="application/json")
        body = answer.get_json()
        assert (answer.status_code, body["reason"]) == (400, "bad_request")
        assert isinstance(body["detail"], str)


def test_json_may_nest_to_the_limit(alation: Alation) -> None:
    answer = alation.send("POST", "validateRefreshToken", data=nested(DEEPEST_JSON), content_type="application/json")
    assert answer.get_json()["detail"] == {"refresh_token": [REQUIRED], "user_id": [REQUIRED]}


def part(disposition: str, value: bytes) -> bytes:
    return b"--b\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + value + b"\r\n"


END = b"--b--\r\n"
MALFORMED_FORMS = {
    "a field twice": b"user_id=1",
    "an unknown field twice": b"a=1&a=2",
    "invalid UTF-8": b"a=%ff",
    "invalid UTF-8 in a name": b"%ff=1",
    "a surrogate": b"a=%ed%a0%80",
    "raw bytes that are not UTF-8": b"a=\xff",
    "99 fields more": b"&".join(b"a%d=" % number for number in range(99)),
}
MALFORMED_PARTS = {
    "a field twice": part('form-data; name="user_id"', b"1") + END,
    "a file of a field's name": part('form-data; name="user_id"; filename="a"', b"1") + END,
    "an unknown field twice": part('form-data; name="a"', b"1") * 2 + END,
    "no name": part("form-data", b"1") + END,
    "an empty name": part('form-data; name=""', b"1") + END,
    "a part that is not UTF-8": part('form-data; name="a"', b"\xff") + END,
    "a name that is not UTF-8": part('form-data; name="~"', b"1").replace(b"~", b"\xff") + END,
    "no headers": b"--b\r\n\r\n1\r\n" + END,
    "no end": b"",
    "another boundary": b"--c--\r\n",
}


@pytest.mark.parametrize("case", MALFORMED_FORMS)
def test_a_form_with_something_malformed_beside_a_good_proof_is_a_400(
    alation: Alation, refresh: Issued[RefreshToken], case: str
) -> None:
    good = urlencode({"refresh_token": refresh.secret, "user_id": refresh.token.user_id}).encode()
    for data in (good + b"&" + MALFORMED_FORMS[case], MALFORMED_FORMS[case] + b"&" + good):
        answer = alation.send("POST", "validateRefreshToken", data=data, content_type=FORM)
        assert said(answer)[::2] == (400, "bad_request")
    assert alation.send("POST", "validateRefreshToken", data=good + b"&a=%c3%a9", content_type=FORM).status_code == 200


@pytest.mark.parametrize("case", MALFORMED_PARTS)
def test_a_malformed_part_beside_a_good_proof_is_a_400(
    alation: Alation, refresh: Issued[RefreshToken], case: str
) -> None:
    good = part('form-data; name="refresh_token"', refresh.secret.encode())
    good += part('form-data; name="user_id"', str(refresh.token.user_id).encode())
    answer = alation.send("POST", "validateRefreshToken", data=good + MALFORMED_PARTS[case], content_type=MULTIPART)
    assert said(answer)[::2] == (400, "bad_request")
    answer = alation.send("POST", "validateRefreshToken", data=good + END, content_type=MULTIPART)
    assert answer.status_code == 200


def test_multipart_without_a_boundary_is_a_400(alation: Alation) -> None:
    data = part('form-data; name="user_id"', b"1") + END
    answer = alation.send("POST", "validateRefreshToken", data=data, content_type="multipart/form-data")
    assert said(answer)[::2] == (400, "bad_request")


def test_a_file_is_no_field(alation: Alation, refresh: Issued[RefreshToken]) -> None:
    data = part('form-data; name="refresh_token"; filename="token.txt"', refresh.secret.encode())
    data += part('form-data; name="user_id"', b"1") + END
    answer = alation.send("POST", "validateRefreshToken", data=data, content_type=MULTIPART)
    assert answer.get_json()["detail"] == {"refresh_token": [REQUIRED]}


@pytest.mark.parametrize(
    "content_type",
    [
        None, "", "text/plain", "text/json", "application/xml", "application/jsonp", "application/json-patch+json",
        "application/vnd.api+json", "multipart/mixed; boundary=b", "application/octet-stream", "json", ";", "*/*",
    ],
)  # fmt: skip
def test_a_body_of_another_kind_is_a_415(
    alation: Alation, refresh: Issued[RefreshToken], content_type: str | None
) -> None:
    body = json.dumps({"refresh_token": refresh.secret, "user_id": refresh.token.user_id})
    answer = alation.send("POST", "validateRefreshToken", data=body, content_type=content_type)
    media_type = (content_type or "").partition(";")[0]
    assert said(answer) == (415, f'Unsupported media type "{media_type}" in request.', "unsupported_media_type")


def padded(body: dict[str, Any], size: int) -> bytes:
    """That body as JSON of exactly `size` bytes."""
    data = json.dumps(body).encode()
    return data[:-1] + b" " * (size - len(data)) + data[-1:]


def test_a_body_of_16_kib_is_read(alation: Alation, refresh: Issued[RefreshToken]) -> None:
    data = padded({"refresh_token": refresh.secret, "user_id": refresh.token.user_id}, LARGEST_BODY)
    answer = alation.send("POST", "validateRefreshToken", data=data, content_type="application/json")
    assert answer.status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", FORM, MULTIPART, "text/plain"])
def test_a_body_of_one_byte_more_is_a_413(alation: Alation, refresh: Issued[RefreshToken], content_type: str) -> None:
    data = padded({"refresh_token": refresh.secret, "user_id": refresh.token.user_id}, LARGEST_BODY + 1)
    answer = alation.send("POST", "validateRefreshToken", data=data, content_type=content_type)
    assert said(answer) == (413, "The request's body is larger than 16 KiB.", "request_entity_too_large")

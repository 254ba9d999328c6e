"""Which requests the Alation-compatible API can read: credentials, bodies, paths, methods."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from app.domain.tokens import Issued, RefreshToken
from app.http.body import DEEPEST_JSON, LARGEST_BODY
from app.services import Services
from tests.contract.asking import (
    ACCESS_INVALID,
    ENDPOINTS,
    NO_CREDENTIALS,
    REFRESH_INVALID,
    WITH_REFRESH_TOKEN,
    Alation,
    hint_of,
    raw_path,
    refusal,
)
from tests.factories import PASSWORD, issue, make_user, mint

REQUIRED = "This field is required."
NULL = "This field may not be null."
NO_STRING = "Not a valid string."
NO_INTEGER = "A valid integer is required."

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"

FIELDS = dict.fromkeys(WITH_REFRESH_TOKEN, ("refresh_token", "user_id")) | {
    "createRefreshToken": ("username", "password", "name"),
    "validateAPIAccessToken": ("api_access_token", "user_id"),
}
NO_INTEGERS = (
    True, 1.0, "1.0", " 1", "1\n", "+1", "0x1", "1_0", "\u0661", "", [1], {}, 10**18, -(10**18), 10**400, "9" * 5000,
)  # fmt: skip


@pytest.fixture(scope="module")
def refresh(services: Services) -> Issued[RefreshToken]:
    return issue(services, make_user(services))


@pytest.fixture
def good(refresh: Issued[RefreshToken]) -> dict[str, Any]:
    """The members of a good request, which nothing here may spoil."""
    return {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}


# Fields


def test_one_missing_field_is_named_three_times(alation: Alation) -> None:
    answer = alation.post("createRefreshToken", username="anna", password=PASSWORD)
    assert answer.status_code == 400
    assert answer.data == (
        b'{"name":["This field is required."],"detail":{"name":["This field is required."]},'
        b'"code":"400000","message":"name: This field is required.","reason":"bad_request"}\n'
    )


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_fields_that_are_missing_or_of_another_type_are_named_in_the_order_of_the_contract(
    alation: Alation, endpoint: str
) -> None:
    fields = {name: [REQUIRED] for name in FIELDS[endpoint]}
    message = "; ".join(f"{name}: {REQUIRED}" for name in fields)
    expected = {**fields, "detail": fields, "code": "400000", "message": message, "reason": "bad_request"}
    for request in ({"json": {}}, {"data": {}}, {}, {"data": b"", "content_type": FORM}):
        answer = alation.send("POST", f"{endpoint}/", **request)
        assert (answer.status_code, answer.get_json()) == (400, expected)
    texts = [name for name in FIELDS[endpoint] if name != "user_id"]
    for value, problem in ((None, NULL), (1, NO_STRING), (True, NO_STRING), ([], NO_STRING), ({}, NO_STRING)):
        body = dict.fromkeys(FIELDS[endpoint], "1") | dict.fromkeys(texts, value)
        answer = alation.post(endpoint, **body)
        assert (answer.status_code, answer.get_json()["detail"]) == (400, {name: [problem] for name in texts})


@pytest.mark.parametrize("endpoint", ["createAPIAccessToken", "validateAPIAccessToken"])
def test_a_user_id_that_is_no_integer_is_refused(alation: Alation, endpoint: str) -> None:
    tokens = {"refresh_token": "x", "api_access_token": "x"}
    for value, problem in ((None, NULL), *((each, NO_INTEGER) for each in NO_INTEGERS)):
        requests: list[dict[str, Any]] = [{"json": {"user_id": value, **tokens}}]
        if isinstance(value, str):
            requests += [{"data": {"user_id": value, **tokens}, "content_type": each} for each in (FORM, MULTIPART)]
        for request in requests:
            answer = alation.send("POST", endpoint, **request)
            assert (answer.status_code, answer.get_json()["detail"]) == (400, {"user_id": [problem]}), repr(value)


def test_a_user_id_may_be_text_and_one_that_nobody_has_is_another_users(
    alation: Alation, services: Services, good: dict[str, Any]
) -> None:
    access = mint(services, issue(services, make_user(services)))
    for endpoint, body in (
        ("validateRefreshToken", good),
        ("validateAPIAccessToken", {"api_access_token": access.secret, "user_id": access.token.user_id}),
    ):
        for spelling in (f"{body['user_id']}", f"00{body['user_id']}"):
            for request in ({"json": body | {"user_id": spelling}}, {"data": body | {"user_id": spelling}}):
                answer = alation.send("POST", endpoint, **request)
                assert (answer.status_code, answer.get_json()["user_id"]) == (200, body["user_id"])
    for value in (0, "-1", 10**18 - 1):
        answer = alation.post("validateRefreshToken", **good | {"user_id": value})
        assert refusal(answer) == (401, REFRESH_INVALID, "user_id_mismatch")


def test_a_name_that_could_deceive_is_refused_before_the_password_is_read(alation: Alation) -> None:
    answer = alation.post("createRefreshToken", username="nobody-at-all", password=PASSWORD, name="gnp\u202e.exe")
    flaw = "A name must not hold a character that changes the direction of writing: character 4 is U+202E."
    assert (answer.status_code, answer.get_json()["detail"]) == (400, {"name": [flaw]})
    assert answer.get_json()["message"] == f"name: {flaw}" and answer.data.isascii()


def test_a_name_of_any_script_is_stored_in_nfc_and_answered(alation: Alation, services: Services) -> None:
    """Fails with the name stored as it came."""
    user = make_user(services, password=PASSWORD)
    for sent, kept in (
        ("U\u0308bernacht-Abgleich", "\u00dcbernacht-Abgleich"), ("夜間バッチ", "夜間バッチ"),
        ("مزامنة ليلية", "مزامنة ليلية"), ("می\u200cروم", "می\u200cروم"), ("👩\u200d💻 builds", "👩\u200d💻 builds"),
        ("\U0001f680" * 255, "\U0001f680" * 255),
    ):  # fmt: skip
        body = {"username": user.username, "password": PASSWORD, "name": sent}
        for request in ({"json": body}, {"data": body}):
            answer = alation.send("POST", "createRefreshToken", **request)
            assert (answer.status_code, answer.get_json()["name"]) == (201, kept)
        revoked = alation.post(
            "revokeAPIAccessTokens", refresh_token=answer.get_json()["refresh_token"], user_id=user.id
        )
        assert revoked.get_json()["detail"].startswith(f"Revoked active access tokens for refresh token: '{kept}' ")


# Bodies


def nested(depth: int) -> bytes:
    """An object that nests so deep, arrays and objects in turn."""
    inner = "1"
    for level in range(depth - 1):
        inner = f"[{inner}]" if level % 2 else f'{{"a":{inner}}}'
    return f'{{"a":{inner}}}'.encode()


MALFORMED_JSON = [
    b"", b'{"user_id": 1', b"user_id=1", b"{} {}", b'{"user_id": 1,}', b'{"user_id": 1}\0', b'{"user_id": "1\n"}',
    b'{"user_id": NaN}', b'{"a": [-Infinity]}', b'{"user_id": 1e400}', b'{"a": -' + b"1" * 5000 + b"}",
    b'{"refresh_token": "\xff"}', b'{"refresh_token": "\xed\xa0\x80"}', '{"user_id": 1}'.encode("utf-16"),
    b'\xef\xbb\xbf{"user_id": 1}', b"[]", b'"{}"', b"1", b"null", b'{"user_id": 1, "user\\u005fid": 2}',
    b'{"a": {"b": 1, "b": 1}}', b'{"a": ["\\udfff"]}', b'{"\\ud800": 1}', nested(DEEPEST_JSON + 1),
    b'{"a":' + b"[" * 16000,
]  # fmt: skip


def test_malformed_json_is_a_400_that_names_no_field(alation: Alation) -> None:
    for data in MALFORMED_JSON:
        answer = alation.send("POST", "validateRefreshToken", data=data, content_type=JSON)
        assert refusal(answer)[::2] == (400, "bad_request"), data
        assert isinstance(answer.get_json()["detail"], str)
    answer = alation.send("POST", "validateRefreshToken", data=nested(DEEPEST_JSON), content_type=JSON)
    assert answer.get_json()["detail"] == {"refresh_token": [REQUIRED], "user_id": [REQUIRED]}


def part(disposition: str, value: bytes) -> bytes:
    return b"--b\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + value + b"\r\n"


END = b"--b--\r\n"
MALFORMED_FORMS = [
    b"user_id=1", b"a=1&a=2", b"a=%ff", b"%ff=1", b"a=%ed%a0%80", b"a=\xff", b"&".join(b"a%d=" % n for n in range(99)),
]  # fmt: skip
MALFORMED_PARTS = [
    part('form-data; name="user_id"', b"1") + END, part('form-data; name="user_id"; filename="a"', b"1") + END,
    part('form-data; name="a"', b"1") * 2 + END, part("form-data", b"1") + END, part('form-data; name=""', b"1") + END,
    part('form-data; name="a"', b"\xff") + END, part('form-data; name="~"', b"1").replace(b"~", b"\xff") + END,
    b"--b\r\n\r\n1\r\n" + END, b"", b"--c--\r\n",
]  # fmt: skip


def test_a_form_with_something_malformed_beside_a_good_proof_is_a_400(alation: Alation, good: dict[str, Any]) -> None:
    form = urlencode(good).encode()
    parts = b"".join(part(f'form-data; name="{name}"', str(value).encode()) for name, value in good.items())
    bad = [(data, FORM) for each in MALFORMED_FORMS for data in (form + b"&" + each, each + b"&" + form)]
    for data, content_type in (*bad, *((parts + each, MULTIPART) for each in MALFORMED_PARTS)):
        answer = alation.send("POST", "validateRefreshToken", data=data, content_type=content_type)
        assert refusal(answer)[::2] == (400, "bad_request"), data.replace(form, b"").replace(parts, b"")
    for data, content_type in ((form + b"&a=%c3%a9", FORM), (parts + END, MULTIPART)):
        answer = alation.send("POST", "validateRefreshToken", data=data, content_type=content_type)
        assert answer.status_code == 200


def test_multipart_without_a_boundary_is_a_400_and_a_file_is_no_field(alation: Alation, good: dict[str, Any]) -> None:
    user_id = part('form-data; name="user_id"', b"1") + END
    answer = alation.send("POST", "validateRefreshToken", data=user_id, content_type="multipart/form-data")
    assert refusal(answer)[::2] == (400, "bad_request")
    file = part('form-data; name="refresh_token"; filename="token.txt"', good["refresh_token"].encode())
    answer = alation.send("POST", "validateRefreshToken", data=file + user_id, content_type=MULTIPART)
    assert answer.get_json()["detail"] == {"refresh_token": [REQUIRED]}


@pytest.mark.parametrize("content_type", ["", "text/json", "application/jsonp", "multipart/mixed; boundary=b", ";"])
def test_a_body_of_another_kind_is_a_415(alation: Alation, good: dict[str, Any], content_type: str) -> None:
    answer = alation.send("POST", "validateRefreshToken", data=json.dumps(good), content_type=content_type or None)
    detail = f'Unsupported media type "{content_type.partition(";")[0]}" in request.'
    assert refusal(answer) == (415, detail, "unsupported_media_type")


def test_a_body_of_16_kib_is_read_and_one_of_a_byte_more_is_a_413(alation: Alation, good: dict[str, Any]) -> None:
    data = json.dumps(good).encode()
    largest = data[:-1] + b" " * (LARGEST_BODY - len(data)) + b"}"
    assert alation.send("POST", "validateRefreshToken", data=largest, content_type=JSON).status_code == 200
    for content_type in (JSON, FORM, MULTIPART, "text/plain"):
        answer = alation.send("POST", "validateRefreshToken", data=largest + b" ", content_type=content_type)
        assert refusal(answer) == (413, "The request's body is larger than 16 KiB.", "request_entity_too_large")


def test_json_is_json_in_utf_8_whatever_charset_is_named(alation: Alation, services: Services) -> None:
    password = f"{PASSWORD}-äöü"
    body = {"username": make_user(services, password=password).username, "password": password, "name": "bi"}
    data = json.dumps(body, ensure_ascii=False).encode()
    for content_type in (f'{JSON}; charset="latin-1"; boundary=x', "Application/JSON; charset=unheard-of"):
        assert alation.send("POST", "createRefreshToken/", data=data, content_type=content_type).status_code == 201
    form = {"data": urlencode(body), "content_type": f"{FORM}; charset=latin-1"}
    assert alation.send("POST", "createRefreshToken/", **form).status_code == 201


# Paths, methods and the query


def test_an_unknown_path_is_a_404_without_a_redirect(alation: Alation) -> None:
    for path in (
        "/integration/v1", "/integration/v1/", "/integration/v2/userinfo/", "/integration/v1/createrefreshtoken/",
        "/integration/v1//userinfo/", "/integration/v1/userinfo//",
        "/integration/v1/../v1/userinfo/", "/integration/v1/userinfo%20", "/integration/v1/%ff",
    ):  # fmt: skip
        for method in ("GET", "POST"):
            assert refusal(alation.send(method, "/", **raw_path(path))) == (404, "Not found.", "not_found"), path


def test_several_slashes_at_the_start_count_as_one(alation: Alation, token: str) -> None:
    """Fails when they are refused, and when they are answered by a redirect."""
    for path in ("//integration/v1/userinfo/", "///integration/v1/userinfo"):
        assert alation.send("GET", "/", headers={"TOKEN": token}, **raw_path(path)).status_code == 200
        assert refusal(alation.send("GET", "/", **raw_path(path))) == MISSING
    assert refusal(alation.send("GET", "/", **raw_path("//integration/v1/nothing"))) == (404, "Not found.", "not_found")


@pytest.mark.parametrize("path", ["createRefreshToken", "validateAPIAccessToken/", "userinfo", "userinfo/"])
def test_another_method_is_a_405_that_names_those_there_are(alation: Alation, path: str) -> None:
    allowed = {"GET", "HEAD"} if "userinfo" in path else {"POST"}
    for method in {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"} - allowed:
        answer = alation.send(method, path)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == allowed
        if method != "HEAD":
            assert refusal(answer) == (405, f'Method "{method}" not allowed.', "method_not_allowed")


def test_raw_bytes_in_the_query_are_a_400(alation: Alation) -> None:
    for method, path in (("POST", "createRefreshToken/"), ("GET", "userinfo/"), ("GET", "nothing")):
        answer = alation.send(method, path, environ_overrides={"QUERY_STRING": "a=\xff"})
        assert refusal(answer) == (400, "The query string holds bytes that are not ASCII.", "bad_request")


INVALID = {"refresh_token": REFRESH_INVALID, "api_access_token": ACCESS_INVALID}
MISSING = (403, NO_CREDENTIALS, "token_missing")
MALFORMED = (403, NO_CREDENTIALS, "token_malformed")


@pytest.fixture(scope="module")
def token(services: Services, refresh: Issued[RefreshToken]) -> str:
    return mint(services, refresh).secret


def test_one_token_counts_in_either_header_and_beside_junk(alation: Alation, token: str) -> None:
    for headers in ({"tOkEn": token}, {"Authorization": f"bEaReR {token}"}):
        assert alation.use(**headers).status_code == 200
    for junk in ("", "Bearer no_token", "Basic bm9ib2R5OnB3", "Bearer \xff\xfe", f"Bearer {token}"):
        assert alation.use(token, Authorization=junk).status_code == 200


@pytest.mark.parametrize("form", ["Bearer {}", "bearer  {}", "Token {}", "{}", "Bearer x, Bearer {}", 'Token t="{}"'])
def test_two_tokens_are_refused_although_both_are_good(
    alation: Alation, services: Services, token: str, refresh: Issued[RefreshToken], form: str
) -> None:
    """◆ Joined by a comma as well, as servers hand over a header that was sent twice.

    Fails when a TOKEN makes Authorization be ignored altogether (tried: all six were answered with 200).
    """
    other = mint(services, issue(services, make_user(services))).secret
    for beside in (other, refresh.secret):
        assert refusal(alation.use(token, Authorization=form.format(beside))) == MALFORMED
    for value in (f"{token},{other}", f"{token}, {other}", f"{token},{token}", f"{token},", f",{token}"):
        assert refusal(alation.use(value)) == MALFORMED
        assert refusal(alation.use(Authorization=f"Bearer {value}")) == (401, *MALFORMED[1:])
    assert refusal(alation.use("no_token", Authorization=f"Bearer {token}")) == MALFORMED
    assert refusal(alation.use("", Authorization=f"Bearer {token}")) == MISSING


def test_a_token_anywhere_else_is_no_credential(alation: Alation, token: str) -> None:
    """Fails when `access_token_text` falls back on the query string or a cookie (tried with `TOKEN` in each)."""
    for form in ("Bearer ", "Basic {}", "Token {}", "{}", "Bearer:{}", "Bearer{}"):
        assert refusal(alation.use(Authorization=form.format(token))) == MISSING
    for name in ("TOKEN", "access_token"):
        assert refusal(alation.send("GET", f"userinfo/?{name}={token}")) == MISSING
        assert refusal(alation.use(Cookie=f"{name}={token}")) == MISSING
        assert refusal(alation.send("GET", "userinfo/", data={name: token})) == MISSING
        assert refusal(alation.send("GET", "userinfo/", json={name: token})) == MISSING
    for name in ("X-Token", "Api-Token", "Proxy-Authorization", "T-OKEN"):
        assert refusal(alation.use(**{name: token})) == MISSING


def edits(token: str) -> list[str]:
    """Other spellings of a good token; more of them: ``tests/unit/domain/test_secrets``."""
    full_width = "".join(chr(ord(character) + 0xFEE0) for character in token)
    return [
        token.upper(), token.swapcase(), f" {token}", f"{token} ", f"\t{token}", f"\ufeff{token}", f'"{token}"',
        f"{token}=", quote(token).replace("_", "%5F"), full_width, token[:-1], token * 2, f"Bearer {token}",
    ]  # fmt: skip


def test_a_token_has_one_spelling_in_a_header_and_in_a_body(
    alation: Alation, token: str, refresh: Issued[RefreshToken]
) -> None:
    """◆ Fails when the verifier strips, folds or unquotes what it was given, or a schema strips text (tried each)."""
    for text in [*edits(token), refresh.secret, refresh.secret.replace("dpr_", "dpa_", 1)]:
        environ = {"HTTP_TOKEN": text.encode().decode("latin-1")}
        assert refusal(alation.send("GET", "userinfo/", environ_overrides=environ)) == MALFORMED, repr(text)
    for endpoint, name, secret in (
        ("validateRefreshToken", "refresh_token", refresh.secret),
        ("validateAPIAccessToken", "api_access_token", token),
    ):
        for text in [*edits(secret), f"{secret}\0", f"{secret}\n", f"{secret}\r\n", f"\n{secret}"]:
            answer = alation.post(endpoint, **{name: text, "user_id": refresh.token.user_id})
            expected = "token_unknown" if hint_of(answer) is None else "token_malformed"
            assert refusal(answer) == (401, INVALID[name], expected), repr(text)
    assert alation.use(token).status_code == 200

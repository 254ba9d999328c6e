"""Which requests the OAuth endpoints can read: RFC 7662 section 2.1 and RFC 7009 section 2.1 (a form), RFC 6749 section
3.2 (parameters once, empty ones count as missing, unknown ones are ignored)."""

import ast
from typing import Any
from urllib.parse import urlencode

import pytest

from app.http.body import LARGEST_BODY
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.contract.asking import INACTIVE, INTROSPECT, REVOKE, Headers, OAuth, raw_path, refusal
from tests.factories import issue, make_user, mint

FORM = "application/x-www-form-urlencoded"
MALFORMED = (400, "invalid_request", "bad_request")

MISSING = "The parameter token is missing."
NO_FORM = f"Send the parameters as {FORM}."
TWICE = "The request's body names a member twice."
NO_UTF_8 = "The request's body is not a valid form in UTF-8."

BAD_BODIES: dict[str, tuple[dict[str, Any], str]] = {
    "no body": ({}, NO_FORM),
    "an empty form": ({"data": b"", "content_type": FORM}, MISSING),
    "an empty token": ({"data": {"token": "", "token_type_hint": "access_token"}}, MISSING),
    "token twice": ({"data": "token={token}&token={token}", "content_type": FORM}, TWICE),
    "hint twice": ({"data": "token={token}&token_type_hint=a&token_type_hint=b", "content_type": FORM}, TWICE),
    "JSON": ({"json": {"token": "{token}"}}, NO_FORM),
    "JSON that claims to be a form": ({"data": '{"token": "{token}"}', "content_type": FORM}, MISSING),
    "a form without a type": ({"data": "token={token}"}, NO_FORM),
    "multipart": ({"data": {"token": "{token}"}, "content_type": "multipart/form-data"}, NO_FORM),
    "bytes that are not UTF-8, encoded": ({"data": "token=%ff%fe", "content_type": FORM}, NO_UTF_8),
    "a lone surrogate, encoded": ({"data": "token=%ed%a0%80", "content_type": FORM}, NO_UTF_8),
}
"""What is sent, and the description."""


@pytest.fixture(scope="module")
def token(services: Services) -> str:
    """A good one; nothing here may revoke it."""
    return mint(services, issue(services, make_user(services))).secret


@pytest.mark.parametrize("how", BAD_BODIES)
def test_a_body_that_cannot_be_read_is_a_400_and_changes_nothing(
    oauth: OAuth, services: Services, database: Database, as_introspector: Headers, token: str, how: str
) -> None:
    body, description = BAD_BODIES[how]
    request = ast.literal_eval(repr(body).replace("{token}", token))
    services.last_use.flush()
    before = rows.everything(database)
    answers = [oauth.send(path, **request) for path in (REVOKE, f"{REVOKE}/")]
    assert oauth.send(INTROSPECT, **request).status_code == 401, "the credential is read first"
    assert rows.everything(database) == before
    for path in (INTROSPECT, f"{INTROSPECT}/", REVOKE):
        answers.append(oauth.send(path, headers=as_introspector, **request))
    for answer in answers:
        assert refusal(answer) == MALFORMED
        assert token not in answer.text
        assert answer.get_json()["error_description"] == description
    assert oauth.introspect(token, headers=as_introspector).data != INACTIVE


@pytest.mark.parametrize("path", [INTROSPECT, f"{REVOKE}/"])
def test_only_post_with_a_body_of_16_kib_at_most_is_read_and_no_query(
    oauth: OAuth, as_introspector: Headers, token: str, path: str
) -> None:
    """RFC 7009 section 2 leaves GET out, lest tokens end up in logs; a token in the query revokes nothing."""
    rest = "x" * (LARGEST_BODY - len(f"token={token}&rest="))
    fits = oauth.send(path, headers=as_introspector, data=f"token=nonsense&rest={rest}", content_type=FORM)
    assert fits.status_code == 200
    answer = oauth.send(path, headers=as_introspector, data=f"token={token}&rest={rest}x", content_type=FORM)
    assert refusal(answer) == (413, "invalid_request", "request_entity_too_large")
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
        answer = oauth.send(f"{path}?token={token}", method, headers=as_introspector)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
        if method != "HEAD":
            assert refusal(answer) == (405, "invalid_request", "method_not_allowed")
    assert refusal(oauth.send(f"{path}?token={token}", headers=as_introspector)) == MALFORMED
    answer = oauth.send(f"{path}?token={token}", headers=as_introspector, data={"token": "nonsense"})
    assert answer.status_code == 200
    raw = {"environ_overrides": {"QUERY_STRING": "a=\xff"}}
    assert refusal(oauth.send(path, headers=as_introspector, **raw)) == MALFORMED
    assert oauth.introspect(token, headers=as_introspector).data != INACTIVE


def test_a_good_request_may_be_written_in_many_ways(oauth: OAuth, as_introspector: Headers, token: str) -> None:
    """With a charset, with unknown parameters, with a token that is percent-encoded needlessly."""
    encoded = "".join(f"%{byte:02x}" for byte in token.encode("ascii"))
    for data, content_type in (
        (f"token={token}", f"{FORM}; charset=UTF-8"),
        (f"token={token}&scope=&client_id=api&a=1", FORM.upper()),
        (f"token={encoded}", FORM),
        (f"token_type_hint=&token={token}&", FORM),
        (urlencode({"token": token, "token_type_hint": "é\U0001f511"}), FORM),
    ):
        for path in (INTROSPECT, f"{INTROSPECT}/"):
            answer = oauth.send(path, headers=as_introspector, data=data, content_type=content_type)
            assert (answer.status_code, answer.get_json().get("active")) == (200, True), data.replace(token, "…")


def test_an_unknown_path_is_a_404(oauth: OAuth, as_introspector: Headers, token: str) -> None:
    for path in (
        "/oauth/",
        "/oauth//introspect",
        "/oauth/Introspect",
        "/oauth/token",
        "/oauth/%ff",
        "/oauth/revoke%20",
    ):
        answer = oauth.send("/", data={"token": token}, headers=as_introspector, **raw_path(path))
        assert refusal(answer) == (404, "invalid_request", "not_found")

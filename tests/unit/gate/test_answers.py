"""What the gate's headers may hold, whatever stands in the database or the query."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain import errors
from app.domain.errors import BadRequest, NotPermitted, Refusal, TokenRefused, Unavailable, every_refusal
from app.domain.identity import Principal, Role
from app.domain.tokens import TokenKind
from app.gate.answers import ANSWERS, IDENTITY, header_value, identity_headers, refusal_answer
from app.gate.conditions import conditions_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)

# RFC 6750, section 3: what may stand in error_description; RFC 9110, section 11.6.1: the parameters.
CHALLENGE = re.compile(
    r'Bearer realm="daypass"(, error="[a-z_]+", error_description="[\x20-\x21\x23-\x5B\x5D-\x7E]*")?'
)

ANY_TEXT = st.text() | st.text("a% \t\r\n\0%2F\x7f\x80\xff\N{SNOWMAN}\N{GRINNING FACE}\"'\\,;")


def principal(**values: Any) -> Principal:
    usual: dict[str, Any] = dict.fromkeys(Principal._fields, "")
    usual |= {"user_id": 7, "username": "anna", "role": Role.VIEWER, "token_id": 3, "token_public_id": "abcdefghijkl"}
    usual |= {"token_kind": TokenKind.ACCESS, "token_expires_at": NOW + SECOND, "checked_at": NOW}
    return Principal(**usual | values)


def is_safe(value: str) -> bool:
    """As a header of HTTP/1.1 may be, and a proxy or a server hands on unchanged (RFC 9110, section 5.5)."""
    return re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?|", value) is not None


@given(ANY_TEXT)
@example(" ")
@example("anna\r\nX-Auth-Role: SERVER_ADMIN")
@example("100%")
@example("%41nna")
def test_any_text_becomes_a_value_that_is_safe_in_a_header_and_reads_back_the_same(text: str) -> None:
    """Fails when the percent sign is not encoded, or spaces at the ends are not."""
    value = header_value(text)
    assert is_safe(value)
    assert unquote(value, errors="strict") == text


def test_plain_text_stands_as_it_is_and_the_rest_is_percent_encoded_as_utf_8() -> None:
    for plain in ("", "anna@example.com", "nightly etl", "a'b\"c\\d", "!#$&()*+,/:;=?@[]^_`{|}~", "x" * 255):
        assert header_value(plain) == plain
    for text, value in (
        ("50 % off", "50 %25 off"), (" mine", "%20mine"), ("m\xf6bius", "m%C3%B6bius"), ("a\r\nb", "a%0D%0Ab"),
        ("\x7f", "%7F"), ("\N{ZERO WIDTH SPACE}a", "%E2%80%8Ba"),
    ):  # fmt: skip
        assert header_value(text) == value


@given(ANY_TEXT, ANY_TEXT)
def test_identity_headers_are_all_there_and_safe_whatever_was_typed_into_a_profile(email: str, name: str) -> None:
    headers = identity_headers(principal(email=email, token_name=name))
    assert tuple(header for header, _ in headers) == IDENTITY
    assert all(is_safe(value) for _, value in headers)


def test_the_seconds_left_are_whole_ones_and_none_are_given_for_a_token_without_end() -> None:
    """Rounded down: a cache that keeps something for so long never keeps it beyond the token's end."""
    for expires_at, seconds in (
        (None, ""), (NOW + 30 * 86400 * SECOND, "2592000"), (NOW + 2 * SECOND - MICROSECOND, "1"),
        (NOW + SECOND, "1"), (NOW + SECOND - MICROSECOND, "0"),
    ):  # fmt: skip
        assert dict(identity_headers(principal(token_expires_at=expires_at)))["X-Auth-Expires-In"] == seconds


def test_every_refusal_that_a_check_can_end_with_has_its_line() -> None:
    """All about tokens but the mismatch with a user id, for which the gate never asks, and a request without a host."""
    about_tokens = {refusal for refusal in every_refusal() if issubclass(refusal, TokenRefused)}
    assert set(ANSWERS) == about_tokens - {errors.UserIdMismatch} | {BadRequest, NotPermitted, Unavailable}


@pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.reason)
@pytest.mark.parametrize("environ", [{}, {"HTTP_TOKEN": "x"}, {"HTTP_AUTHORIZATION": "Bearer x"}], ids=str)
def test_every_refusal_is_a_whole_answer_that_names_nobody(kind: type[Refusal], environ: dict[str, str]) -> None:
    refusal = kind(TokenKind.ACCESS, "abcdefghijkl", NOW) if issubclass(kind, TokenRefused) else kind("Because.")
    status, headers, body = refusal_answer(refusal, environ)
    assert status in ("400 Bad Request", "401 Unauthorized", "403 Forbidden", "503 Service Unavailable")
    names = [name for name, _ in headers]
    assert len(set(names)) == len(names)
    values = dict(headers)
    assert [values[name] for name in IDENTITY] == [""] * len(IDENTITY)
    assert values["X-Auth-Reason"] == refusal.reason
    assert values["Content-Length"] == str(len(body))
    assert ("WWW-Authenticate" in values) is ("HTTP_TOKEN" not in environ and status[:3] in ("401", "403"))
    assert ("Retry-After" in values) is status.startswith("503")
    members = json.loads(body)
    hint = ["hint"] if refusal.hint else []
    exception = [] if "HTTP_TOKEN" in environ else ["exception"]
    assert list(members) == ["detail", "code", "message", "reason", *hint, *exception]
    assert members.get("hint") == refusal.hint
    assert (members["code"], members["reason"]) == (f"{status[:3]}000", refusal.reason)
    assert "{" not in members["detail"] and members["detail"] == members["message"]


@pytest.mark.parametrize("kind", [errors.TokenExpired, errors.TokenRevoked])
def test_a_single_tier_token_is_not_told_to_request_another(kind: type[TokenRefused]) -> None:
    """It has no refresh token to request one with. Fails when the tier is not told apart."""
    for is_single_tier, remedy in (
        (True, "Generate a new one at Preferences > Access Tokens."), (False, "Request a new one."),
    ):  # fmt: skip
        refusal = kind(TokenKind.ACCESS, "abcdefghijkl", NOW, is_single_tier)
        _, headers, body = refusal_answer(refusal, {"HTTP_AUTHORIZATION": "Bearer x"})
        members, challenge = json.loads(body), dict(headers)["WWW-Authenticate"]
        assert members["detail"].endswith(f". {remedy}")
        assert members["exception"]["details"] == members["detail"]
        assert CHALLENGE.fullmatch(challenge) and challenge.endswith(f'{remedy}"')


@given(
    st.text(st.characters(max_codepoint=255))
    | st.lists(st.tuples(st.sampled_from(["role", "kind", "x"]), st.text('",\\\r\n =%a'))).map(
        lambda pairs: "&".join(f"{name}={quote(value)}" for name, value in pairs)
    )
)
@example("role=%22%0D%0ASet-Cookie:%20a")
@example("role=\\%22")
@example("\xff=\xe9&{what}={0}")
@example("a%20b%F0%9F%98%80=%C3%B6")
def test_the_challenge_is_well_formed_whatever_the_query(query: str) -> None:
    """A server hands the query over as latin-1. Fails when quotes are left in the description."""
    try:
        conditions_of(query).refuse_unless_met(principal())
    except NotPermitted as refusal:
        status, headers, body = refusal_answer(refusal, {"HTTP_AUTHORIZATION": "Bearer x"})
        assert status == "403 Forbidden"
        challenge = dict(headers)["WWW-Authenticate"]
        assert CHALLENGE.fullmatch(challenge), challenge
        assert 'error="insufficient_scope"' in challenge
        assert all(is_safe(value) for _, value in headers)
        assert json.loads(body)["detail"] == refusal.what
        assert body.isascii()


def test_the_challenge_names_an_error_only_where_there_was_a_credential() -> None:
    """RFC 6750, section 3.1."""

    def challenge(refusal: TokenRefused, environ: dict[str, str]) -> str:
        return dict(refusal_answer(refusal, environ)[1])["WWW-Authenticate"]

    assert challenge(errors.TokenMissing(TokenKind.ACCESS), {}) == 'Bearer realm="daypass"'
    for kind in (errors.TokenUnknown, errors.TokenMalformed):
        found = challenge(kind(TokenKind.ACCESS), {"HTTP_AUTHORIZATION": "Bearer x"})
        assert CHALLENGE.fullmatch(found)
        assert 'error="invalid_token"' in found and ANSWERS[kind][1] in found


def test_a_known_wait_is_in_retry_after() -> None:
    _, headers, _ = refusal_answer(Unavailable("the database is busy", retry_after=7), {})
    assert dict(headers)["Retry-After"] == "7"

"""Which credential of a request counts on a protected resource: exactly one token, in one of two headers.

Here belongs reading headers, on good tokens. Not here: good credentials in bad states
(``test_alation_refused_tokens``), and two headers of one name on the wire (``tests/functional/test_http_edge``).
"""

import base64
from urllib.parse import quote

import pytest

from app.services import Services
from tests.contract.asking import NO_CREDENTIALS, Alation, said
from tests.factories import issue, make_user, mint

MISSING = (403, NO_CREDENTIALS, "token_missing")
MALFORMED = (403, NO_CREDENTIALS, "token_malformed")


@pytest.fixture
def token(services: Services) -> str:
    return mint(services, issue(services, make_user(services))).secret


@pytest.fixture
def other_token(services: Services) -> str:
    return mint(services, issue(services, make_user(services))).secret


@pytest.mark.parametrize("name", ["TOKEN", "Token", "token", "tOkEn"])
def test_the_token_header_counts_in_any_case(alation: Alation, token: str, name: str) -> None:
    assert alation.use(**{name: token}).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_a_bearer_token_counts_in_any_case(alation: Alation, token: str, scheme: str) -> None:
    assert alation.use(Authorization=f"{scheme} {token}").status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "", "Bearer", "Bearer ", "Bearer no_token", "Bearer null", "Basic bm9ib2R5OnB3", "Token token=abc", "junk",
        "Bearer dpa_short_text", "Bearer \xff\xfe", "Bearer " + "a" * 5000, ", , ,",
    ],
)  # fmt: skip
def test_a_token_header_beats_junk_in_authorization(alation: Alation, token: str, authorization: str) -> None:
    assert alation.use(token, Authorization=authorization).status_code == 200


def test_a_token_header_and_the_same_token_as_bearer_are_one_credential(alation: Alation, token: str) -> None:
    assert alation.use(token, Authorization=f"Bearer {token}").status_code == 200


@pytest.mark.parametrize(
    "form", ["Bearer {}", "bearer  {}", "Token {}", "{}", "Bearer x, Bearer {}", 'Token token="{}"']
)
def test_a_token_header_and_another_token_in_authorization_are_refused(
    alation: Alation, token: str, other_token: str, form: str
) -> None:
    """Fails when a TOKEN makes Authorization be ignored altogether (tried: all six were answered with 200)."""
    assert said(alation.use(token, Authorization=form.format(other_token))) == MALFORMED


def test_a_token_header_and_a_refresh_token_in_authorization_are_refused(alation: Alation, services: Services) -> None:
    refresh = issue(services, make_user(services))
    token = mint(services, refresh).secret
    assert said(alation.use(token, Authorization=f"Bearer {refresh.secret}")) == MALFORMED


def test_a_bad_token_header_is_not_made_good_by_authorization(alation: Alation, token: str) -> None:
    assert said(alation.use("no_token", Authorization=f"Bearer {token}")) == MALFORMED
    assert said(alation.use("", Authorization=f"Bearer {token}")) == MISSING


def test_two_tokens_joined_by_a_comma_are_refused(alation: Alation, token: str, other_token: str) -> None:
    """As servers hand over a header that was sent twice."""
    for value in (f"{token},{other_token}", f"{token}, {other_token}", f"{token},{token}", f"{token},", f",{token}"):
        assert said(alation.use(value)) == MALFORMED
        assert said(alation.use(Authorization=f"Bearer {value}")) == MALFORMED


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic {}", "Token {}", "{}", "Bearer:{}", "Bearer{}"]
)
def test_an_authorization_that_is_not_bearer_is_no_credential(alation: Alation, token: str, authorization: str) -> None:
    assert said(alation.use(Authorization=authorization.format(token))) == MISSING


def test_a_token_in_the_query_a_cookie_a_body_or_another_header_is_no_credential(alation: Alation, token: str) -> None:
    """Fails when `access_token_text` falls back on the query string or a cookie (tried with `TOKEN` in each)."""
    names = ("TOKEN", "token", "access_token", "api_access_token", "Authorization")
    for name in names:
        assert said(alation.send("GET", f"userinfo/?{name}={token}")) == MISSING
        assert said(alation.use(Cookie=f"{name}={token}")) == MISSING
        assert said(alation.send("GET", "userinfo/", data={name: token})) == MISSING
        assert said(alation.send("GET", "userinfo/", json={name: token})) == MISSING
    for name in ("X-Token", "X-TOKEN", "Api-Token", "Proxy-Authorization", "T-OKEN"):
        assert said(alation.use(**{name: token})) == MISSING
    assert said(alation.send("GET", "userinfo/", auth=("token", token))) == MISSING


def test_a_refresh_token_is_no_access_token(alation: Alation, services: Services) -> None:
    refresh = issue(services, make_user(services))
    assert said(alation.use(refresh.secret)) == MALFORMED
    assert said(alation.use(Authorization=f"Bearer {refresh.secret}")) == MALFORMED
    as_access = refresh.secret.replace("dpr_", "dpa_", 1)
    assert said(alation.use(as_access)) == MALFORMED


def full_width(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


def edits(token: str) -> list[str]:
    """Other spellings of a good token: what careless people, proxies and attackers make of it."""
    one_case_flipped = [
        token[:at] + character.swapcase() + token[at + 1 :] for at, character in enumerate(token) if character.isalpha()
    ]
    return [
        *one_case_flipped, token.upper(), token.lower(), token.swapcase(),
        f" {token}", f"{token} ", f"\t{token}", f"{token}\t", f"{token}\0", f"\ufeff{token}", f"{token}\u200b",
        f'"{token}"', f"'{token}'", f"<{token}>", f"{token}=", f"{token}==", f"{token};", f"{token}/", f"{token}.",
        quote(token).replace("_", "%5F"), "".join(f"%{ord(character):02x}" for character in token),
        token.replace("_", "-"), token.replace("_", "\uff3f"), full_width(token[:1]) + token[1:], full_width(token),
        token[:-1], token[1:], token + "0", token * 2, token[:3] + token[4:], token[::-1],
        base64.b64encode(token.encode()).decode(), f"Bearer {token}", f"TOKEN {token}",
    ]  # fmt: skip


def test_a_token_has_one_spelling_in_a_header(alation: Alation, token: str) -> None:
    """Fails when the verifier strips, folds or unquotes what it was given (tried with each, one at a time)."""
    for text in edits(token):
        if "\0" in text:
            continue  # no server hands this over
        environ = {"HTTP_TOKEN": text.encode().decode("latin-1")}
        assert said(alation.send("GET", "userinfo/", environ_overrides=environ)) == MALFORMED, repr(text)
    assert alation.use(token).status_code == 200


def test_a_token_has_one_spelling_in_a_body(alation: Alation, services: Services) -> None:
    """Fails like the one above, and when the dialect's schemas strip text."""
    user = make_user(services)
    refresh = issue(services, user)
    access = mint(services, refresh)
    for text in [*edits(refresh.secret), f"{refresh.secret}\n", f"{refresh.secret}\r\n", f"\n{refresh.secret}"]:
        answer = alation.post("validateRefreshToken", refresh_token=text, user_id=user.id)
        assert said(answer)[::2] == (401, "token_unknown"), repr(text)
    for text in [*edits(access.secret), f"{access.secret}\n", f"{access.secret}\r\n", f"\n{access.secret}"]:
        answer = alation.post("validateAPIAccessToken", api_access_token=text, user_id=user.id)
        assert said(answer)[::2] == (401, "token_unknown"), repr(text)

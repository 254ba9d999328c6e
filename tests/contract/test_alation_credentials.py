"""Which credential of a request counts on a protected resource: exactly one token, in one of two headers."""

import base64
from urllib.parse import quote

import pytest

from app.domain.tokens import Issued, RefreshToken
from app.services import Services
from tests.contract.asking import NO_CREDENTIALS, Alation, refusal
from tests.factories import issue, make_user, mint

MISSING = (403, NO_CREDENTIALS, "token_missing")
MALFORMED = (403, NO_CREDENTIALS, "token_malformed")


@pytest.fixture(scope="module")
def refresh(services: Services) -> Issued[RefreshToken]:
    return issue(services, make_user(services))


@pytest.fixture(scope="module")
def token(services: Services, refresh: Issued[RefreshToken]) -> str:
    return mint(services, refresh).secret


@pytest.fixture(scope="module")
def other_token(services: Services) -> str:
    return mint(services, issue(services, make_user(services))).secret


def test_a_token_counts_in_either_header_in_any_letter_case(alation: Alation, token: str) -> None:
    for name in ("TOKEN", "Token", "token", "tOkEn"):
        assert alation.use(**{name: token}).status_code == 200
    for scheme in ("Bearer", "bearer", "BEARER", "bEaReR"):
        assert alation.use(Authorization=f"{scheme} {token}").status_code == 200
    assert alation.use(token, Authorization=f"Bearer {token}").status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "", "Bearer", "Bearer no_token", "Bearer null", "Basic bm9ib2R5OnB3", "Token token=abc", "junk",
        "Bearer dpa_short_text", "Bearer \xff\xfe", "Bearer " + "a" * 5000, ", , ,",
    ],
)  # fmt: skip
def test_a_token_header_counts_beside_junk_in_authorization(alation: Alation, token: str, authorization: str) -> None:
    assert alation.use(token, Authorization=authorization).status_code == 200


@pytest.mark.parametrize(
    "form", ["Bearer {}", "bearer  {}", "Token {}", "{}", "Bearer x, Bearer {}", 'Token token="{}"']
)
def test_a_token_header_and_another_token_in_authorization_are_refused(
    alation: Alation, token: str, other_token: str, refresh: Issued[RefreshToken], form: str
) -> None:
    """Fails when a TOKEN makes Authorization be ignored altogether (tried: all six were answered with 200)."""
    for other in (other_token, refresh.secret):
        assert refusal(alation.use(token, Authorization=form.format(other))) == MALFORMED


def test_a_bad_token_header_is_not_made_good_by_authorization(alation: Alation, token: str) -> None:
    assert refusal(alation.use("no_token", Authorization=f"Bearer {token}")) == MALFORMED
    assert refusal(alation.use("", Authorization=f"Bearer {token}")) == MISSING


def test_two_tokens_joined_by_a_comma_are_refused(alation: Alation, token: str, other_token: str) -> None:
    """As servers hand over a header that was sent twice."""
    for value in (f"{token},{other_token}", f"{token}, {other_token}", f"{token},{token}", f"{token},", f",{token}"):
        assert refusal(alation.use(value)) == MALFORMED
        assert refusal(alation.use(Authorization=f"Bearer {value}")) == MALFORMED


def test_a_token_anywhere_else_is_no_credential(alation: Alation, token: str) -> None:
    """Fails when `access_token_text` falls back on the query string or a cookie (tried with `TOKEN` in each)."""
    for form in ("", "Bearer", "Bearer ", "Basic {}", "Token {}", "{}", "Bearer:{}", "Bearer{}"):
        assert refusal(alation.use(Authorization=form.format(token))) == MISSING
    for name in ("TOKEN", "token", "access_token", "api_access_token", "Authorization"):
        assert refusal(alation.send("GET", f"userinfo/?{name}={token}")) == MISSING
        assert refusal(alation.use(Cookie=f"{name}={token}")) == MISSING
        assert refusal(alation.send("GET", "userinfo/", data={name: token})) == MISSING
        assert refusal(alation.send("GET", "userinfo/", json={name: token})) == MISSING
    for name in ("X-Token", "X-TOKEN", "Api-Token", "Proxy-Authorization", "T-OKEN"):
        assert refusal(alation.use(**{name: token})) == MISSING
    assert refusal(alation.send("GET", "userinfo/", auth=("token", token))) == MISSING


def full_width(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


def edits(token: str) -> list[str]:
    """Other spellings of a good token: what careless people, proxies and attackers make of it."""
    one_case_flipped = [
        token[:at] + character.swapcase() + token[at + 1 :] for at, character in enumerate(token) if character.isalpha()
    ]
    return [
        *one_case_flipped, token.upper(), token.lower(), token.swapcase(),
        f" {token}", f"{token} ", f"\t{token}", f"{token}\t", f"\ufeff{token}", f"{token}\u200b",
        f'"{token}"', f"'{token}'", f"<{token}>", f"{token}=", f"{token}==", f"{token};", f"{token}/", f"{token}.",
        quote(token).replace("_", "%5F"), "".join(f"%{ord(character):02x}" for character in token),
        token.replace("_", "-"), token.replace("_", "\uff3f"), full_width(token[:1]) + token[1:], full_width(token),
        token[:-1], token[1:], token + "0", token * 2, token[:3] + token[4:], token[::-1],
        base64.b64encode(token.encode()).decode(), f"Bearer {token}", f"TOKEN {token}",
    ]  # fmt: skip


def test_a_token_has_one_spelling_in_a_header(alation: Alation, token: str, refresh: Issued[RefreshToken]) -> None:
    """◆ Fails when the verifier strips, folds or unquotes what it was given (tried with each, one at a time)."""
    for text in [*edits(token), refresh.secret, refresh.secret.replace("dpr_", "dpa_", 1)]:
        environ = {"HTTP_TOKEN": text.encode().decode("latin-1")}
        assert refusal(alation.send("GET", "userinfo/", environ_overrides=environ)) == MALFORMED, repr(text)
    assert alation.use(token).status_code == 200


def test_a_token_has_one_spelling_in_a_body(
    alation: Alation, services: Services, token: str, refresh: Issued[RefreshToken]
) -> None:
    """◆ Fails like the one above, and when the dialect's schemas strip text."""
    for endpoint, name, secret in (
        ("validateRefreshToken", "refresh_token", refresh.secret),
        ("validateAPIAccessToken", "api_access_token", token),
    ):
        for text in [*edits(secret), f"{secret}\0", f"{secret}\n", f"{secret}\r\n", f"\n{secret}"]:
            answer = alation.post(endpoint, **{name: text, "user_id": refresh.token.user_id})
            assert refusal(answer)[::2] == (401, "token_unknown"), repr(text)

"""Which credential of a request counts on a protected resource: exactly one token, in one of two headers."""

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
        assert refusal(alation.use(value)) == refusal(alation.use(Authorization=f"Bearer {value}")) == MALFORMED
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
            assert refusal(answer)[::2] == (401, "token_unknown"), repr(text)
    assert alation.use(token).status_code == 200

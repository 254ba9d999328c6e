"""Which credential a request carries: :mod:`app.http.credentials`, pure functions of the headers."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadCredentials, TokenMalformed, TokenMissing
from app.domain.secrets import TokenFormat, new_token_text
from app.domain.tokens import TokenKind
from app.http.credentials import access_token_text, basic_credentials

FORMAT = TokenFormat(("dp",))


def new_text(kind: TokenKind = TokenKind.ACCESS, prefix: str = "dp") -> str:
    return TokenFormat((prefix,)).compose(new_token_text(kind))


def read(token: str | None = None, authorization: str | None = None, **environ: str) -> str:
    headers = {"HTTP_TOKEN": token, "HTTP_AUTHORIZATION": authorization}
    return access_token_text(environ | {name: value for name, value in headers.items() if value is not None})


def test_the_token_header_is_taken_as_it_stands_and_a_bearer_credential_where_there_is_none() -> None:
    assert read(" any text, whatever ") == " any text, whatever "
    assert read(authorization="Bearer abc") == "abc"
    assert read(authorization="BEARER abc def") == "abc def"


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic abc", "abc", " Bearer abc"])
def test_without_a_credential_it_is_missing(authorization: str | None) -> None:
    """And nothing else is looked at: no query, cookie, path or other header."""
    text = new_text()
    elsewhere = dict.fromkeys(("PATH_INFO", "HTTP_X_TOKEN"), text)
    elsewhere |= dict.fromkeys(("QUERY_STRING", "HTTP_COOKIE"), f"TOKEN={text}")
    with pytest.raises(TokenMissing):
        read(authorization=authorization, **elsewhere)
    with pytest.raises(TokenMissing):  # an empty TOKEN is a missing one, whatever stands beside it
        read("", authorization or f"Bearer {text}")


@pytest.mark.parametrize(
    "other",
    [new_text(), new_text(TokenKind.REFRESH), new_text(prefix="acme")],
    ids=["access", "refresh", "another prefix"],
)
def test_another_token_beside_the_token_header_is_one_too_many(other: str) -> None:
    """Of any prefix: an instance that changed its own has tokens of both."""
    with pytest.raises(TokenMalformed):
        read(new_text(), f"Bearer {other}")
    with pytest.raises(TokenMalformed):
        read("no_token", f"Bearer {other}")


def test_text_that_is_almost_a_token_is_junk_and_the_same_token_is_one_credential() -> None:
    text = new_text()
    for beside in (text, new_text()[:-1], new_text() + "0", new_text().upper(), new_text().replace("_", "-")):
        assert read(text, f"Bearer {beside}") == text


@given(st.text(), st.text())
def test_junk_in_authorization_never_matters_beside_a_token(authorization: str, scheme: str) -> None:
    text = new_text()
    assert read(text, authorization) == text
    assert read(text, f"{scheme} {authorization}") == text


def encoded(pair: str | bytes) -> str:
    raw = pair if isinstance(pair, bytes) else pair.encode("utf-8")
    return base64.b64encode(raw).decode("ascii")


def test_the_examples_of_the_standards_are_read_and_other_schemes_are_none() -> None:
    """RFC 7617, sections 2 and 2.1 (the second is in UTF-8); RFC 9110, sections 11.1 and 11.4: case and spaces."""
    assert basic_credentials("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==") == ("Aladdin", "open sesame")
    assert basic_credentials("Basic dGVzdDoxMjPCow==") == ("test", "123\u00a3")
    for scheme in ("Basic ", "basic ", "BASIC ", "bAsIc  "):
        assert basic_credentials(f"{scheme}{encoded('anna:x')}") == ("anna", "x")
    for other in ("", "Bearer abc", "Digest a=b", "Basically abc", "basic:abc", " Basic YTpi"):
        assert basic_credentials(other) is None


@given(st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"])), st.text())
def test_the_first_colon_ends_the_user_name(username: str, password: str) -> None:
    try:
        header = f"Basic {encoded(f'{username}:{password}')}"
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    assert basic_credentials(header) == (username, password)


@pytest.mark.parametrize(
    "credentials",
    [
        "", " ", "!", "====", "YQ", "YTpi YTpi", "YTpi,Basic YTpi", "YT\u00e4", encoded("no colon"), encoded(b""),
        encoded(b"anna:\xff"), encoded(b"\xff:x"), encoded(b"a:\xed\xa0\x80"), "YW5uYTp_Pz8-", "anna:x",
    ],
    ids=ascii,
)  # fmt: skip
def test_a_malformed_basic_credential_is_a_bad_one(credentials: str) -> None:
    """Not a missing one: the caller meant to authenticate."""
    for header in (f"Basic {credentials}", f"basic {credentials}", "Basic"):
        with pytest.raises(BadCredentials):
            basic_credentials(header)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for header in (text, f"Basic {text}"):
        with suppress(BadCredentials):
            basic_credentials(header)

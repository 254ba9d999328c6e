"""User names made of what providers say."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.identity import canonical_username
from app.domain.provided_names import FALLBACK, RESERVED, candidates, username_from
from app.domain.secrets import TokenFormat, new_token_text
from app.domain.tokens import TokenKind


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        (("Anna.Smith",), "anna.smith"),
        (("anna@example.com",), "anna@example.com"),
        (("Ännchen Müller",), "annchen-muller"),
        (("Łukasz Straße",), "lukasz-strasse"),
        (("CORP\\anna",), "corp-anna"),
        (("-anna-",), "anna"),
        (("安娜", "anna"), "anna"),
        (("安娜", ""), FALLBACK),
        (("", "@"), FALLBACK),
        (("\u2167",), "viii"),
        (("a" * 200,), "a" * 150),
    ],
)
def test_a_claim_becomes_a_canonical_name(claims: tuple[str, ...], name: str) -> None:
    assert username_from(*claims) == name


def test_the_text_of_a_token_becomes_no_name() -> None:
    secret = TokenFormat(("dp",)).compose(new_token_text(TokenKind.REFRESH))
    assert username_from(secret, "anna") == "anna"
    assert username_from(f"x{secret}", secret) == FALLBACK


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_a_provider_says_gives_names_that_are_accepted(username: str, email: str) -> None:
    """Fails when one is empty, too long, reserved, or the same as the one before."""
    names = list(islice(candidates(username_from(username, email)), 120))
    assert all(canonical_username(name) == name for name in names)
    assert len(set(names)) == len(names)
    assert not RESERVED & set(names)


def test_others_like_it_are_numbered() -> None:
    assert list(islice(candidates("anna"), 3)) == ["anna", "anna-2", "anna-3"]
    assert next(candidates("admin")) == "admin-2"
    assert [len(name) for name in islice(candidates("a" * 150), 2)] == [150, 150]

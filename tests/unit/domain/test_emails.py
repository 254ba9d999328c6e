"""E-mail addresses: which are accepted, and the one spelling in which they are looked up."""

import pytest

from app.domain.emails import LONGEST, RULE, canonical_email, normal_email
from app.domain.errors import BadRequest

ACCEPTED = {
    "anna@example.org": "anna@example.org",
    "Anna.B+etl@Example.ORG": "anna.b+etl@example.org",
    "ZOË@example.org": "zoë@example.org",
    "Zoe\u0308@example.org": "zoë@example.org",
    "अन्ना@उदाहरण.भारत": "अन्ना@उदाहरण.भारत",
    "נועה@example.org": "נועה@example.org",
    "root@localhost": "root@localhost",
    "o!#$%&*/=?^_|~-@example.org": "o!#$%&*/=?^_|~-@example.org",
    "\u212a@example.org": "k@example.org",
}
REFUSED = (
    "anna", "@example.org", "anna@", "anna@b@example.org", "an na@example.org", " anna@example.org",
    "anna@example.org ", "Anna <anna@example.org>", "<anna@example.org>", '"anna"@example.org', "a,b@example.org",
    "a;b@example.org", "mailto:anna@example.org", "anna@example.org/x", "an\\na@example.org", "anna(x)@example.org",
    "an\u200cna@example.org", "an\u00a0na@example.org", "a" * (LONGEST - 11) + "@example.org",
    "an\0na@example.org", "an\nna@example.org", "\u202eanna@example.org", "an\u200bna@example.org",
    "\ud800@example.org",
)  # fmt: skip


@pytest.mark.parametrize("text", list(ACCEPTED))
def test_an_address_is_kept_as_written_and_looked_up_in_one_spelling(text: str) -> None:
    kept = normal_email(text)
    assert kept.lower() == ACCEPTED[text].lower() and canonical_email(kept) == ACCEPTED[text]
    assert canonical_email(text.upper()) in (ACCEPTED[text], canonical_email(normal_email(text.upper())))


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_address_is_refused_and_never_looked_up(text: str) -> None:
    assert canonical_email(text) is None
    with pytest.raises(BadRequest) as refused:
        normal_email(text)
    assert list(refused.value.fields) == ["email"] and text.strip("\0\n") not in RULE


def test_no_address_is_one_too() -> None:
    assert normal_email("") == "" and canonical_email("") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("strasse@example.org", "straße@example.org"),
        ("anna.b@example.org", "annab@example.org"),
        ("anna@example.org", "anna+etl@example.org"),
        ("anna@example.org", "аnna@example.org"),  # noqa: RUF001  (a Cyrillic letter)
        ("ilona@example.org", "ılona@example.org"),  # noqa: RUF001  (without a dot)
        ("silke@example.org", "ſilke@example.org"),  # noqa: RUF001  (a long s)
        ("fi@example.org", "ﬁ@example.org"),
        ("anna@example.org", "ａnna@example.org"),  # noqa: RUF001  (full width)
    ],
)
def test_addresses_that_differ_are_not_made_one(one: str, other: str) -> None:
    """◆ Fails with case folding or NFKC: who registers one of them would be found by the other."""
    assert canonical_email(one) != canonical_email(other)
    assert canonical_email(one.upper()) != canonical_email(other)

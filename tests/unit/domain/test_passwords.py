"""The rules for new passwords that need no list."""

import pytest

from app.domain.passwords import LONGEST_BYTES, SHORTEST, mistake_in

NAMES = ("anna.lee", "a.lee@example.com", "Änne", "Lee")
FINE = "wolke-treppe-mai"


def test_a_password_has_at_least_12_characters_and_at_most_1024_bytes() -> None:
    """◆ Fails when bytes are counted for the shortest, or characters for the longest."""
    for good in (FINE, "wolke-treppe", "ü" * 12, "\ud800" * 12, " " * 12, "x" * LONGEST_BYTES, "ü" * 512):
        assert mistake_in(good, NAMES) is None, good
    for short in ("", "wolke-trepp", "ü" * 11):
        assert f"at least {SHORTEST} characters" in (mistake_in(short, NAMES) or "")
    for long in ("x" * (LONGEST_BYTES + 1), "ü" * 513):
        assert "at most 1,024 bytes" in (mistake_in(long, NAMES) or "")
    assert "NUL" in (mistake_in(f"{FINE}\0", NAMES) or "")


@pytest.mark.parametrize(
    "password",
    [
        "xx anna.lee xx",
        "ANNALEE-1234",
        "4nn4_1ee-4nn4",
        "my-ä.Le.e-word",
        "anne-und-wolke",
        "\uff21\uff2e\uff2e\uff25-und-wolke",
    ],
)
def test_a_password_does_not_hold_its_users_name_however_it_is_written(password: str) -> None:
    """◆ User name, local part of the email, names: without case, accents, width, signs between and look-alikes."""
    assert "user's name" in (mistake_in(password, NAMES) or "")
    assert mistake_in(password, ("carl",)) is None


def test_a_password_does_not_hold_the_products_name_and_a_short_name_is_not_looked_for() -> None:
    for password in ("daypass-wolke", "D4y P@$$ wolke", "wolkeDAYPASSwolke"):
        assert "product" in (mistake_in(password, NAMES) or "")
    assert mistake_in("the-fleece-of-a-lamb", ("lee", "", "@example.com")) is None

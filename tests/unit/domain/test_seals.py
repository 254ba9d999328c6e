"""Seals: ours and nobody else's, of these texts and no others."""

import re

from app.domain.seals import Seal

KEY = b"k" * 32


def test_a_seal_fits_what_was_sealed_with_its_key_and_purpose_and_nothing_else() -> None:
    seal = Seal(KEY, "tests")
    made = seal.of("a", "b")
    assert re.fullmatch("[0-9a-f]{64}", made)
    assert seal.fits(made, "a", "b")
    for parts in (("b", "a"), ("ab",), ("a", "b", ""), ("a",), ("", "ab"), ("1:a|1:b",)):
        assert not seal.fits(made, *parts)
    for other in ("", "x", "ü", made[:-1], made.upper()):
        assert not seal.fits(other, "a", "b")
    seals = {Seal(key, purpose).of("a") for key in (KEY, b"other" * 8) for purpose in ("one", "two")}
    assert len(seals) == 4

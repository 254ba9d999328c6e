"""Token text and digests: one spelling each, two tiers that can't be exchanged, nothing that shows a secret."""

import hmac
import re
import string
import zlib
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from app.domain.secrets import KeyRing, Mac, TokenFormat, TokenText, encode_secret, new_token_text
from app.domain.tokens import TokenKind

FORMAT = TokenFormat(("dp",))
RING = KeyRing({"k1": b"1" * 32})
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase

kinds = st.sampled_from(TokenKind)
public_ids = st.text(string.ascii_lowercase + string.digits, min_size=12, max_size=12)
secret_texts = st.binary(min_size=32, max_size=32).map(encode_secret)
tokens = st.builds(TokenText, kinds, public_ids, secret_texts)


def does_not_authenticate(token: TokenText, text: str) -> bool:
    """Whether `text` is refused where `token` is what is stored: by its form, or by the digest."""
    mac, parsed = RING.sign(token), FORMAT.parse(text)
    return parsed is None or parsed.kind is not token.kind or not RING.verifies(parsed, mac.key_id, mac.digest)


def checksummed(body: str) -> str:
    """What somebody writes who knows how the text is made: any body with the right checksum."""
    number, digits = zlib.crc32(body.encode("ascii")), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = DIGITS[digit] + digits
    return body + digits


@given(st.lists(st.sampled_from(["dp", "dpr", "dpa", "r", "a", "acmecorporat"]), min_size=1, max_size=5), tokens)
def test_a_token_text_is_read_back_as_it_was_written(words: list[str], token: TokenText) -> None:
    """Under any of the prefixes, also where one begins or ends as another does."""
    format = TokenFormat(tuple(words))
    assert all(format.parse(TokenFormat((word,)).compose(token)) == token for word in words)


@given(tokens)
def test_a_token_text_looks_as_it_is_documented(token: TokenText) -> None:
    text = FORMAT.compose(token)
    assert re.fullmatch(r"dp[ra]_[a-z0-9]{12}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}", text)
    assert text == checksummed(f"dp{token.kind.letter}_{token.public_id}_{token.secret}")


@given(st.binary(min_size=32, max_size=32))
@example(b"\0" * 32)
@example(b"\xff" * 32)
def test_256_bits_become_43_characters_and_none_is_lost(raw: bytes) -> None:
    text = encode_secret(raw)
    assert re.fullmatch(r"[0-9A-Za-z]{43}", text)
    number = 0
    for character in text:
        number = number * 62 + DIGITS.index(character)
    assert number.to_bytes(32, "big") == raw


@pytest.mark.parametrize("kind", TokenKind)
def test_every_new_token_has_a_public_id_and_a_secret_of_its_own(kind: TokenKind) -> None:
    made = [new_token_text(kind) for _ in range(500)]
    assert len({token.public_id for token in made}) == len({token.secret for token in made}) == 500
    assert all(FORMAT.parse(FORMAT.compose(token)) == token for token in made)
    # Every letter and digit turns up in the public ids: 6,000 draws from 36.
    assert {character for token in made for character in token.public_id} == set(string.ascii_lowercase + string.digits)


@given(tokens, st.data())
def test_a_wrong_character_or_two_swapped_are_refused_by_the_checksum(token: TokenText, data: st.DataObject) -> None:
    """Fails when `parse` does not compare the checksum."""
    text = FORMAT.compose(token)
    place = data.draw(st.integers(0, len(text) - 1))
    wrong = data.draw(st.characters() | st.sampled_from(DIGITS + "_"))
    assume(wrong != text[place])
    assert FORMAT.parse(text[:place] + wrong + text[place + 1 :]) is None
    swapped = text[:place] + text[place : place + 2][::-1] + text[place + 2 :]
    assert swapped == text or FORMAT.parse(swapped) is None


AROUND_IT = (
    ("", "\n"), ("", "\r\n"), ("\n", ""), ("", " "), (" ", ""), ("\t", "\t"), ("", "\u00a0"), ("", "\u200b"),
    ("\ufeff", ""), ("", "\0"), ("", "=="), ('"', '"'), ("<", ">"), ("Bearer ", ""),
)  # fmt: skip
REWRITINGS = {
    **{f"between {pair}": lambda text, pair=pair: text.join(pair) for pair in AROUND_IT},
    **{change.__name__: change for change in (str.upper, str.lower, str.swapcase, str.capitalize)},
    "full width": lambda text: "".join(chr(ord(character) + 0xFEE0) for character in text),
    "full-width digits": lambda text: re.sub("[0-9]", lambda found: chr(ord(found[0]) + 0xFEE0), text),
    "full-width low lines": lambda text: text.replace("_", "\uff3f"),
    "percent-encoded low lines": lambda text: text.replace("_", "%5F"),
    "percent-encoded": lambda text: "".join(f"%{ord(character):02x}" for character in text),
    "quoted for an address": lambda text: quote(text + " "),
    "twice": lambda text: text + text,
    "twice, with a comma": lambda text: f"{text},{text}",
    "a later half": lambda text: text[2:],
    "nothing": lambda text: "",
}


@pytest.mark.parametrize("rewriting", REWRITINGS.values(), ids=map(ascii, REWRITINGS))
@settings(max_examples=20)
@given(token=tokens)
def test_another_spelling_of_a_token_is_refused(rewriting: Callable[[str], str], token: TokenText) -> None:
    """Fails when `parse` strips the text first, folds its case, or matches in any case."""
    text = FORMAT.compose(token)
    assume(rewriting(text) != text)
    assert does_not_authenticate(token, rewriting(text))


@given(tokens, st.data())
def test_any_chain_of_edits_of_a_token_is_refused(token: TokenText, data: st.DataObject) -> None:
    text = edited = FORMAT.compose(token)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(edited)))
        end = data.draw(st.integers(start, min(len(edited), start + 6)))
        part = data.draw(st.text(max_size=3) | st.just(edited[start:end].swapcase()))
        edited = edited[:start] + part + edited[end:]
    assume(edited != text)
    assert does_not_authenticate(token, edited)


@given(tokens, st.data())
def test_an_edit_with_a_repaired_checksum_is_refused_by_the_digest(token: TokenText, data: st.DataObject) -> None:
    """The checksum is no secret: anybody can make it fit. Fails when the digest is not of all parts."""
    field = data.draw(st.sampled_from(["public_id", "secret"]))
    part = getattr(token, field)
    place = data.draw(st.integers(0, len(part) - 1))
    wrong = data.draw(st.sampled_from(DIGITS if field == "secret" else string.ascii_lowercase + string.digits))
    assume(wrong != part[place])
    edited = replace(token, **{field: part[:place] + wrong + part[place + 1 :]})
    text = checksummed(f"dp{edited.kind.letter}_{edited.public_id}_{edited.secret}")
    assert FORMAT.parse(text) == edited
    assert does_not_authenticate(token, text)


@given(tokens)
def test_the_first_prefix_is_issued_all_are_accepted_and_those_of_other_instances_refused(token: TokenText) -> None:
    before, after = TokenFormat(("old",)), TokenFormat(("new", "old"))
    assert after.compose(token).startswith(f"new{token.kind.letter}_")
    assert after.parse(after.compose(token)) == after.parse(before.compose(token)) == token
    for other in ("xdp", "dpx", "d", "p", "DP", ""):
        letter = token.kind.letter
        assert FORMAT.parse(checksummed(f"{other}{letter}_{token.public_id}_{token.secret}")) is None


@given(tokens, st.binary(min_size=32, max_size=200))
def test_a_digest_is_what_is_documented(token: TokenText, key: bytes) -> None:
    """Stored digests must be readable by every later release: this is the form they have."""
    kind = "refresh" if token.kind is TokenKind.REFRESH else "access"
    message = f"v1|{kind}|{token.public_id}|{token.secret}".encode()
    assert KeyRing({"k1": key}).sign(token) == Mac("k1", hmac.new(key, message, "sha256").digest())


@given(tokens)
def test_the_first_key_signs_and_all_verify(token: TokenText) -> None:
    old, new = b"o" * 32, b"n" * 32
    before, after = KeyRing({"k1": old}), KeyRing({"k2": new, "k1": old})
    assert after.current == "k2" and after.ids == ("k2", "k1")
    assert after.sign(token).key_id == "k2"
    for mac in (before.sign(token), after.sign(token)):
        assert after.verifies(token, mac.key_id, mac.digest)


@given(tokens, tokens, public_ids)
def test_a_digest_verifies_its_own_secret_under_its_own_public_id_and_key_only(
    token: TokenText, other: TokenText, public_id: str
) -> None:
    """Fails when the kind, the public id or the secret is left out of what is digested."""
    assume(token != other and public_id != token.public_id)
    ring = KeyRing({"k1": b"1" * 32, "k2": b"2" * 32})
    mac = ring.sign(token)
    moved = token.with_public_id(public_id)
    assert moved == TokenText(token.kind, public_id, token.secret)
    assert ring.verifies(token, "k1", mac.digest)
    for wrong in (other, moved, *(replace(token, kind=kind) for kind in TokenKind if kind is not token.kind)):
        assert not ring.verifies(wrong, "k1", mac.digest)
    for key_id, digest in (("k1", mac.digest[:-1]), ("k1", b""), ("k2", mac.digest)):
        assert not ring.verifies(token, key_id, digest)


@given(tokens, st.sampled_from([b"", b"\0" * 32, b"k9", b"1" * 32]))
def test_a_digest_under_an_unknown_key_id_never_verifies(token: TokenText, guessed: bytes) -> None:
    """A row planted without the keys. Fails when an unknown key id falls back to an empty key, or the first."""
    planted = KeyRing({"k9": guessed}).sign(token)
    for key_id in ("k9", "", "K1", "k1 ", "None"):
        assert not RING.verifies(token, key_id, planted.digest)


def test_a_ring_keeps_its_keys_and_shares_none_for_unknown_ids() -> None:
    """What stands in for an unknown key is drawn anew by each process, so that nobody can plant for it."""
    keys = {"k1": b"1" * 32}
    first, second = KeyRing(keys), KeyRing(keys)
    keys["k2"] = b"2" * 32
    assert first.ids == ("k1",)
    assert first._unknown_key != second._unknown_key


@given(tokens)
def test_no_repr_holds_a_secret(token: TokenText) -> None:
    ring = KeyRing({"k1": token.secret.encode()})
    mac = ring.sign(token)
    shown = f"{token!r} {token} {mac!r} {mac} {ring!r} {ring} {FORMAT!r} {[token, mac]}"
    assert token.public_id in shown and "k1" in shown
    assert token.secret not in shown
    assert repr(mac.digest) not in shown and mac.digest.hex() not in shown

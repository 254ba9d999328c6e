"""Masking: no spelling of a secret stays in a text, and text without one stays as it is."""

import random
import string
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.errors import BadRequest
from app.domain.masking import HIDDEN, MOST_LAYERS, mask, tokens_in
from app.domain.secrets import TokenFormat, TokenText, encode_secret
from app.domain.text import normal_text
from app.domain.tokens import TokenKind
from tests.secrecy import secrets_in

FORMAT = TokenFormat(("dp", "acme"))
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}

tokens = st.builds(
    TokenText,
    st.sampled_from(TokenKind),
    st.text(string.ascii_lowercase + string.digits, min_size=12, max_size=12),
    st.integers(0, 10**6).map(lambda seed: encode_secret(random.Random(seed).randbytes(32))),
)
"""With secrets that are random: what looks like one is masked."""


def every_character_encoded(text: str) -> str:
    return "".join(f"%{ord(each):02x}" for each in text)


def encoded_often(text: str) -> str:
    for _ in range(MOST_LAYERS + 3):
        text = quote(f"%5F{text}")
    return text


SPELLINGS = {
    "as it is": lambda text: text,
    "in capitals": str.upper,
    "percent-encoded": lambda text: text.replace("_", "%5F"),
    "percent-encoded, each character": every_character_encoded,
    "percent-encoded twice": lambda text: quote(every_character_encoded(text)),
    "percent-encoded too often": encoded_often,
    "in full width": lambda text: text.translate(FULL_WIDTH),
    "with a zero-width space in it": lambda text: f"{text[:30]}\u200b{text[30:]}",
    "without the prefix": lambda text: text.split("_", 1)[1],
    "without the id": lambda text: text.rsplit("_", 1)[1],
    "without the id, and the last of the secret": lambda text: text.rsplit("_", 1)[1][:42],
    "without the id, and most of what follows it": lambda text: text.rsplit("_", 1)[1][3:39],
    "without the id and the checksum": lambda text: text.rsplit("_", 1)[1][:-6],
    "cut at the front": lambda text: text[2:],
    "cut at the end": lambda text: text[:-20],
    "cut to twenty characters": lambda text: text[:37],
    "grown": lambda text: f"{text}xxx",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(tokens, st.text(st.characters(blacklist_characters="%"), max_size=9))
def test_no_spelling_of_a_token_stays_in_a_text(spelling: str, token: TokenText, around: str) -> None:
    planted = SPELLINGS[spelling](FORMAT.compose(token))
    masked = mask(f"{around} {planted} {around}")
    assert HIDDEN in masked
    assert not secrets_in(masked)
    # Nor a part of it that is worth anything.
    lower = masked.lower()
    assert not any(token.secret[at : at + 20].lower() in lower for at in range(24))


@given(st.lists(tokens, min_size=1, max_size=3), st.text(max_size=9), st.sampled_from(["", " ", "%3D", "_"]))
def test_of_every_token_in_a_text_the_public_id_is_left(several: list[TokenText], around: str, between: str) -> None:
    masked = mask(around + between.join(map(FORMAT.compose, several)) + around)
    assert not secrets_in(masked)
    assert all(token.public_id in masked and token.secret not in masked for token in several)


@given(st.text().filter(lambda text: "_" not in text))
@example("dpa_k3v9x0a1b2c3")
@example("refresh_token k3v9x0a1b2c3")
@example("dpa_k3v9x0a1b2c3_<hidden>")
@example("data_0123456789ab_report")
@example("/static/daypass.3a8f1c.css?x=100%")
@example("da39a3ee5e6b4b0d3255bfef95601890afd80709")  # SHA-1
@example("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")  # SHA-256
@example("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")
@example("2b1f3f9e-8f0a-4c4e-9d7e-0f6f5d3f2a10")
@example("2b1f3f9e8f0a4c4e9d7e0f6f5d3f2a10")
@example("NightlyImportOfTheWarehouseForReportingInBerlin")
@example("CustomerOrderDetailsByRegionAndMonthVersion2")
@example("MonatlicheAuswertungDerKundenbestellungenNachRegionV2")
@example("transactions_MonthlyRevenueByRegion2024")
@example("warehouse001_nightlyimportproduction")
@example("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36")
def test_text_without_a_secret_is_left_as_it_is(text: str) -> None:
    assert mask(text) == text


@given(tokens, st.sampled_from(sorted(SPELLINGS.keys() - {"in capitals", "percent-encoded too often"})))
def test_complete_tokens_are_found_to_tell_whether_they_work(token: TokenText, spelling: str) -> None:
    is_complete = spelling not in ("grown",) and "cut" not in spelling and "id" not in spelling.replace(",", "").split()
    found = list(tokens_in(f"curl/8.5 {SPELLINGS[spelling](FORMAT.compose(token))}", FORMAT))
    assert found == [token] or not is_complete or spelling == "cut at the front"
    assert all(each == token for each in found)


def test_what_a_person_types_is_refused_where_it_holds_a_secret() -> None:
    text = FORMAT.compose(TokenText(TokenKind.ACCESS, "k3v9x0a1b2c3", encode_secret(bytes(range(32)))))
    with pytest.raises(BadRequest, match="A reason must not hold the text of a token") as refused:
        normal_text("reason", f"leaked {text}", name="A reason")
    assert not secrets_in(f"{refused.value.message} {refused.value.fields}")

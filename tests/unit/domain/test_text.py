"""Text that is kept: which characters it may have, its one spelling, what of it can be shown, and no secret in it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadRequest
from app.domain.secrets import ANY_TOKEN_TEXT, TokenFormat, new_token_text
from app.domain.text import LONGEST_AGENT, NAME_RULE, agent_to_keep, flaw_in, normal_name, normal_text
from app.domain.tokens import TokenKind

DIRECTION = "a character that changes the direction of writing"

REFUSED = (
    *((each, "a control character") for each in "\0\t\n\r\x1b\x7f\x85\x9f"),
    *((each, DIRECTION) for each in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"),
    *((each, "an invisible character") for each in "\u00ad\u200b\u2060\ufeff\U000e0041"),
    *((each, "half of a character") for each in "\ud800\udfff"),
    *((each, "a line break") for each in "\u2028\u2029"),
    *((each, "a character that Unicode does not define") for each in "\ue000\U0010fffd\uffff\u0378"),
)

NAMES = (
    "nightly-etl", "n" * 255, "\U0001f680" * 255, "Übernacht-Abgleich", "夜間　バッチ", "야간 작업",
    "مزامنة ليلية", "סנכרון לילי", "می\u200cروم", "क्\u200dष", "ผู้ดูแล", "👩\u200d💻", "\u2460", "\u20ac", "a\u00a0b",
)  # fmt: skip


def test_a_refused_character_is_named_with_its_place_and_not_shown() -> None:
    """◆ Fails when one of them is allowed."""
    for character, kind in REFUSED:
        with pytest.raises(BadRequest) as refused:
            normal_name(f"nightly{character}etl")
        message = f"A name must not hold {kind}: character 8 is U+{ord(character):04X}."
        assert (refused.value.message, refused.value.fields) == (message, {"name": [message]})
        with pytest.raises(BadRequest, match=f"A reason must not hold {kind}: character 1 is "):
            normal_text("reason", character, name="A reason")


def test_names_of_any_script_are_allowed_joiners_too() -> None:
    for name in NAMES:
        assert normal_name(name) == name, ascii(name)


def test_what_looks_the_same_becomes_the_same_and_counts_by_its_nfc() -> None:
    """◆ Fails when text is kept as it came, and when its length is that of what came."""
    assert normal_name("U\u0308ber") == "\u00dcber"
    assert normal_name("\u03b1\u0313\u0300\u0345" * 255) == "\u1f82" * 255
    for too_long in ("\u0958" * 128, "\u03b1\u0313\u0300\u0345" * 256, "n" * 256, "\u0301\u0323" * 4000):
        with pytest.raises(BadRequest, match=NAME_RULE):
            normal_name(too_long)
    assert normal_text("description", "\u00fc" * 255) == normal_text("description", "u\u0308" * 255)
    with pytest.raises(BadRequest, match="A description has at most 255 characters"):
        normal_text("description", "x" * 256, name="A description")


def test_a_name_can_be_seen_and_has_no_space_at_its_ends() -> None:
    for name in (
        "", " ", " a", "a ", "\u3000a", "a\u00a0", "\u200d", "\u200c\u200d", "\u3164", "\u2800", "\u0301",
        "\ufe0f\u115f",
    ):  # fmt: skip
        with pytest.raises(BadRequest, match=NAME_RULE):
            normal_name(name)


@given(st.text(st.characters(), max_size=300))
def test_what_is_kept_is_in_nfc_and_would_be_accepted_again(text: str) -> None:
    try:
        kept = normal_name(text)
    except BadRequest as refused:
        assert refused.message.isascii()
        return
    assert unicodedata.is_normalized("NFC", kept) and normal_name(kept) == kept
    assert 1 <= len(kept) <= 255 and not flaw_in(kept)
    assert unicodedata.normalize("NFD", kept) == unicodedata.normalize("NFD", text)


def test_an_agent_is_kept_as_far_as_it_can_be_shown() -> None:
    for sent, kept in (
        (None, None), ("", None), ("a\r\nb\x00\x7f\xe9 1.0", "a??b??? 1.0"), ("x" * 300, "x" * LONGEST_AGENT),
    ):  # fmt: skip
        assert agent_to_keep(sent) == kept


def test_an_agent_that_is_a_token_is_kept_without_its_secret() -> None:
    """Fails when the text is cut to its length before it is cleaned (tried)."""
    made = new_token_text(TokenKind.ACCESS)
    token_text, public_id = TokenFormat(("dp",)).compose(made), made.public_id
    in_places = [f"{'x' * length}{token_text}" for length in (0, 195, 200, 225, 235, 250, 300)]
    for agent in (*in_places, f"etl token={token_text} (x)", f"TOKEN%3D{token_text}x", f"{token_text},{token_text}"):
        kept = agent_to_keep(agent)
        assert kept is not None
        assert made.secret[:4] not in kept and ANY_TOKEN_TEXT.search(kept) is None
    assert public_id in str(agent_to_keep(token_text))

"""Mistakes in text that should be a token: each kind is recognised, and no other text is."""

import base64
import time
from collections.abc import Callable
from itertools import product
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.mistakes import Mistake, hint_at, mistake_in
from app.domain.secrets import TokenFormat, TokenText, new_token_text
from app.domain.tokens import TokenKind

FORMAT = TokenFormat(("dp", "old"))
LARGEST_BODY = 16 * 1024


def text_of(kind: TokenKind, prefixes: tuple[str, ...] = ("dp",)) -> str:
    return TokenFormat(prefixes).compose(new_token_text(kind))


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def mistyped(text: str) -> str:
    return text[:30] + ("B" if text[30] == "A" else "A") + text[31:]


def of_another_kind(text: str) -> str:
    return text_of(TokenKind.ACCESS if text[2] == "r" else TokenKind.REFRESH)


AROUND: dict[Mistake, tuple[str, ...]] = {
    Mistake.WHITE_SPACE: (
        "{}\n", "{}\r\n", " {}", "\t{} \n", "{}\0", "\u00a0{}", "{}\u200b", "\ufeff{}", "{}\u2028", "{}" + " " * 16_000,
        "\ufeff{}\u00a0".encode().decode("latin-1"),
    ),
    Mistake.QUOTES: ('"{}"', "'{}'\n", '{}"', "\u201c{}\u201d", "b'{}'", '\\"{}\\"', '" {} "', "`{}`"),
    Mistake.LABEL: (
        "Bearer {}", "TOKEN: {}", "Authorization: Bearer {}", "DAYPASS_REFRESH_TOKEN={}", "refresh_token: {}",
        'export DAYPASS_REFRESH_TOKEN="{}"\n', "$env:DAYPASS_REFRESH_TOKEN = '{}'", "token={}",
    ),
    Mistake.SURROUNDED: (
        '["{}"]', "https://example.com/?token={}", "curl -H 'TOKEN: {}' https://example.com", "<{}>", "{} # nightly",
    ),
    Mistake.SEVERAL: ("{},{}", "{}{}", "{}\n{}\n"),
    Mistake.ENCODED: ("TOKEN%3D{}", "{}%0A", "%20{}"),
    Mistake.APPENDED: ("{}x", "{}.", "{}==", "{}_old"),
}  # fmt: skip
"""A good token is in the place of ``{}``."""

REWRITTEN: dict[Mistake, tuple[Callable[[str], str], ...]] = {
    Mistake.SPLIT: (
        lambda it: f"{it[:40]}\n{it[40:]}", lambda it: f" {it[:9]} {it[9:]}", lambda it: it.replace("_", "_\u200b"),
    ),
    Mistake.ENCODED: (
        lambda it: it.replace("_", "%5F"), lambda it: "".join(f"%{ord(each):02x}" for each in it),
        lambda it: quote(quote(f" {it}")), in_base64, lambda it: in_base64(f"{it}\n"),
    ),
    Mistake.SEVERAL: (lambda it: f"{it} {of_another_kind(it)}",),
    Mistake.WRONG_KIND: (
        of_another_kind, lambda it: f"{of_another_kind(it)}\n", lambda it: f"Bearer {of_another_kind(it)}",
        lambda it: of_another_kind(it)[:40], lambda it: mistyped(of_another_kind(it)),
    ),
    Mistake.CUT: (
        lambda it: it[:-1], lambda it: it[:20], lambda it: it[:9], lambda it: it[1:], lambda it: it[3:],
        lambda it: it[4:], lambda it: f"Bearer {it[:-3]}", lambda it: f'"{it[:-3]}"',
    ),
    Mistake.APPENDED: (lambda it: f"{mistyped(it)}x",),
    Mistake.MISTYPED: (
        mistyped, str.upper, str.lower, lambda it: f"{mistyped(it)}\n",
        lambda it: "".join(chr(ord(each) + 0xFEE0) for each in it),
    ),
    Mistake.ID: (
        lambda it: it[:16], lambda it: it[:17], lambda it: f"{it[:16]}_<hidden>", lambda it: f"{it[:17]}\u2026",
    ),
    Mistake.OTHER_INSTANCE: (
        lambda it: text_of(TokenKind.REFRESH, ("acme",)), lambda it: text_of(TokenKind.ACCESS, ("d",)),
    ),
}  # fmt: skip

FIXED: dict[Mistake, tuple[str, ...]] = {
    Mistake.ID: ("k3v9x0a1b2c3", " k3v9x0a1b2c3\n", "123e4567-e89b-42d3-a456-426614174000"),
    Mistake.PLACEHOLDER: (
        "<your token>", "${TOKEN}", "$TOKEN", "$(cat token)", "{{ token }}", "%TOKEN%", "None", "null", "undefined",
        "[object Object]", "DAYPASS_REFRESH_TOKEN", "your-refresh-token-here", "YOUR_TOKEN", "dpr_\u2026", "dpr_...",
        "dpa_xxxxxxxx", "changeme", "***", "Bearer undefined", '"null"', "dpr_",
    ),
    Mistake.FOREIGN: (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "glpat-aaaaaaaaaaaaaaaaaaaa",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", Mistake)
def test_each_mistake_is_recognised_where_either_kind_belongs(mistake: Mistake) -> None:
    for kind in TokenKind:
        token = text_of(kind)
        texts = [each.replace("{}", token) for each in AROUND.get(mistake, ())]
        texts += [each(token) for each in REWRITTEN.get(mistake, ())]
        texts += FIXED.get(mistake, ())
        assert texts
        assert {text: mistake_in(text, kind, FORMAT) for text in texts} == dict.fromkeys(texts, mistake)


@pytest.mark.parametrize(
    "text", ["", " ", "x", "nonsense", "no_token", "r-opaque-of-Alation", "u-7Hk/s3cret+of=Alation", "a sentence.",
             "dp", "data_0123456789ab_report", "\0", "%", "%zz", "\ud800", "x" * LARGEST_BODY, "anna@example.com"],
)  # fmt: skip
def test_other_text_has_no_mistake(text: str) -> None:
    assert {mistake_in(text, kind, FORMAT) for kind in TokenKind} == {None}


@given(st.text(), st.sampled_from(TokenKind), st.text(max_size=3), st.text(max_size=3))
def test_any_text_can_be_examined(text: str, kind: TokenKind, before: str, after: str) -> None:
    """And text around a whole token always has a mistake."""
    mistake_in(text, kind, FORMAT)
    if before or after:
        assert mistake_in(before + text_of(kind) + after, kind, FORMAT)


def test_a_hint_is_one_sentence_that_says_what_to_do() -> None:
    """The domain's sentences are constants: they can't repeat any part of the text."""
    hints = {hint_at(mistake, kind) for mistake, kind in product(Mistake, TokenKind)}
    assert all(hint.isascii() and hint.isprintable() and not set(hint) & set('"\\{}') for hint in hints)
    assert all(hint.endswith(".") and hint.count(". ") == 0 and ": " in hint for hint in hints)


def test_the_work_is_bounded_for_any_text_that_fits_into_a_request() -> None:
    """At most a millisecond of the CPU; with a pattern that is quadratic it is seconds."""
    token = FORMAT.compose(TokenText(TokenKind.REFRESH, "k3v9x0a1b2c3", "s" * 43))
    for part in (" ", "dpr_", "%25", "[", "w_", "your-token", "eyJ-", ".", "\ufdfa", "a ", "'", "=", mistyped(token)):
        for length in (100, 4_000, LARGEST_BODY):
            text = (part * length)[:length]
            for each in (text, f"x{text}x", f"{token}{text}", f"{text}{token}"):
                began = time.thread_time()
                mistake_in(each[:LARGEST_BODY], TokenKind.REFRESH, FORMAT)
                assert time.thread_time() - began < 0.2, (part, length)

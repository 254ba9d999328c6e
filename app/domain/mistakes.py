"""What is wrong with text that should be a token: the mistakes people make when they copy, quote and configure one.

They are found in the text alone, so that they reveal nothing from the database. Such text is refused all the same:
nothing is trimmed or decoded. Not here: parsing (``secrets``), and the refusals (``errors``).
"""

import re
import unicodedata
from base64 import b64decode
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from urllib.parse import unquote

from app.domain.secrets import (
    CHECKSUM_LENGTH,
    PUBLIC_ID_LENGTH,
    SECRET_LENGTH,
    TokenFormat,
    is_token_of_any_prefix,
)
from app.domain.tokens import TokenKind


class Mistake(StrEnum):
    """The values are stable words, for the log."""

    WHITE_SPACE = "white_space"
    SPLIT = "split"
    QUOTES = "quotes"
    LABEL = "label"
    SURROUNDED = "surrounded"
    SEVERAL = "several"
    ENCODED = "encoded"
    WRONG_KIND = "wrong_kind"
    CUT = "cut"
    APPENDED = "appended"
    MISTYPED = "mistyped"
    ID = "id"
    PLACEHOLDER = "placeholder"
    OTHER_INSTANCE = "other_instance"
    FOREIGN = "foreign"


# Printable ASCII without quotation marks and backslashes, as RFC 6749, section 5.2, has it of descriptions.
_HINTS = {
    Mistake.WHITE_SPACE: "There is white space around the {token}: send it without spaces, line ends and invisible"
    " characters.",
    Mistake.SPLIT: "There is white space within the {token}: send it in one piece.",
    Mistake.QUOTES: "There are quotation marks around the {token}: send it without them.",
    Mistake.LABEL: "There is a name or a scheme in front of the {token}: send the token alone.",
    Mistake.SURROUNDED: "There is other text around the {token}: send the token alone.",
    Mistake.SEVERAL: "There is more than one token: send exactly one {token}, and nothing else.",
    Mistake.ENCODED: "The {token} is encoded: decode it before you send it.",
    Mistake.CUT: "The {token} is cut short: copy all of it.",
    Mistake.APPENDED: "There is text appended to the {token}: copy it again, and nothing else.",
    Mistake.MISTYPED: "The {token} is mistyped or cut: copy it again.",
    Mistake.ID: "This looks like the id of a token, not like its secret: send the secret, which is shown once, when a"
    " token is created.",
    Mistake.PLACEHOLDER: "This is a placeholder: put the {token} in its place, or correct the name of the variable.",
    Mistake.OTHER_INSTANCE: "This is a token of another Daypass: send a {token} of this one, or correct the address.",
    Mistake.FOREIGN: "This is not a token of this Daypass: send a {token} that was created here.",
}
_WRONG_KIND = {
    TokenKind.REFRESH: "This is an access token: send the refresh token instead.",
    TokenKind.ACCESS: "This is a refresh token: use it to request an access token, and send that instead.",
}
_LABELS = {TokenKind.REFRESH: "refresh token", TokenKind.ACCESS: "access token"}


def hint_at(mistake: Mistake, kind: TokenKind) -> str:
    """What is wrong and what to do, as a sentence without any part of the text. `kind`: the tier that is required."""
    return _WRONG_KIND[kind] if mistake is Mistake.WRONG_KIND else _HINTS[mistake].format(token=_LABELS[kind])


INVISIBLE = "".join(
    chr(code)
    for first, last in (
        (0x00, 0x20), (0x7F, 0xA0), (0xAD, 0xAD), (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x200F),
        (0x2028, 0x202F), (0x205F, 0x206F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
    )
    for code in range(first, last + 1)
)  # fmt: skip
"""White space, controls and characters without a glyph, such as a byte order mark and a zero-width space."""

_WITHOUT_INVISIBLE = dict.fromkeys(map(ord, INVISIBLE))
_QUOTES = "\"'`\\\u00b4\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"

LONGEST = 4096
"""Longer text is searched for whole tokens only."""
LONGEST_WORD = 100

_BASE64 = re.compile(r"[0-9A-Za-z+/]{80,200}={0,2}")
_LABEL = re.compile(
    r"""(?:(?:(?:export|set)\s{1,9}|\$env:)?[\w-]{1,60}\s{0,9}[:=]\s{0,9})?(?:bearer|token|basic)?\s{0,9}["'`]?""",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\A(?:bearer|token)[ :=]+", re.IGNORECASE)
_TAIL = rf"[a-z0-9]{{{PUBLIC_ID_LENGTH}}}_[0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}}"
_TAIL_LENGTH = PUBLIC_ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH
_FRONT_LOST = re.compile(rf"[a-z]{{0,12}}_?({_TAIL})")
_GROWN = re.compile(rf"{_TAIL}.+", re.DOTALL)
_ID_ONLY = re.compile(rf"[a-z0-9]{{{PUBLIC_ID_LENGTH}}}(?:_(?:<hidden>|\u2026|\.{{3}}|\*+)?)?")
_LEFT_OUT = re.compile(r"\.{3}|[\u2026<>*{}$\[\]]|x{4}", re.IGNORECASE)
_BARE_ID = re.compile(
    rf"(?=[a-z]*[0-9])(?=[0-9]*[a-z])[a-z0-9]{{{PUBLIC_ID_LENGTH}}}"
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
)
_PLACEHOLDER = re.compile(
    r"none|null|\(null\)|undefined|nil|nan|\[object object\]|change[-_ ]?me|todo|\.{3}|\u2026|x{3,}|\*{3,}"
    r"|<[^<>]*>|\[[^\[\]]*\]|\$\w+|%\w+%|\$?\{[^{}]*\}|\$?\{\{[^{}]*\}\}|\$\([^()]*\)"
    r"|(?:my|your|insert|paste|replace)[-_ ][-_ \w]*token[-_ \w]*|(?:\w*_)?(?:refresh|access|api)_?token",
    re.IGNORECASE,
)
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]*\.[\w-]*")
_FOREIGN = (
    "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xapp-", "sk-", "sk_live_",
    "sk_test_", "AKIA", "ASIA", "AIza", "ya29.", "pypi-", "npm_", "hvs.", "SG.", "dapi",
)  # fmt: skip
"""How tokens of other products begin, as their makers document for secret scanning."""


def mistake_in(text: str, kind: TokenKind, format: TokenFormat) -> Mistake | None:
    """The mistake in text that is no token of this kind; None where it does not resemble one. Linear in its length."""
    text = _decoded(text)
    tokens = list(format.tokens_in(text))
    if len(tokens) > 1:
        return Mistake.SEVERAL
    if tokens:
        start, end, found = tokens[0]
        return Mistake.WRONG_KIND if found is not kind else _around(text[:start], text[end:])
    bare = text.strip(INVISIBLE)
    if not bare or len(bare) > LONGEST:
        return None
    return (
        _rewritten(bare, format)
        or _damaged(bare.strip(_QUOTES), kind, format)
        or _something_else(_SCHEME.sub("", bare.strip(_QUOTES)))
    )


def _decoded(text: str) -> str:
    """A header arrives with each byte as a character (PEP 3333): a byte order mark is three."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _around(before: str, after: str) -> Mistake:
    """The mistake where a whole token is between these."""
    left, right = before.strip(INVISIBLE), after.strip(INVISIBLE)
    if not left and not right:
        return Mistake.WHITE_SPACE
    if not left.removeprefix("b").strip(_QUOTES) and not right.strip(_QUOTES):  # b'…' is Python's
        return Mistake.QUOTES
    if unquote(left) != left or unquote(right) != right:
        return Mistake.ENCODED
    if not left and right == after:
        return Mistake.APPENDED
    return Mistake.LABEL if _LABEL.fullmatch(left) and not right.strip(_QUOTES) else Mistake.SURROUNDED


def _rewritten(bare: str, format: TokenFormat) -> Mistake | None:
    """The mistake where a whole token is there in other characters."""
    for mistake, text in _rewritings(bare):
        if any(format.tokens_in(text)):
            return mistake
    return None


def _rewritings(bare: str) -> Iterable[tuple[Mistake, str]]:
    if "%" in bare:
        yield Mistake.ENCODED, unquote(unquote(bare))
    if _BASE64.fullmatch(bare):
        with suppress(ValueError):
            yield Mistake.ENCODED, b64decode(bare).decode("latin-1")
    yield Mistake.SPLIT, bare.translate(_WITHOUT_INVISIBLE)
    if not bare.isascii() and len(bare) <= LONGEST_WORD:  # it can become eighteen times as long
        yield Mistake.MISTYPED, unicodedata.normalize("NFKC", bare)


def _damaged(bare: str, kind: TokenKind, format: TokenFormat) -> Mistake | None:
    """The mistake where a part of a token is left."""
    lost = _FRONT_LOST.fullmatch(bare)
    if lost and format.parse_tail(lost[1]):
        return Mistake.CUT
    if is_token_of_any_prefix(bare):
        return Mistake.OTHER_INSTANCE
    begun = format.beginning_in(bare)
    if begun is None:
        return None
    found, rest = begun
    if _ID_ONLY.fullmatch(rest):
        return Mistake.ID
    if not rest or _LEFT_OUT.search(rest):
        return Mistake.PLACEHOLDER
    if found is not kind:
        return Mistake.WRONG_KIND
    if _GROWN.fullmatch(rest):
        return Mistake.APPENDED
    return Mistake.CUT if len(rest) < _TAIL_LENGTH else Mistake.MISTYPED


def _something_else(bare: str) -> Mistake | None:
    """The mistake where no part of a secret is left."""
    if _BARE_ID.fullmatch(bare):
        return Mistake.ID
    if len(bare) <= LONGEST_WORD and _PLACEHOLDER.fullmatch(bare):
        return Mistake.PLACEHOLDER
    return Mistake.FOREIGN if _JWT.fullmatch(bare) or bare.startswith(_FOREIGN) else None

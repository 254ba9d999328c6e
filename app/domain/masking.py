"""Token text within other text: masked before the text is stored, logged or shown.

Masked is, also percent-encoded however often, in any case and in full-width characters:

- what follows a public id and ``_``: at least 20 characters of base62. The public id stays.
- at least 43 characters of base62 that look random: a secret without the rest of its token.

Not masked: hexadecimal digests, UUIDs and words; and less than 20 characters of a secret, which leave 137 bits unknown.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import unquote

from app.domain.secrets import CHECKSUM_LENGTH, PUBLIC_ID_LENGTH, SECRET_LENGTH, TokenFormat, TokenText

HIDDEN = "<hidden>"

LEAST_PART = 20
"""So many characters of a secret are masked."""

MOST_LAYERS = 5
"""What is percent-encoded more often is hidden as a whole."""

_MAY_HOLD = re.compile(rf"[0-9A-Za-z]{{{LEAST_PART}}}")
_SECRET = re.compile(
    rf"((?:[a-z]{{1,12}}[ra]_)?[a-z0-9]{{{PUBLIC_ID_LENGTH}}})_([0-9a-z]{{{LEAST_PART},}})"
    rf"|[0-9a-z]{{{SECRET_LENGTH},}}",
    re.ASCII | re.IGNORECASE,
)
_TAIL = re.compile(rf"[a-z0-9]{{{PUBLIC_ID_LENGTH}}}_[0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}}")
_WITHOUT_GLYPH = dict.fromkeys([0xAD, 0x180E, *range(0x200B, 0x2010), *range(0x2060, 0x2070), 0xFEFF])

LEAST_TURNS_OF_PART, LEAST_TURNS, LEAST_TURNS_WITHOUT_DIGITS = 4, 12, 18
"""Turns between digits, capitals and small letters: 20 random characters have 12 on average, 43 have 26; words few."""


def mask(text: str) -> str:
    """The text with each secret in it hidden; unchanged where there is none.

    What was encoded is returned decoded where it holds a secret. Mask before you shorten: a part is harder to find.
    """
    plain = _plain(text)
    if plain is None:
        return HIDDEN
    if _MAY_HOLD.search(plain) is None:
        return text
    masked = _SECRET.sub(_masked, plain)
    return text if masked == plain else masked


def mask_optional(text: str | None) -> str | None:
    """The same for text that may be missing."""
    return None if text is None else mask(text)


def holds_secret(text: str) -> bool:
    """Whether :func:`mask` hides a part of the text."""
    return mask(text) != text


def tokens_in(text: str, format: TokenFormat) -> Iterator[TokenText]:
    """The complete tokens of this instance in the text, with or without their prefix, encoded or not."""
    plain = _plain(text)
    if plain is None or _MAY_HOLD.search(plain) is None:
        return
    for match in _TAIL.finditer(plain):
        token = format.parse_tail(match[0])
        if token is not None:
            yield token


def _masked(match: re.Match[str]) -> str:
    whole, known, part = match[0], match[1], match[2]
    if known is None:
        return HIDDEN if _looks_random(whole) else whole
    is_secret = len(known) > PUBLIC_ID_LENGTH or _turns(part) >= LEAST_TURNS_OF_PART
    return f"{known}_{HIDDEN}" if is_secret else whole


def _looks_random(run: str) -> bool:
    """Capitals, small letters and digits take turns more often than in words and hexadecimal digits."""
    least = LEAST_TURNS if any(map(str.isdigit, run)) else LEAST_TURNS_WITHOUT_DIGITS
    return _turns(run) >= least and run.lower() != run != run.upper()


def _turns(run: str) -> int:
    kinds = [0 if each.isdigit() else 1 if each.isupper() else 2 for each in run]
    return sum(left != right for left, right in pairwise(kinds))


def _plain(text: str) -> str | None:
    """The text decoded, in ASCII where it has an equivalent; None where it is encoded too often."""
    for _ in range(MOST_LAYERS):
        decoded = unquote(text) if "%" in text else text
        if decoded == text:
            break
        text = decoded
    else:
        return None
    return text if text.isascii() else unicodedata.normalize("NFKC", text.translate(_WITHOUT_GLYPH))

"""Token text within other text: masked before the text is stored, logged or shown.

Masked is, also percent-encoded however often, in any case and in full-width characters:

- what follows a public id and ``_``: at least 20 characters of base62. The public id stays.
- at least 36 characters of base62 that look random: a secret without the rest of its token, or most of one. Less of it
  leaves 47 bits unknown, which only questions to the server could find out.

Not masked: hexadecimal digests, UUIDs and words (``randomness``); and, after a public id, less than 20 characters.
"""

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from app.domain.randomness import looks_random
from app.domain.secrets import CHECKSUM_LENGTH, PUBLIC_ID_LENGTH, SECRET_LENGTH, TokenFormat, TokenText

HIDDEN = "<hidden>"

LEAST_PART, LEAST_ALONE = 20, 36
"""So many characters of a secret are masked: after a public id, and by themselves."""

MOST_LAYERS = 5
"""What is percent-encoded more often is hidden as a whole."""

SHORTEST_TOKEN = PUBLIC_ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH
"""Characters of a complete token without its beginning; encoded it has more."""

_MAY_HOLD = re.compile(rf"[0-9A-Za-z]{{{LEAST_PART}}}")
_SECRET = re.compile(
    rf"((?:[a-z]{{1,12}}[ras]_)?[a-z0-9]{{{PUBLIC_ID_LENGTH}}})_([0-9a-z]{{{LEAST_PART},}})"
    rf"|[0-9a-z]{{{LEAST_ALONE},}}",
    re.ASCII | re.IGNORECASE,
)
_TAIL = re.compile(rf"[a-z0-9]{{{PUBLIC_ID_LENGTH}}}_[0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}}")
_WITHOUT_GLYPH = dict.fromkeys([0xAD, 0x180E, *range(0x200B, 0x2010), *range(0x2060, 0x2070), 0xFEFF])


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


def holds_secret(text: str) -> bool:
    """Whether :func:`mask` hides a part of the text."""
    return mask(text) != text


def mask_identifier(text: str) -> str:
    """The text with each complete token in it hidden: the identifiers that other systems give can be random too."""
    plain = _plain(text)
    if plain is None:
        return HIDDEN
    return _TAIL.sub(HIDDEN, plain) if _TAIL.search(plain) else text


def is_too_short_for_a_token(text: str) -> bool:
    """Whether there is no room in it; much quicker to say than what is in it. Other scripts can be longer in ASCII."""
    return len(text) < SHORTEST_TOKEN and text.isascii()


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
        is_mixed = whole.lower() != whole != whole.upper()  # hexadecimal digits are not
        return HIDDEN if is_mixed and looks_random(whole) else whole
    is_secret = len(known) > PUBLIC_ID_LENGTH or looks_random(part)
    return f"{known}_{HIDDEN}" if is_secret else whole


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

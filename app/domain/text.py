"""Text that users enter and read: names, reasons, descriptions, profiles, counts.

It is of any script, in NFC: what looks the same is stored the same, and is found however it was typed. Refused are
characters that hide, reorder or break a line of text: all of Unicode's categories C and the separators of lines, but
for the two joiners, which several scripts need within words. Not here: user names (``identity``).
"""

import unicodedata

from app.domain.errors import BadRequest
from app.domain.masking import holds_secret, mask, mask_identifier

LONGEST_TEXT = 255
LONGEST_AGENT = 255

NAME_RULE = "A name has 1 to 255 characters, at least one of them visible, and no space at either end."

MOST_IN_ONE = 4
"""Of so many characters NFC makes one at most (such as U+1F82)."""

_JOINERS = frozenset("\u200c\u200d")
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Visible by their category, but empty: fillers of Hangul, and Braille without a dot."""

_REFUSED = {
    "Cc": "a control character",
    "Cf": "an invisible character",
    "Cs": "half of a character",
    "Zl": "a line break",
    "Zp": "a line break",
}


def normal_name(text: str) -> str:
    """The name of a token in NFC. Refuses with BadRequest as :func:`normal_text`, and what ``NAME_RULE`` excludes."""
    normal = normal_text("name", text, name="A name", rule=NAME_RULE)
    if normal != normal.strip() or not any(map(_is_visible, normal)):
        raise BadRequest(NAME_RULE, {"name": [NAME_RULE]})
    return normal


def normal_text(field: str, text: str, longest: int = LONGEST_TEXT, name: str = "", rule: str = "") -> str:
    """The text in NFC. Refuses with BadRequest refused characters, more than `longest` in all, and token text.

    `field`: the member in the refusal; `name`: the subject of its sentence, such as "A reason"; `rule`: the sentence
    about the length, where it is another.
    """
    flaw = flaw_in(text)
    message = f"{name or field} {flaw}." if flaw else rule or f"{name or field} has at most {longest} characters."
    normal = in_nfc(text, longest)
    if flaw or len(normal) > longest:
        raise BadRequest(message, {field: [message]})
    refuse_secret(field, normal, name)
    return normal


def normal_description(text: str | None) -> str | None:
    """What people write about a token, without spaces around it; None for nothing. Refuses as :func:`normal_text`."""
    return normal_text("description", (text or "").strip(), name="A description") or None


def in_nfc(text: str, longest: int = LONGEST_TEXT) -> str:
    """In one spelling: a letter and its accent as one character, however they were typed.

    As it is where it would be longer than `longest` either way: sorting marks takes time by the square of their number.
    """
    return text if len(text) > MOST_IN_ONE * longest else unicodedata.normalize("NFC", text)


def in_nfd(text: str) -> str:
    """The same with each accent as a character of its own."""
    return text if len(text) > MOST_IN_ONE * LONGEST_TEXT else unicodedata.normalize("NFD", text)


def flaw_in(text: str) -> str:
    """What is wrong with the first refused character, and where it is, without showing it; empty: nothing.

    Such as "must not hold a control character: character 7 is U+000A". Which characters are defined depends on the
    Unicode version of this Python.
    """
    for place, each in enumerate(text, 1):
        if not is_allowed(each):
            undefined = "a character that Unicode does not define"
            kind = _REFUSED.get(unicodedata.category(each), undefined)
            kind = "a character that changes the direction of writing" if each in _DIRECTION else kind
            return f"must not hold {kind}: character {place} is U+{ord(each):04X}"
    return ""


def is_allowed(character: str) -> bool:
    """Whether text may hold the character."""
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"


def _is_visible(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNPS" and character not in _BLANK_LETTERS


def refuse_secret(field: str, text: str, name: str = "") -> None:
    """Refuse with BadRequest text that holds that of a token: it would be stored, and shown to others."""
    _refuse_where(holds_secret(text), field, name)


def refuse_token(field: str, text: str) -> None:
    """The same of a complete token only: for identifiers that other systems give, which can be random."""
    _refuse_where(mask_identifier(text) != text, field)


def _refuse_where(holds: bool, field: str, name: str = "") -> None:
    if holds:
        message = f"{name or field} must not hold the text of a token: leave it out, and revoke a token that is known."
        raise BadRequest(message, {field: [message]})


def count_of(number: int, noun: str) -> str:
    """Such as "1 token" and "2,000 tokens"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def count_of_tokens(refresh_tokens: int, access_tokens: int) -> str:
    """Such as "2 refresh tokens and 1 access token", without a tier that has none; "no tokens" without any."""
    counts = ((refresh_tokens, "refresh token"), (access_tokens, "access token"))
    return " and ".join(count_of(number, noun) for number, noun in counts if number) or "no tokens"


def agent_to_keep(agent: str | None) -> str | None:
    """A client's ``User-Agent``, safe to store and show: some clients put their token in it."""
    if not agent:
        return None
    kept = mask(agent)[:LONGEST_AGENT]
    return "".join(each if each.isprintable() and each.isascii() else "?" for each in kept)

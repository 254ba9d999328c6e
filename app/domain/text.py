"""Text that users enter and read: reasons, descriptions, profiles, counts."""

from app.domain.errors import BadRequest
from app.domain.masking import holds_secret, mask

LONGEST_TEXT = 255
LONGEST_AGENT = 255


def refuse_unprintable(field: str, text: str, longest: int = LONGEST_TEXT, name: str = "") -> None:
    """Refuse with BadRequest more than `longest` characters, characters that are not printable, and token text.

    `field`: the member in the refusal; `name`: the subject of its sentence, such as "A reason".
    """
    if len(text) > longest or not text.isprintable():
        message = f"{name or field} has at most {longest} characters, all of them printable."
        raise BadRequest(message, {field: [message]})
    refuse_secret(field, text, name)


def refuse_secret(field: str, text: str, name: str = "") -> None:
    """Refuse with BadRequest text that holds that of a token: it would be stored, and shown to others."""
    if holds_secret(text):
        message = f"{name or field} must not hold the text of a token: leave it out, and revoke a token that is known."
        raise BadRequest(message, {field: [message]})


def count_of(number: int, noun: str) -> str:
    """Such as "1 token" and "2,000 tokens"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def agent_to_keep(agent: str | None) -> str | None:
    """A client's ``User-Agent``, safe to store and show: some clients put their token in it."""
    if not agent:
        return None
    kept = mask(agent)[:LONGEST_AGENT]
    return "".join(each if each.isprintable() and each.isascii() else "?" for each in kept)

"""Text that users enter and read: reasons, descriptions, profiles, counts."""

from app.domain.errors import BadRequest

LONGEST_TEXT = 255


def refuse_unprintable(field: str, text: str, longest: int = LONGEST_TEXT, name: str = "") -> None:
    """Refuse with BadRequest more than `longest` characters, and characters that are not printable.

    `field`: the member in the refusal; `name`: the subject of its sentence, such as "A reason".
    """
    if len(text) > longest or not text.isprintable():
        message = f"{name or field} has at most {longest} characters, all of them printable."
        raise BadRequest(message, {field: [message]})


def count_of(number: int, noun: str) -> str:
    """Such as "1 token" and "2,000 tokens"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

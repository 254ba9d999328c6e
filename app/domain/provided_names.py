"""User names made of what a provider says. Not here: which of them are taken (``app.services.joining``)."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import count

from app.domain.masking import holds_secret

LONGEST = 150
"""Characters, as of any user name."""

LONGEST_READ = 1000
"""Characters of a claim that are looked at."""

FALLBACK = "user"
"""Where nothing that a user name may hold is left."""

RESERVED = frozenset(
    {
        "admin", "administrator", "anonymous", "daypass", "everyone", "moderator", "nobody", "operator", "owner",
        "postmaster", "root", "security", "server_admin", "service", "superuser", "support", "sysadmin", "system",
        "webmaster",
    }
)  # fmt: skip
"""Names that others would trust: only an administrator gives them."""

_OTHERS = re.compile(r"[^a-z0-9._@+-]+")
_LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "\u0131": "i"}


def username_from(*claims: str) -> str:
    """A canonical user name of the first of these texts that gives one.

    Letters without their accents, lower case, a hyphen for what is not allowed, and none of ``. _ @ + -`` at either
    end. Never empty, reserved, or the text of a token.
    """
    read = (claim[:LONGEST_READ] for claim in claims)
    names = (_folded(claim) for claim in read if not holds_secret(claim))
    return next((name for name in names if name and not holds_secret(name)), FALLBACK)


def candidates(name: str) -> Iterator[str]:
    """The name and others like it, none reserved: ``anna``, ``anna-2``, ``anna-3`` and so on, without end."""
    if name not in RESERVED:
        yield name
    for number in count(2):
        suffix = f"-{number}"
        yield name[: LONGEST - len(suffix)] + suffix


def _folded(claim: str) -> str:
    letters = (_LETTERS.get(each, each) for each in claim.casefold())
    decomposed = unicodedata.normalize("NFKD", "".join(letters))
    plain = "".join(each for each in decomposed if not unicodedata.combining(each)).casefold()
    return _OTHERS.sub("-", plain)[:LONGEST].strip("._@+-")

"""The rules for new passwords, apart from how common one is (``app.services.passwords``).

They apply when a password is set, never at sign-in: one that was set under earlier rules goes on.
"""

import unicodedata
from collections.abc import Iterable
from datetime import timedelta

SHORTEST = 12
"""Characters."""
LONGEST_BYTES = 1024

TEMPORARY = timedelta(hours=72)
"""How long a password that somebody else chose can be used. It expires **at** the instant, as tokens do."""

EXPIRED = "This temporary password has expired. Ask a server administrator for a new one."

PRODUCT = "daypass"
SHORTEST_NAME = 4
"""Shorter names are part of too many words to be looked for."""

RULES = f"At least {SHORTEST} characters, not a common password, and without the user's name, user name or email."

_LOOK_ALIKES = str.maketrans("013457@$!|l", "oieastasiii")
"""Digits and signs in the place of letters; l becomes i, because 1 is read as both."""


def mistake_in(password: str, names: Iterable[str]) -> str | None:
    """Which rule a new password breaks and what to do, as a sentence; None where it breaks none of these.

    `names`: user name, email and names of its owner. The sentence holds no part of the password.
    """
    if "\0" in password:
        return "A password can't hold a NUL character: remove it."
    if len(password.encode("utf-8", "surrogatepass")) > LONGEST_BYTES:
        return f"A password has at most {LONGEST_BYTES:,} bytes: choose a shorter one."
    if len(password) < SHORTEST:
        return f"A password has at least {SHORTEST} characters: choose a longer one, such as four words."
    text = _skeleton(password)
    if PRODUCT in text:
        return "A password must not contain the product's name: choose another one."
    if any(name in text for name in _skeletons(names)):
        return "A password must not contain its user's name, user name or email: choose another one."
    return None


def _skeletons(names: Iterable[str]) -> set[str]:
    """Of the names and of the local parts of e-mail addresses; without those that are too short."""
    wholes = {part for name in names for part in (name, name.partition("@")[0])}
    return {text for text in map(_skeleton, wholes) if len(text) >= SHORTEST_NAME}


def _skeleton(text: str) -> str:
    """Letters and digits only, without case, accents and width, and with letters for what resembles them."""
    decomposed = unicodedata.normalize("NFKD", text).casefold().translate(_LOOK_ALIKES)
    return "".join(each for each in decomposed if each.isalnum())

"""E-mail addresses of users: what is accepted, and the one form in which an address is looked up.

Not here: which account an address signs in to (``app.storage.users``).
"""

import re

from app.domain.errors import BadRequest
from app.domain.text import in_nfc, normal_text

LONGEST = 254
"""Characters, as in the column; no longer address can be delivered to (RFC 5321, section 4.5.3.1.3)."""

RULE = "An e-mail address has a name, one @ and a domain, without spaces, quotes, brackets, commas and the like."

ADDRESS = re.compile(r"""[^\s@<>()\[\]{}"'`,;:\\\u200c\u200d]+@[^\s@<>()\[\]{}"'`,;:\\/\u200c\u200d]+""")
"""Strict: the address is an identifier. Also without the two joiners, which do not show."""


def normal_email(text: str) -> str:
    """The address in NFC, in its own letter case; empty stays empty. Refuses others with BadRequest."""
    normal = normal_text("email", text, LONGEST, "An e-mail address")
    if normal and canonical_email(normal) is None:
        raise BadRequest(RULE, {"email": [RULE]})
    return normal


def canonical_email(text: str) -> str | None:
    """The spelling for look-up: NFC and lower case; None for what is no address.

    Nothing else is folded: neither dots nor what follows a plus sign, nor letters that only look alike. Lower case, not
    case folding, which makes one of ß and ss.
    """
    canonical = in_nfc(in_nfc(text, LONGEST).lower(), LONGEST)
    is_address = len(canonical) <= LONGEST and ADDRESS.fullmatch(canonical) is not None
    return canonical if is_address and canonical.isprintable() else None

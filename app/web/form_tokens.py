"""The form token as a page shows it: under a pad of its own in each response.

What is compressed tells by its length what it repeats (BREACH). So nothing in a page stays the same that must not be
guessed: who makes a browser open a page again and again with guesses in the address, and sees how long the answers are,
finds the token under another pad each time.

Not here: what a form token proves (``app.services.sessions``), which pages are compressed (``app.http.compression``).
"""

import re
import secrets

_PADDED = re.compile(r"(?:[0-9a-f]{2}){2,128}")


def padded(token: str) -> str:
    """A token of hexadecimal digits under a random pad: the pad, and their exclusive or."""
    pad = secrets.token_bytes(len(token) // 2)
    return pad.hex() + _xor(pad, bytes.fromhex(token)).hex()


def unpadded(text: str) -> str:
    """The token that :func:`padded` was given; "" of any other text."""
    if not _PADDED.fullmatch(text) or len(text) % 4:
        return ""
    sent = bytes.fromhex(text)
    half = len(sent) // 2
    return _xor(sent[:half], sent[half:]).hex()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(one, other, strict=True))

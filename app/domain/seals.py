"""Seals: keyed digests of what Daypass said or was told, for a purpose each.

A seal proves that a value is ours (whoever can't read the key can't make one), or lets us recognise what we must not
keep in clear. Not here: the digests of tokens (``secrets``) and of passwords (``app.services.passwords``).
"""

import hmac


class Seal:
    """Seals for one purpose. `key`: any secret of the instance; each purpose makes a key of its own from it."""

    def __init__(self, key: bytes, purpose: str) -> None:
        self._key = hmac.digest(key, f"daypass seal: {purpose}".encode(), "sha256")

    def of(self, *parts: str) -> str:
        """The seal of these texts in this order: 64 hexadecimal digits."""
        # Each length stands before its text, so that no two lists of parts are sealed alike.
        body = b"".join(f"{len(part)}:{part}|".encode() for part in parts)
        return hmac.digest(self._key, body, "sha256").hex()

    def fits(self, seal: str, *parts: str) -> bool:
        """Whether `seal` is of these texts, compared in constant time."""
        return hmac.compare_digest(seal.encode(), self.of(*parts).encode())

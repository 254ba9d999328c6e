"""Seals: keyed digests that prove a value is Daypass's own, or recognise a value that must not be stored in clear.

Not here: the digests of tokens (``secrets``) and of passwords (``app.services.passwords``).
"""

import hmac


class Seal:
    """Seals for one purpose. `key`: a secret of the instance; each purpose derives its own key from it."""

    def __init__(self, key: bytes, purpose: str) -> None:
        self._key = hmac.digest(key, f"daypass seal: {purpose}".encode(), "sha256")

    def of(self, *parts: str) -> str:
        """The seal of these texts in this order: 64 hexadecimal digits."""
        # With the length before each text, no two lists of parts have the same seal.
        body = b"".join(f"{len(part)}:{part}|".encode("utf-8", "surrogatepass") for part in parts)
        return hmac.digest(self._key, body, "sha256").hex()

    def fits(self, seal: str, *parts: str) -> bool:
        """Whether `seal` is of these texts, compared in constant time."""
        return hmac.compare_digest(seal.encode(), self.of(*parts).encode())

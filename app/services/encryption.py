"""Encryption of what must be read again, such as the secret of a second factor, under a key outside the database.

Not here: what only needs to be recognised (``app.domain.seals``) or compared (``passwords``).
"""

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12


class Encryption:
    """AES-256-GCM for one purpose. `key`: a secret of the instance; each purpose derives its own key from it."""

    def __init__(self, key: bytes, purpose: str) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=f"daypass encryption: {purpose}".encode()).derive(key)
        self._cipher = AESGCM(derived)

    def encrypt(self, text: str, owner: str) -> str:
        """The text to store. `owner`: whose it is; it is of no use in the row of another."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, text.encode(), owner.encode())
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    def decrypt(self, stored: str, owner: str) -> str | None:
        """What was encrypted for this owner; None for any other text, and under another key."""
        try:
            packed = base64.urlsafe_b64decode(stored)
            return self._cipher.decrypt(packed[:NONCE_BYTES], packed[NONCE_BYTES:], owner.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError):
            return None

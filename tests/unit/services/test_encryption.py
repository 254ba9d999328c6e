"""Encryption of what must be read again."""

import os

from app.services.encryption import Encryption

KEY = os.urandom(32)


def test_what_was_encrypted_is_read_again_only_for_its_owner_and_purpose_and_under_the_key() -> None:
    encryption = Encryption(KEY, "second factor")
    stored = encryption.encrypt("JBSWY3DPEHPK3PXP", "7")
    assert "JBSWY3DPEHPK3PXP" not in stored
    assert encryption.decrypt(stored, "7") == "JBSWY3DPEHPK3PXP"
    assert encryption.decrypt(stored, "8") is None
    assert Encryption(KEY, "ID token").decrypt(stored, "7") is None
    assert Encryption(os.urandom(32), "second factor").decrypt(stored, "7") is None


def test_the_same_text_is_never_stored_alike_and_a_changed_or_cut_one_is_refused() -> None:
    encryption = Encryption(KEY, "second factor")
    stored = encryption.encrypt("secret", "7")
    assert encryption.encrypt("secret", "7") != stored
    changed = stored[:-6] + ("A" if stored[-6] != "A" else "B") + stored[-5:]
    for text in (changed, stored[:20], stored[:-1], "", "ü"):
        assert encryption.decrypt(text, "7") is None

"""The old secret of a rotated refresh token, the one before the current one: whether it is that, and still works.

Not here: rotating (``rotating``), and until when it works (``app.storage.refresh_tokens``).
"""

from datetime import datetime

from app.domain.clock import utc_text
from app.domain.secrets import KeyRing, TokenText
from app.storage.refresh_tokens import StoredRefreshToken, old_secret_until

OLD_REGENERATES_NOTHING = "This is the old secret of a rotated token. Use the new secret to regenerate it."


def is_old_secret(ring: KeyRing, text: TokenText, row: StoredRefreshToken) -> bool:
    """Whether it works or not."""
    if row.previous_mac is None or row.previous_key_id is None:
        return False
    return ring.verifies(text, row.previous_key_id, row.previous_mac)


def works_as_old(row: StoredRefreshToken, now: datetime, is_regeneration: bool = False) -> bool:
    """Whether the old secret is enough: it never regenerates, which would end the current one."""
    return not is_regeneration and old_secret_until(row, now) is not None


def what_became_of_old(row: StoredRefreshToken, now: datetime) -> str | None:
    """Why an old secret is not enough, as a sentence; None where a regeneration has ended it."""
    assert row.rotated_at is not None and row.previous_until is not None
    if works_as_old(row, now):
        return OLD_REGENERATES_NOTHING
    if row.previous_until > now:  # regenerated since
        return None
    rotated, until = (utc_text(each, "seconds") for each in (row.rotated_at, row.previous_until))
    return f"The token was rotated at {rotated}; its old secret worked until {until}. Use the new secret."

"""How long a sign-in at a provider counts: who has left an organisation does not sign in there again.

Not here: the setting (``sign_in_settings``), and who vouches for a person (``app.services.joining``).
"""

from datetime import datetime, timedelta

MUST_SIGN_IN = "Sign in on the pages with single sign-on; then it works again."
"""What the owner of a refused token does."""

FIRST_SIGN_IN = "You have not signed in with single sign-on for too long. Sign in with it on the pages first."
"""For the right password of such a person."""

AWAY = "no recent single sign-on"
"""For the audit log."""

TOLD_BEFORE = timedelta(days=7)
"""How long before, people and administrators are told, at most: not in the first half of the time."""


def sign_in_by(vouched_at: datetime | None, days: str | None) -> datetime | None:
    """When a person is treated as disabled unless they sign in before; None for never.

    `vouched_at`: when a provider last signed them in, or an administrator enabled them since; None for a user whom no
    provider knows. `days`: ``sign_in_valid_days`` as it is stored; None and "0" are unlimited.
    """
    if vouched_at is None or days is None or (valid := int(days)) == 0:
        return None
    return vouched_at + timedelta(days=valid)


def is_away(vouched_at: datetime | None, days: str | None, now: datetime) -> bool:
    """Whether a person is treated as disabled: **at** the instant, as tokens expire."""
    return has_passed(sign_in_by(vouched_at, days), now)


def has_passed(until: datetime | None, now: datetime) -> bool:
    """Whether the instant of :func:`sign_in_by` is over."""
    return until is not None and now >= until


def is_told(vouched_at: datetime | None, until: datetime | None, now: datetime) -> bool:
    """Whether that instant is near, or over."""
    if vouched_at is None or until is None:
        return False
    return now >= until - min(TOLD_BEFORE, (until - vouched_at) / 2)


def last_too_old(valid: timedelta, now: datetime) -> datetime | None:
    """The last `vouched_at` that is too old at `now`; None where none is."""
    return now - valid if valid else None

"""What the audit log says of sign-ins. Never a name that is no user's: people type passwords there."""

from app.domain.identity import User, canonical_username

UNKNOWN = "(unknown)"
"""Stands for any name that is no user's. It is no user name itself."""


def subject_of(user: User | None) -> tuple[str, str]:
    """The object of an event about a sign-in."""
    return "user", user.username if user else UNKNOWN


def reason_of(user: User | None, digest: str | None, matches: bool) -> str:
    """Why a sign-in was refused; the client is never told."""
    if user is None:
        return "unknown user"
    if digest is None:
        return "no password"
    return "disabled" if matches else "wrong password"


def signed_in_by(user: User | None, typed: str) -> dict[str, str]:
    """By what a user signs in, as a detail: nothing where it is the user name, or nobody's."""
    return {} if user is None or user.username == canonical_username(typed) else {"signed_in_by": "e-mail"}

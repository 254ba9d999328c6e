"""Who may sign in on the pages with a password. Not here: whether it is right (``accounts``), and the APIs."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.errors import SignInRefused
from app.domain.identity import Role, User
from app.domain.sign_in_settings import PasswordSignIn
from app.services.instance_settings import read_policy
from app.storage import identities

NOT_BY_PASSWORD = "password_sign_in"

FOR_ADMINISTRATORS = "Only administrators sign in with a password here. Use single sign-on."
TURNED_OFF = "Signing in with a password is turned off here. Use single sign-on."


def refuse_unless_by_password(session: Session, user: User, now: datetime) -> None:
    """Refuse with SignInRefused (``password_sign_in``) who may not sign in with a password; only for the right one.

    One administrator always can: where no provider knows none of those who have a password, all of them.
    """
    chosen = read_policy(session).password_sign_in
    if chosen == PasswordSignIn.ON:
        return
    if chosen == PasswordSignIn.ADMINISTRATORS:
        if user.role is not Role.SERVER_ADMIN:
            raise SignInRefused(FOR_ADMINISTRATORS, NOT_BY_PASSWORD)
    elif not is_break_glass(session, user, now):
        raise SignInRefused(TURNED_OFF, NOT_BY_PASSWORD)


def may_by_password(session: Session, user: User, now: datetime) -> bool:
    """Whether this user may sign in with a password, if they have one."""
    try:
        refuse_unless_by_password(session, user, now)
    except SignInRefused:
        return False
    return True


def is_break_glass(session: Session, user: User, now: datetime) -> bool:
    """Whether this administrator signs in with a password whatever the setting."""
    if user.role is not Role.SERVER_ADMIN:
        return False
    local = identities.local_administrators(session, now)
    unknown = [each for each in local if not identities.is_linked(session, each)]
    return user.id in (unknown or local)

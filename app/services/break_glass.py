"""A warning where nobody could administer while the providers are away. Not here: who may (``password_sign_in``)."""

from contextlib import suppress
from datetime import datetime

from app.domain.sign_in_settings import PasswordSignIn
from app.services.instance_settings import read_policy
from app.storage import identities
from app.storage.database import Database

NONE_LEFT = (
    "no administrator has a password, so nobody can administer while the provider is away: run "
    "`daypass user set-password` for one"
)
ALL_LINKED = (
    "each administrator with a password signs in by single sign-on too, so what a provider decides reaches all of "
    "them: keep one whom no provider knows"
)


class BreakGlass:
    """Looks for the administrators who sign in without a provider."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def warning(self, now: datetime) -> str | None:
        """What is wrong and what to do, where a provider signs people in or passwords do not; else None."""
        # A setting out of its range has a finding of its own.
        with suppress(ValueError), self._database.reading() as session:
            is_off = read_policy(session).password_sign_in != PasswordSignIn.ON
            if not is_off and not identities.is_any(session):
                return None
            local = identities.local_administrators(session, now)
            if not local:
                return NONE_LEFT
            return ALL_LINKED if all(identities.is_linked(session, each) for each in local) else None
        return None

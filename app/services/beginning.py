"""How a web session begins, and goes on under another cookie, whatever proved who the person is.

Not here: the proof, and what comes after it.
"""

import secrets
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.credentials import BY_PASSWORD, BY_PROVIDER, BY_PROXY
from app.domain.errors import SessionEnded
from app.domain.identity import Caller
from app.domain.seals import Seal
from app.domain.sessions import MOST, WebSession
from app.domain.sign_ins import Arrival, SignInMethod
from app.services.password_sign_in import refuse_unless_by_password
from app.storage import sessions
from app.storage.audit import record
from app.storage.tables import UserRow
from app.storage.users import as_user

ID_BYTES = 32

MOST_ENDED = 10
"""The maximum number of sessions beyond the limit that one sign-in ends."""

CREDENTIALS = {
    SignInMethod.PASSWORD: BY_PASSWORD,
    SignInMethod.PROVIDER: BY_PROVIDER,
    SignInMethod.PROXY: BY_PROXY,
}


def new_cookie() -> str:
    """A new random value."""
    return secrets.token_urlsafe(ID_BYTES)


class BeginningSessions:
    """Begins and renews sessions. `seal`: of their cookies."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def begin(
        self,
        session: Session,
        owner: UserRow,
        arrival: Arrival,
        caller: Caller,
        now: datetime,
        before: str | None,
        device: str,
    ) -> str:
        """Create a session for an enabled user whose row is locked; its cookie.

        Refuses with SignInRefused who may not sign in with a password, where that was the proof.

        `before`: the previous cookie, whose session ends. `device`: as :func:`app.domain.devices.device_of` has it.
        """
        if arrival.method is SignInMethod.PASSWORD:
            refuse_unless_by_password(session, as_user(owner), now)
        cookie = new_cookie()
        owner.last_login_at = now
        if before is not None:
            sessions.end(session, self._seal.of(before))
        row = sessions.insert(session, self._seal.of(cookie), owner.id, now, caller.address, device, arrival)
        credential = CREDENTIALS[arrival.method]
        known, subject = caller.as_user(owner.id, owner.username, credential), ("user", owner.username)
        record(session, now, known, "session.began", subject, number=row.id, **arrival.detail)
        for number in sessions.end_oldest(session, owner.id, MOST, MOST_ENDED):
            record(session, now, known, "session.ended", subject, number=number, because=f"{MOST} at most")
        return cookie

    def renew(self, session: Session, known: WebSession, proved_at: datetime, arrival: Arrival | None = None) -> str:
        """The new cookie of a session whose person proved who they are again; the one of before is worth nothing.

        Who had read that one does not share what the session can do now. Refuses with SessionEnded, also where another
        request renewed it. `arrival`: of a proof by a provider.
        """
        renewed = new_cookie()
        if not sessions.renew(session, known, self._seal.of(renewed), proved_at, arrival):
            raise SessionEnded
        return renewed

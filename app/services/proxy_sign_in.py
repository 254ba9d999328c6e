"""Sign-in by what a trusted reverse proxy says: a user name, of a user who exists.

Not here: reading the header, and whom it is believed from (``app.http.remote_user``).
"""

from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from app.domain.audit import SIGN_IN_REFUSED
from app.domain.clock import Clock
from app.domain.devices import device_of
from app.domain.errors import SignInRefused
from app.domain.identity import Caller, Kind, canonical_username
from app.domain.sessions import FRESH, WebSession
from app.domain.sign_ins import Arrival, SignInMethod
from app.services.beginning import BeginningSessions
from app.services.first_sign_ins import refuse_disabled
from app.services.password_sign_in import may_by_password
from app.services.refused_sign_ins import UNKNOWN
from app.services.sightings import Sightings
from app.storage import users
from app.storage.database import Database
from app.storage.tables import UserRow

LOG = structlog.get_logger(__name__)

MALFORMED = (
    "The reverse proxy in front of Daypass did not name one user by a user name. Ask a server administrator to correct "
    "what it sends."
)
NO_USER = "The reverse proxy signed you in, but there is no such user here. Ask a server administrator to add you."
SERVICE_ACCOUNT = "The reverse proxy named a service account: nobody signs in to it."

UNTRUSTED = "header of a peer that is no trusted proxy"
"""For the audit log."""


class ProxySignIn:
    """Signs people in by the user name that a trusted proxy sends."""

    def __init__(self, database: Database, clock: Clock, beginning: BeginningSessions, sightings: Sightings) -> None:
        self._database = database
        self._clock = clock
        self._beginning = beginning
        self._sightings = sightings

    def sign_in(self, text: str, caller: Caller, before: str | None, user_agent: str | None = None) -> str:
        """Create a session for the user with this name; its cookie. `before`: the previous cookie, whose session ends.

        Refuses with SignInRefused: ``malformed_name``, ``unknown_user``, ``disabled``, ``service_account``. A user who
        may prove with a password who they are does so before what needs a fresh proof; for others the sign-in is one.
        """
        name = canonical_username(text.strip())
        try:
            if name is None:
                raise SignInRefused(MALFORMED, "malformed_name")
            with self._database.transaction() as session:
                row, now = _existing(users.hold(session, name)), self._clock()
                if row.vouched_at is not None or row.password_hash is None:
                    row.vouched_at = now  # as a provider's word counts (``app.domain.leavers``)
                proved_at = now - FRESH if _proves_by_password(session, row, now) else now
                arrival = Arrival(SignInMethod.PROXY, proved_at=proved_at, detail={"signed_in_by": "reverse proxy"})
                return self._beginning.begin(session, row, arrival, caller, now, before, device_of(user_agent))
        except SignInRefused as refusal:
            is_known = refusal.why in ("disabled", "service_account")
            self._note(caller, name if is_known and name else UNKNOWN, refusal.why.replace("_", " "))
            raise

    def note_untrusted(self, caller: Caller) -> None:
        """Record that somebody else than a trusted proxy sent the header, which is ignored."""
        self._note(caller, UNKNOWN, UNTRUSTED)

    def asks_for_password(self, known: WebSession) -> bool:
        """Whether the user of this session proves with a password who they are."""
        with self._database.reading() as session:
            row = users.get(session, known.user.id)
            return row is not None and _proves_by_password(session, row, self._clock())

    def _note(self, caller: Caller, name: str, reason: str) -> None:
        LOG.warning("proxy_sign_in_refused", reason=reason, address=caller.address)
        self._sightings.note(SIGN_IN_REFUSED, ("user", name), caller, reason=reason)


def is_named(known: WebSession, text: str) -> bool:
    """Whether the user of this session is the one that the proxy names."""
    return canonical_username(text.strip()) == known.user.username


def _existing(row: UserRow | None) -> UserRow:
    if row is None:
        raise SignInRefused(NO_USER, "unknown_user")
    if row.kind != Kind.PERSON:
        raise SignInRefused(SERVICE_ACCOUNT, "service_account")
    refuse_disabled(row)
    return row


def _proves_by_password(session: Session, row: UserRow, now: datetime) -> bool:
    return row.password_hash is not None and may_by_password(session, users.as_user(row), now)

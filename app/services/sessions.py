"""Sessions of the web pages: signing in, staying signed in, signing out, and proving oneself again.

The browser holds a random id in a cookie; kept is only its keyed digest, so that whoever reads the database can't use
a session. Rights are not part of a session: the user is read with it, each time. Not here: the cookie itself, and
what a page asks for (``app.web``).
"""

import re
import secrets
from contextlib import suppress

from app.domain.clock import Clock
from app.domain.errors import BadCredentials, BadRequest, Unavailable
from app.domain.identity import Caller
from app.domain.seals import Seal
from app.domain.sessions import WebSession
from app.services.accounts import Accounts, Proof
from app.storage import sessions, users
from app.storage.audit import record
from app.storage.database import Database

ID_BYTES = 32
COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")

SEEN_EVERY_SECONDS = 60
"""A session is written to once a minute at most, not at every page."""


class Sessions:
    """Knows who is signed in. `cookie`: what the browser holds. `key`: a secret of the instance."""

    def __init__(self, database: Database, clock: Clock, accounts: Accounts, key: bytes) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._seal = Seal(key, "session")
        self._forms = Seal(key, "form")

    @staticmethod
    def new_cookie() -> str:
        """An id that nobody can guess, for a browser that has none."""
        return secrets.token_urlsafe(ID_BYTES)

    def sign_in(self, username: str, password: str, caller: Caller, before: str | None) -> str:
        """A session for whoever has this name and password: the new cookie.

        `before`: the cookie until now, whose session ends. Refuses as :meth:`Accounts.authenticate`.
        """
        while True:
            proof = self._accounts.authenticate(username, password, caller)
            cookie = self._begin(proof, caller, before)
            if cookie is not None:
                return cookie
            # The password was changed meanwhile, or its digest upgraded: whether it is right must be asked again.

    def _begin(self, proof: Proof, caller: Caller, before: str | None) -> str | None:
        """The cookie of a new session; None where the proof no longer holds."""
        cookie = self.new_cookie()
        with self._database.transaction() as session:
            now = self._clock()
            owner = users.get_and_lock(session, proof.user.id)
            if owner is None:
                raise BadCredentials
            if owner.password_hash != proof.digest:
                return None
            owner.last_login_at = now
            if before is not None:
                sessions.end(session, self._digest(before))
            sessions.insert(session, self._digest(cookie), owner.id, now)
            known = caller.as_user(owner.id, owner.username)
            record(session, now, known, "session.began", ("user", owner.username))
        return cookie

    def find(self, cookie: str | None) -> WebSession | None:
        """The session of this cookie, unless it is over."""
        if cookie is None or not COOKIE.fullmatch(cookie):
            return None
        with self._database.reading() as session:
            found = sessions.find(session, self._digest(cookie))
        now = self._clock()
        if found is None or found.is_over(now):
            return None
        if (now - found.seen_at).total_seconds() >= SEEN_EVERY_SECONDS:
            with suppress(Unavailable), self._database.transaction() as session:  # reading must not fail for it
                sessions.touch(session, found.id, seen_at=now)
        return found

    def has_ended(self, cookie: str | None) -> bool:
        """Whether there was a session of this cookie, whose time is over."""
        if cookie is None:
            return False
        with self._database.reading() as session:
            return sessions.find(session, self._digest(cookie)) is not None

    def prove(self, known: WebSession, password: str, caller: Caller) -> None:
        """Note that the session's user has given their password again. Refuses as :meth:`Accounts.authenticate`."""
        self._accounts.authenticate(known.user.username, password, caller)
        with self._database.transaction() as session:
            sessions.touch(session, known.id, proved_at=self._clock())

    def is_fresh(self, known: WebSession) -> bool:
        """Whether the password was given a moment ago."""
        return known.is_fresh(self._clock())

    def sign_out(self, cookie: str, caller: Caller) -> None:
        """End the session of this cookie; harmless when it is over."""
        with self._database.transaction() as session:
            found = sessions.find(session, self._digest(cookie))  # whose time may be over: then nobody is known yet
            if found is not None and sessions.end(session, self._digest(cookie)) is not None:
                known = caller.as_user(found.user.id, found.user.username)
                record(session, self._clock(), known, "session.ended", ("user", known.name))

    def change_password(self, known: WebSession, present: str, new: str, caller: Caller) -> None:
        """Give the session's user another password; their other sessions end, their tokens are not touched.

        Refuses as :meth:`Accounts.authenticate` (the present one), and with BadRequest (the new one).
        """
        if present == new:
            message = "The new password is the same as the present one."
            raise BadRequest(message, {"password": [message]})
        username = known.user.username
        proof = self._accounts.authenticate(username, present, caller)
        # An administrator may set another one at this moment, and theirs must stand.
        self._accounts.set_password(username, new, caller, proof, keep_session=known.id)

    def form_token(self, cookie: str) -> str:
        """What a form must send along, to show that it was made for this browser."""
        return self._forms.of(cookie)

    def is_form_token(self, cookie: str, token: str) -> bool:
        """Whether a form made for this browser holds `token`, compared in constant time."""
        return self._forms.fits(token, cookie)

    def _digest(self, cookie: str) -> str:
        return self._seal.of(cookie)
